/**
 * Keeps what is typed, sealed on the server, 1.5 s after the last key and when the page goes away. Until the server
 * has it, a page that goes leaves it in this tab too: a reload may be answered before it arrives. A text saved
 * elsewhere meanwhile is shown beside the typed one; the person chooses.
 */
import { h, must } from "../board/dom";
import { clock } from "../board/time";
import { answers, drop, type Fields, putBack, recall, remember, same } from "./typed";

export interface Kept {
  saved_at: string;
  version: number;
  base: string;
  explained?: unknown;
}
interface Conflict { detail: string; base: string; differs: { label: string; saved: string; typed: string }[] }

const PAUSE_MS = 1500;
const AGAIN_MS = 5000;
/** How long, and how often, words that left with the page before are waited for. */
const ARRIVES_MS = 300;
const ARRIVES_TRIES = 8;
/** Browsers refuse larger bodies once a page goes away. */
const BEACON_BYTES = 60_000;

export function keepTyping(form: HTMLFormElement, told: (kept: Kept) => void): void {
  const here = form.dataset["here"];
  // What was refused was posted elsewhere: a reload asks for this page, and does not post it again.
  if (here && location.pathname !== here) history.replaceState(null, "", here);
  const keeper = new Keeper(form, told);
  keeper.listen();
  keeper.bringBack();
}

class Keeper {
  private timer = 0;
  private dirty = false;
  private busy: Promise<void> | null = null;
  private leaving = false;
  /** The form itself is on its way, or was given up. */
  private gone = false;
  /** What is on its way to the server; after a reload, what was. */
  private sent: Fields | null = null;
  private readonly base: HTMLInputElement;
  private readonly bar = must<HTMLElement>("#saved");

  constructor(private readonly form: HTMLFormElement, private readonly told: (kept: Kept) => void) {
    this.base = form.querySelector<HTMLInputElement>("input[name=base]")!;
  }

  listen(): void {
    const typed = (event: Event): void => {
      if (event.target instanceof HTMLInputElement && event.target.type === "file") return;
      this.touched(PAUSE_MS);
    };
    this.form.addEventListener("input", typed);
    this.form.addEventListener("change", typed);
    this.form.addEventListener("submit", (event) => { void this.submit(event); });
    document.addEventListener("visibilitychange", () => { if (document.visibilityState === "hidden") this.leave(); });
    addEventListener("pagehide", () => this.leave());
    // A page that comes back from the browser's own store does not know what was kept as it went.
    addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
    document.querySelector("#take-saved")?.addEventListener("click", () => { this.dirty = false; this.go(); });
  }

  /** What this tab kept and the page does not show; the text it was typed over tells whether another came between. */
  bringBack(): void {
    const typed = recall(sessionStorage, this.address, this.who);
    if (!typed) return;
    if (!typed.fields) { void this.fetchBack(); return; }
    const shown = answers(new FormData(this.form));
    if (same(typed.fields, shown)) return drop(sessionStorage, this.address);
    putBack(this.form, typed.fields);
    if (!typed.sent || !same(typed.sent, shown)) [this.base.value, this.sent] = [typed.base, typed.sent];
    this.form.dispatchEvent(new Event("change"));
    this.touched(0);
  }

