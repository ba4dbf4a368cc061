/**
 * Handing an alert off: the two actions under the panel, the dialog that shows what will be sent, and where each
 * hand-off is, which only the outbox knows. A press is never shown as a delivery.
 */
import { alertUrl, getJson, intentKey, postJson, Problem } from "./api";
import { h, key, must, Part, spinner } from "./dom";
import { icon } from "./icons";
import type { Link } from "./link";
import { M } from "./messages";
import type { Store } from "./store";
import { clock } from "./time";
import type { Alert, Boot, HandOffs, Preview, Receipt } from "./wire";
import { titleOf } from "./words";

const POLL_MS = 2000;
const PENDING_AFTER_MS = 150;

interface Open { alert: string; preview: Preview | null; target: string; note: string; cad: string; said: string; failed: boolean; sending: boolean; key: string; intent: string }

export class HandOffDesk {
  /** The receipt became another one: the timeline has a new line. */
  onChange: () => void = () => {};
  private readonly dialog = must<HTMLDialogElement>("#hand-off");
  private readonly actions = new Part(must("#detail-actions"));
  private readonly receipts = new Part(must("#detail-handoff"));
  private readonly asked = new Map<string, number>();
  private open: Open | null = null;
  private polledAt = 0;

  constructor(private readonly store: Store, private readonly link: Link, private readonly boot: Boot, private readonly note: () => void) {
    this.dialog.addEventListener("cancel", (event) => { event.preventDefault(); this.close(); });
  }

  render(alert: Alert, lost: boolean): void {
    if (!lost && alert.state !== "unacknowledged" && this.asked.get(alert.id) !== alert.version) void this.fetch(alert);
    const known = this.store.handOffs.get(alert.id);
    this.receipts.show([alert.id, lost, JSON.stringify(known?.receipts ?? [])].join("|"), () =>
      lost || !known?.receipts.length ? [] : [h("div", { class: "d-handoff", role: "status" }, ...known.receipts.map(line))]);
    this.renderActions(alert, lost, Boolean(known?.receipts.length));
    // Somebody closed it meanwhile: nothing can be sent of it any more.
    if (this.open && (this.open.alert !== alert.id || alert.state !== "acknowledged")) this.close();
  }

  clear(): void {
    this.actions.clear();
    this.receipts.clear();
    if (this.open) this.close();
  }

  /** While something is on its way, ask every two seconds. */
  tick(alert: Alert): void {
    const known = this.store.handOffs.get(alert.id);
    if (!known?.receipts.some(waits) || performance.now() - this.polledAt < POLL_MS || !this.link.usable()) return;
    void this.fetch(alert);
  }

  /** A push said that a hand-off of this alert is somewhere else now. */
  heard(id: string): void {
    const alert = this.store.current();
    if (alert?.id === id) void this.fetch(alert);
    else this.asked.delete(id);
  }

  /** C */
  start(): void {
    const alert = this.store.current();
    if (!alert || !this.link.usable() || !this.boot.can.acknowledge || this.open) return;
    if (alert.state !== "acknowledged") return must<HTMLElement>("#detail-actions").querySelector<HTMLElement>("[data-focus]")?.focus();
    this.open = { alert: alert.id, preview: null, target: "", note: "", cad: "", said: "", failed: false, sending: false, key: "", intent: "" };
    this.build(alert);
    this.dialog.showModal();
    // Words first: the target is chosen already, and Enter sends from here.
    this.dialog.querySelector<HTMLElement>("#hand-off-note")?.focus();
    void this.load(alert.id);
  }

  /** Esc: true if there was something to close. */
  close(): boolean {
    if (!this.dialog.open) return false;
    this.dialog.close();
    this.open = null;
    document.querySelector<HTMLElement>("[data-focus=hand-off]")?.focus();
    return true;
  }

  private async fetch(alert: Alert): Promise<void> {
    this.asked.set(alert.id, alert.version);
    this.polledAt = performance.now();
    const before = JSON.stringify(this.store.handOffs.get(alert.id)?.receipts ?? []);
    const known = await getJson<HandOffs>(alertUrl(alert.id, "hand-off")).catch(() => null);
    if (!known) { this.asked.delete(alert.id); return; }
    this.store.handOffs.set(alert.id, known);
    if (JSON.stringify(known.receipts) !== before) this.onChange();
    this.store.changed();
  }

