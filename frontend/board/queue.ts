/** The queue at the left: three sections, keyed rows, a selection that only the person moves. */
import { h, must, setText } from "./dom";
import { mark } from "./icons";
import type { Link } from "./link";
import { M } from "./messages";
import { samePerson, type Store, trailerNumber } from "./store";
import { ageSeconds, clock, duration, shortClock, zonedClock } from "./time";
import { titleOf, what, where } from "./words";
import type { Alert, Boot } from "./wire";

interface Row { element: HTMLLIElement; button: HTMLButtonElement; age: HTMLElement; sign: string; id: string }

const OUTCOME_WORD = (alert: Alert): string => (alert.outcome ? alert.outcome[0]!.toUpperCase() + alert.outcome.slice(1) : "");

export class Queue {
  private rows = new Map<string, Row>();
  private order: string[] = [];
  private filter = "";
  private readonly lists = {
    waiting: must<HTMLOListElement>("#queue-waiting"),
    acknowledged: must<HTMLOListElement>("#queue-acknowledged"),
    closed: must<HTMLOListElement>("#queue-closed"),
  };
  private readonly filterBox = must<HTMLInputElement>("#queue-filter");

  constructor(private readonly store: Store, private readonly link: Link, private readonly boot: Boot,
              private readonly select: (id: string | null) => void) {
    this.filterBox.addEventListener("input", () => { this.filter = this.filterBox.value.trim().toLowerCase(); this.render(); });
    must("#queue-filter-button").addEventListener("click", () => this.openFilter());
    must("#queue-scroll").addEventListener("click", (event) => {
      const id = (event.target as Element).closest<HTMLElement>("[data-alert]")?.dataset["alert"];
      if (id) this.select(id);
    });
  }

  openFilter(): void {
    this.filterBox.hidden = false;
    this.filterBox.focus();
  }

  /** Esc in the filter: empty it and put it away. True if there was something to do. */
  closeFilter(): boolean {
    if (this.filterBox.hidden) return false;
    this.filterBox.value = this.filter = "";
    this.filterBox.hidden = true;
    this.render();
    return true;
  }

  /** The id `step` rows from the selection; the first row when nothing is selected. */
  neighbour(step: 1 | -1): string | null {
    const at = this.store.selected === null ? -1 : this.order.indexOf(this.store.selected);
    if (at === -1) return this.order[0] ?? null;
    return this.order[Math.min(this.order.length - 1, Math.max(0, at + step))] ?? null;
  }

  reveal(id: string): void {
    this.rows.get(id)?.element.scrollIntoView({ block: "nearest" });
  }

  render(): void {
    const lost = this.link.state() === "lost" || this.link.state() === "ended";
    const at = this.link.lastWordAt ? clock(this.link.lastWordAt) : "";
    const waiting = this.store.waiting();
    const acknowledged = this.store.acknowledged();
    const closed = this.store.closedToday();
    const shown = { acknowledged: acknowledged.filter((a) => this.passes(a)), closed: closed.filter((a) => this.passes(a)) };
    this.order = [...waiting, ...shown.acknowledged, ...shown.closed].map((a) => a.id);

    const calm = this.store.loaded && this.store.alerts.size === 0 && !lost;
    this.head(lost, at);
    this.calm(calm);
    for (const part of ["waiting", "acknowledged"] as const) {
      must<HTMLElement>(`#section-${part}`).hidden = calm || !this.store.loaded;
    }
    this.section("waiting", lost ? `${M.unacknowledged} ${M.at(at)}` : M.unacknowledged, waiting, waiting.length, lost);
    this.section("acknowledged", lost ? `${M.acknowledgedOpen} ${M.at(at)}` : M.acknowledgedOpen, shown.acknowledged, acknowledged.length, lost);
    this.section("closed", M.closedToday, shown.closed, closed.length, false);
    must<HTMLElement>("#section-closed").hidden = closed.length === 0;
    if (acknowledged.length === 0) must<HTMLElement>("#section-acknowledged").hidden = true;
    const none = must<HTMLElement>("#queue-none-waiting");
    const waitedUntil = this.store.noneWaitingSince();
    none.hidden = waiting.length > 0 || lost;
    setText(none, waitedUntil ? M.noneSince(clock(waitedUntil)) : M.nothingHere);
    must<HTMLElement>("#queue-until").hidden = !lost;
    must<HTMLElement>("#queue-keys").hidden = lost;
    const note = must<HTMLElement>("#queue-filtered");
    note.hidden = !this.filter;
    setText(note, M.filtered(this.order.length, waiting.length + acknowledged.length + closed.length));
    this.forget();
  }

  /** Ages only; called once a second. */
  tick(): void {
    if (this.link.state() === "lost" || this.link.state() === "ended") return;
    for (const row of this.rows.values()) {
      const alert = this.store.find(row.id);
      if (alert && alert.state !== "closed") setText(row.age, age(alert));
    }
  }