  /** For what a tab must not keep: the words come back from the server, once they are there. */
  private async fetchBack(): Promise<void> {
    drop(sessionStorage, this.address);
    for (let tries = 0; tries < ARRIVES_TRIES && !this.dirty; tries++) {
      const saved = await this.savedForm();
      const base = saved?.querySelector<HTMLInputElement>("input[name=base]")?.value;
      if (saved && base && base !== this.base.value && !this.dirty) {
        putBack(this.form, answers(new FormData(saved)));
        this.base.value = base;
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, ARRIVES_MS));
    }
  }

  private get address(): string {
    return this.form.dataset["keep"] ?? "";
  }

  private get who(): string {
    return document.querySelector(".nav-me .name")?.parentElement?.innerText.trim() ?? "";
  }

  private touched(afterMs: number): void {
    this.dirty = true;
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => { void this.keep(); }, afterMs);
  }

  /** One at a time: the answer carries what the next one must name. */
  private async keep(): Promise<void> {
    if (this.busy) await this.busy;
    if (!this.dirty || this.leaving) return;
    this.dirty = false;
    this.busy = this.send().finally(() => { this.busy = null; });
    await this.busy;
  }

  private async send(): Promise<void> {
    this.say(this.form.dataset["saving"] ?? "");
    const before = this.sent;
    let answer: Response;
    try {
      answer = await this.post();
    } catch {
      return this.failed(this.form.dataset["noAnswer"] ?? "");
    }
    const body: unknown = await answer.json().catch(() => ({}));
    if (answer.ok) return this.kept(body as Kept);
    const problem = body as Conflict;
    if (answer.status === 409 && problem.differs?.length === 0) return this.arrived(problem);
    if (answer.status === 409 && before && await this.isSaved(before)) return this.arrived(problem);
    if (answer.status === 409 && problem.differs) return this.conflict(problem);
    this.failed(problem.detail ?? this.form.dataset["noAnswer"] ?? "", answer.status >= 500);
  }

  private post(): Promise<Response> {
    const body = this.body();
    this.sent = answers(body);
    const keepalive = body.toString().length <= BEACON_BYTES;
    return fetch(this.address, { method: "POST", body, keepalive, headers: { Accept: "application/json" }, credentials: "same-origin" });
  }

  /** Whether these words are what the server has now. */
  private async isSaved(words: Fields): Promise<boolean> {
    const form = await this.savedForm();
    return form !== null && same(words, answers(new FormData(form)));
  }

  /** The form as the server would show it now. */
  private async savedForm(): Promise<HTMLFormElement | null> {
    const page = await fetch(location.href, { credentials: "same-origin" }).then((answer) => answer.text()).catch(() => "");
    return new DOMParser().parseFromString(page, "text/html").querySelector<HTMLFormElement>("form#answers");
  }

  /** What left with the page before was faster: the server has words of this very tab. */
  private arrived(told: Conflict): void {
    this.base.value = told.base;
    this.touched(0);
  }

  private kept(kept: Kept): void {
    drop(sessionStorage, this.address);
    this.sent = null;
    this.base.value = kept.base;
    this.say((this.form.dataset["saved"] ?? "%s").replace("%s", clock(kept.saved_at)));
    this.told(kept);
  }

  private failed(why: string, again = true): void {
    this.dirty = true;
    this.say((this.form.dataset["notSaved"] ?? "%s").replace("%s", why), true);
    if (again) this.touched(AGAIN_MS);
  }

  private conflict(told: Conflict): void {
    const rows = told.differs.map((row) => h("tr", null, h("th", { scope: "row" }, row.label), h("td", null, h("bdi", null, row.saved || "–")), h("td", null, h("bdi", null, row.typed || "–"))));
    must("#conflict-rows").replaceChildren(...rows);
    const note = must<HTMLElement>("#conflict");
    note.hidden = false;
    this.say((this.form.dataset["notSaved"] ?? "%s").replace("%s", told.detail), true);
    // "Keep mine" sends this form: from now on it names the text that was saved meanwhile.
    document.querySelector("#keep-mine")?.addEventListener("click", () => { this.base.value = told.base; }, { once: true });
    clearTimeout(this.timer);
    this.leaving = true;
    note.focus();
  }

  /** Waits for what is under way: it changes what the form has to name. */
  private async submit(event: SubmitEvent): Promise<void> {
    clearTimeout(this.timer);
    this.dirty = false;
    if (this.busy) {
      event.preventDefault();
      await this.busy;
      if (this.dirty || !this.leaving) { this.dirty = false; this.go(); this.form.submit(); }
      return;
    }
    this.go();
  }

  private go(): void {
    this.leaving = this.gone = true;
    drop(sessionStorage, this.address);
  }

  private leave(): void {
    if (this.gone || !(this.dirty || this.busy || this.leaving)) return;
    const clear = this.form.dataset["sealed"] === undefined;
    const fields = clear ? answers(new FormData(this.form)) : null;
    remember(sessionStorage, this.address, { base: this.base.value, who: this.who, fields, sent: clear && this.busy ? this.sent : null });
    if (!this.dirty || this.leaving) return;
    // One is on its way: the next must name what comes of it. The tab has the words meanwhile.
    if (this.busy) { void this.keep(); return; }
    if (this.body().toString().length > BEACON_BYTES) return;
    clearTimeout(this.timer);
    this.dirty = false;
    this.busy = this.post()
      .then(async (answer) => { if (answer.ok) this.kept((await answer.json()) as Kept); else this.touched(0); })
      .catch(() => { this.dirty = true; })
      .finally(() => { this.busy = null; });
  }

  private body(): URLSearchParams {
    const told = new URLSearchParams();
    for (const [name, value] of new FormData(this.form)) if (typeof value === "string") told.append(name, value);
    return told;
  }

  private say(words: string, not = false): void {
    this.bar.textContent = words;
    this.bar.classList.toggle("saved-not", not);
  }
}