  // --- under the panel ----------------------------------------------------------------------------------------

  private renderActions(alert: Alert, lost: boolean, again: boolean): void {
    const shown = !lost && this.boot.can.acknowledge && alert.state !== "closed";
    this.actions.element.hidden = !shown;
    this.actions.show([alert.id, alert.state, shown, again].join("|"), () => {
      if (!shown) return [];
      if (alert.state === "unacknowledged") return [h("button", { type: "button", class: "btn btn-wide btn-locked", "aria-disabled": "true", "data-focus": "hand-off" }, icon("lock", 16), M.handOffLocked, key("C"))];
      return [
        h("button", { type: "button", class: "btn", id: "hand-off-open", "data-focus": "hand-off", onclick: () => this.start() }, again ? M.handOffAgain : M.handOff, key("C")),
        h("button", { type: "button", class: "btn", "data-focus": "note-open", onclick: this.note }, M.noteWord, key("N")),
      ];
    });
  }

  // --- the dialog -----------------------------------------------------------------------------------------------

  private async load(id: string): Promise<void> {
    const open = this.open;
    const alert = this.store.find(id);
    if (!open || !alert) return;
    try {
      const [known, preview] = await Promise.all([getJson<HandOffs>(alertUrl(id, "hand-off")), getJson<Preview>(alertUrl(id, "hand-off/preview"))]);
      if (this.open !== open) return;
      this.store.handOffs.set(id, known);
      open.preview = preview;
      open.failed = false;
      open.target ||= known.targets[0]?.id ?? "";
    } catch (error) {
      if (this.open !== open) return;
      open.failed = true;
      open.said = error instanceof Problem && error.message ? error.message : M.handOffNoPreview;
    }
    this.build(alert);
  }

  private build(alert: Alert): void {
    const open = this.open;
    if (!open) return;
    const known = this.store.handOffs.get(alert.id);
    const last = known?.receipts.findLast((one) => one.target === open.target);
    const focus = this.dialog.contains(document.activeElement) ? (document.activeElement as HTMLElement).id : "";
    const note = h("input", { id: "hand-off-note", name: "note", maxlength: 500, autocomplete: "off", "aria-describedby": "hand-off-note-hint" });
    const cad = h("input", { id: "hand-off-cad", name: "cad", maxlength: 40, autocomplete: "off", spellcheck: "false", "aria-describedby": "hand-off-cad-hint" });
    note.value = open.note;
    cad.value = open.cad;
    note.addEventListener("input", () => { open.note = note.value; });
    cad.addEventListener("input", () => { open.cad = cad.value; });
    const form = h("form", { class: "ho", novalidate: true },
      h("div", "ho-head", h("h2", { id: "hand-off-title" }, last ? M.handOffCorrect : M.handOff), h("span", "t2", titleOf(alert, this.store))),
      last ? h("p", "note", M.handOffLast(last.by.name, clock(last.at), last.name)) : null,
      this.targets(open, known?.targets ?? []),
      h("div", "ho-fields",
        h("div", "field", h("label", { for: "hand-off-note" }, last ? M.handOffWhat : M.note), h("div", { class: "hint", id: "hand-off-note-hint" }, M.handOffNoteHint), note),
        h("div", "field", h("label", { for: "hand-off-cad" }, M.cad), h("div", { class: "hint", id: "hand-off-cad-hint" }, M.handOffCadHint), cad)),
      h("section", { class: "ho-sent", tabindex: 0, "aria-label": M.handOffSent }, h("h3", "head", M.handOffSent),
        open.preview ? h("dl", "kv", ...open.preview.rows.flatMap((row) => [h("dt", null, row.name), h("dd", null, row.words)])) : h("p", "t3", open.failed ? M.handOffNothing : M.handOffFetching)),
      h("p", "small t3", M.handOffNever),
      open.said ? h("p", { class: "d-refusal fault", role: "alert" }, open.said) : null,
      h("div", "row", h("button", { class: "btn btn-primary", id: "hand-off-do", "aria-disabled": open.preview && !open.sending ? null : "true" }, open.sending ? spinner() : null, open.sending ? M.handOffSending : last ? M.handOffCorrect : M.handOff, key("Enter")),
        h("button", { type: "button", class: "btn btn-quiet", id: "hand-off-cancel", onclick: () => this.close() }, M.cancel, key("Esc"))));
    form.addEventListener("submit", (event) => { event.preventDefault(); void this.send(); });
    this.dialog.replaceChildren(form);
    (focus ? this.dialog.querySelector<HTMLElement>(`#${focus}`) : note)?.focus();
  }