  private passes(alert: Alert): boolean {
    if (!this.filter) return true;
    const text = `${titleOf(alert, this.store)} ${where(alert, this.store)} ${M.trailer(trailerNumber(alert.trailer))} ${alert.trailer} ${alert.acknowledged_by?.name ?? ""} ${alert.outcome ?? ""}`;
    return text.toLowerCase().includes(this.filter);
  }

  private head(lost: boolean, at: string): void {
    setText(must("#queue-count"), !this.store.loaded ? M.loading : lost ? M.asItWas(at) : M.open(this.store.alerts.size));
  }

  private calm(calm: boolean): void {
    const box = must<HTMLElement>("#queue-calm");
    box.hidden = !calm;
    if (!calm) return;
    const since = this.store.noneOpenSince();
    const all = since === null || since === this.store.status?.day_start;
    setText(must("#calm-title"), all ? M.noOpenToday : `${M.noOpen[0]} ${M.noOpen[1]} ${zonedClock(since)}`);
    const status = this.store.status;
    const reported = status ? `${M.reported(status.trailers.reporting, status.trailers.deployed)} ` : "";
    setText(must("#calm-checked"), reported + (this.link.equalAt ? M.equals(clock(this.link.equalAt)) : M.notYetEqual));
  }

  private section(part: keyof Queue["lists"], title: string, alerts: Alert[], count: number, lost: boolean): void {
    const list = this.lists[part];
    setText(must(`#head-${part}`), title);
    setText(must(`#count-${part}`), String(count));
    alerts.forEach((alert, i) => {
      const row = this.row(alert, lost);
      if (list.children[i] !== row.element) list.insertBefore(row.element, list.children[i] ?? null);
    });
    while (list.children.length > alerts.length) list.lastElementChild!.remove();
  }

  private row(alert: Alert, lost: boolean): Row {
    const selected = this.store.selected === alert.id;
    const label = where(alert, this.store);
    const sign = [alert.version, alert.state, what(alert, this.store), label, lost, selected, this.order[0] === alert.id].join("|");
    const known = this.rows.get(alert.id);
    if (known?.sign === sign) return known;
    const button = h("button", {
      type: "button", class: rowClass(alert, lost), "data-alert": alert.id, "data-version": alert.version, "data-state": alert.state,
      "aria-current": selected ? "true" : null, tabindex: selected || this.order[0] === alert.id ? 0 : -1,
    });
    const when = h("span", "q-age num", lost ? clock(alert.occurred_at) : age(alert));
    button.append(...(alert.state === "closed" ? this.closedCells(alert, when) : this.openCells(alert, label, when, lost)));
    const element = known?.element ?? h("li", { class: "q-item" });
    const focused = known?.button === document.activeElement;
    element.replaceChildren(button);
    if (focused) button.focus();
    const row = { element, button, age: when, sign, id: alert.id };
    this.rows.set(alert.id, row);
    return row;
  }

  private openCells(alert: Alert, label: string, when: HTMLElement, lost: boolean): Node[] {
    const waiting = alert.state === "unacknowledged";
    const glyph = mark(alert.priority, !waiting || lost, 24);
    if (waiting && !lost && ageSeconds(alert.received_at) < 3) glyph.classList.add("mark-new");
    const state = lost && waiting ? M.stateUnknown : waiting ? M.unacknowledged : this.who(alert);
    const flags = alert.flags.includes("late") ? ", late" : "";
    return [
      glyph,
      h("span", "q-what", what(alert, this.store)), when,
      h("span", "q-where truncate", label),
      h("span", "q-when truncate num", `${M.trailer(trailerNumber(alert.trailer))}, ${clock(alert.occurred_at)}${flags}`),
      h("span", `q-state ${waiting && !lost ? `ink-${alert.priority} q-waiting` : ""}`, state),
    ];
  }

  private closedCells(alert: Alert, when: HTMLElement): Node[] {
    setText(when, shortClock(alert.closed_at ?? alert.occurred_at));
    return [
      mark(alert.priority, true, 20),
      h("span", "q-what truncate", what(alert, this.store), h("span", "q-trailer", ` ${M.trailer(trailerNumber(alert.trailer))}`)), when,
      h("span", "q-where truncate", [OUTCOME_WORD(alert), this.who(alert)].filter(Boolean).join(", ")),
    ];
  }

  private who(alert: Alert): string {
    return samePerson(alert.acknowledged_by, this.boot.me) ? M.you : alert.acknowledged_by?.name ?? "";
  }

  private forget(): void {
    if (this.rows.size < this.order.length + 200) return;
    const shown = new Set(this.order);
    for (const id of this.rows.keys()) if (!shown.has(id)) this.rows.delete(id);
  }
}

function rowClass(alert: Alert, lost: boolean): string {
  const classes = ["q-row", `q-${alert.state}`, `q-p${alert.priority}`];
  if (lost) classes.push("q-lost", "hatched");
  return classes.join(" ");
}

/** Seconds and minutes while young, the clock after an hour. */
function age(alert: Alert): string {
  if (alert.state === "closed") return shortClock(alert.closed_at ?? alert.occurred_at);
  const seconds = ageSeconds(alert.occurred_at);
  return seconds < 3600 ? duration(seconds) : shortClock(alert.occurred_at);
}