  private targets(open: Open, choices: { id: string; name: string }[]): HTMLElement | null {
    if (!choices.length) return null;
    return h("fieldset", "field", h("legend", null, M.handOffTo), h("div", "segment", ...choices.map((choice) => {
      const input = h("input", { type: "radio", name: "target", value: choice.id, id: `hand-off-to-${choice.id}`, ...(choice.id === open.target ? { checked: true } : {}) });
      input.addEventListener("change", () => {
        open.target = choice.id;
        const alert = this.store.find(open.alert);
        if (alert) this.build(alert);
      });
      return h("label", null, input, h("span", null, choice.name));
    })));
  }

  private async send(): Promise<void> {
    const open = this.open;
    const alert = open && this.store.find(open.alert);
    if (!open?.preview || !alert || open.sending || !this.link.usable()) return;
    const body = { target: open.target, note: open.note.trim(), cad: open.cad.trim(), version: open.preview.version };
    const intent = JSON.stringify(body);
    if (open.intent !== intent) Object.assign(open, { intent, key: intentKey() });
    open.sending = true;
    open.said = "";
    const pending = setTimeout(() => this.build(alert), PENDING_AFTER_MS);
    try {
      const receipt = await postJson<Receipt>(alertUrl(open.alert, "hand-off"), body, open.key);
      const known = this.store.handOffs.get(open.alert);
      if (known && !known.receipts.some((one) => one.id === receipt.id)) known.receipts.push(receipt);
      this.asked.delete(open.alert);
      if (this.open === open) this.close();
      this.onChange();
      this.store.changed();
    } catch (error) {
      const problem = error instanceof Problem ? error : null;
      open.sending = false;
      open.said = problem?.status ? problem.message || M.failed : M.handOffNoAnswer;
      if (this.open !== open) return;
      // What was read is no longer what is: nothing is sent before the new text has been shown.
      if (problem?.status === 409) open.preview = null;
      this.build(alert);
      if (problem?.status === 409) { void this.link.refresh(); await this.load(open.alert); }
    } finally {
      clearTimeout(pending);
    }
  }
}

const waits = (one: Receipt): boolean => one.target === "cad" && (one.state === "queued" || one.state === "sent");

function line(one: Receipt): HTMLElement {
  const files = Object.entries(one.files);
  const failed = one.state === "failed";
  const glyph = failed ? "x" : one.state === "delivered" ? "check" : one.target === "file" ? "file" : "clockPlain";
  const fetched = one.state === "delivered" ? M.handOffFetched(clock(one.settled_at ?? one.at), files.length > 0) : M.handOffFile;
  const said = one.target === "file" ? (failed ? M.handOffGone : fetched) : failed ? M.handOffFailed(M.handOffFault(one.fault)) : one.state === "delivered" ? M.handOffDelivered(clock(one.settled_at ?? one.at))
    : one.attempts === 0 ? M.handOffQueued : M.handOffWaits(one.attempts, M.handOffFault(one.fault));
  return h("div", { class: `ho-line${failed && one.target === "cad" ? " fault" : ""}`, "data-receipt": one.id, "data-state": one.state },
    icon(glyph, 16),
    h("span", null, h("b", null, one.number > 1 ? M.handOffCorrection(one.name) : one.name), ` ${said}`,
      ...files.flatMap(([form, url]) => [" ", h("a", { href: url, download: true }, form)])));
}
