/** The panel at the right for the selected alert. It says what happened, then the one thing to do next. */
import type { Acts } from "./acts";
import { alertUrl, getJson, Problem } from "./api";
import { ClipPart, clipOf } from "./clip";
import { h, key, must, Part, setText, spinner } from "./dom";
import type { HandOffDesk } from "./handoff";
import { bearingDeg, distanceM } from "./geography";
import { icon, mark } from "./icons";
import type { Link } from "./link";
import { FLAGS, M, OUTCOMES } from "./messages";
import { cropOf, PlatePart } from "./plate";
import { samePerson, type Store, trailerNumber } from "./store";
import { ageSeconds, clock, countdown, duration, now, preciseClock, zonedClock } from "./time";
import type { VideoDesk } from "./video";
import type { Alert, Boot, Detail, Outcome, TimelineEvent } from "./wire";
import { titleOf, where } from "./words";

const HAND_BACK_S = 60;
const FETCH_AFTER_MS = 150;
/** A push may be lost: while a clip or crop is awaited, the timeline tells whether it came. */
const AWAITED_EVERY_MS = 10_000;

export class DetailPanel {
  private readonly head = new Part(must("#detail-head"));
  private readonly act = new Part(must("#detail-act"));
  private readonly lock = new Part(must("#detail-video"));
  private readonly times = new Part(must("#detail-timeline"));
  private readonly closing = new Part(must("#detail-close"));
  private readonly plate: PlatePart;
  private readonly clip: ClipPart;
  private form: { kind: "hand-back" | "video"; alert: string } | null = null;
  private asked = new Set<string>();
  private failed = new Set<string>();
  private wanted = 0;
  private notes = new Map<string, string>();
  private noting: string | null = null;
  private looked = 0;

  constructor(private readonly store: Store, private readonly link: Link, private readonly boot: Boot,
              private readonly acts: Acts, private readonly video: VideoDesk, private readonly handOff: HandOffDesk) {
    this.clip = new ClipPart(store);
    this.plate = new PlatePart(store, acts, (alert) => this.fetchDetail(alert));
  }

  render(): void {
    const alert = this.store.current();
    must<HTMLElement>("#detail-alert").hidden = !alert;
    must<HTMLElement>("#detail-shift").hidden = Boolean(alert);
    if (!alert) { this.form = null; this.handOff.clear(); return; }
    if (this.form && (this.form.alert !== alert.id || alert.state !== "acknowledged" || (this.form.kind === "video" && this.video.isOpenFor(alert.id)))) this.form = null;
    const lost = this.link.state() === "lost" || this.link.state() === "ended";
    this.want(alert, lost);
    this.renderHead(alert, lost);
    this.renderAct(alert, lost);
    this.plate.render(alert, lost, this.failed.has(alert.id), this.mayAct());
    this.renderVideo(alert, lost);
    this.clip.render(alert, lost);
    this.handOff.render(alert, lost);
    must<HTMLElement>("#detail-actions").hidden ||= this.form !== null;
    this.renderTimeline(alert, lost);
    this.renderClose(alert, lost);
  }

  /** Countdowns only, once a second. */
  tick(): void {
    const left = document.querySelector("#hand-back-left");
    const alert = this.store.current();
    if (alert) this.handOff.tick(alert);
    if (left && alert) setText(left, M.handBack(countdown(handBackLeft(alert))));
    if (alert && this.link.usable()) this.lookForMedia(alert);
  }

  /** P */
  playClip(): void {
    this.clip.toggle();
  }

  /** A clip or crop came, or was refused: whoever has its alert open sees it, whoever opens it next as well. */
  mediaCame(id: string): void {
    const alert = this.store.find(id);
    if (!alert || !this.store.details.has(id)) return;
    if (this.store.selected === id) { void this.fetchDetail(alert); void this.fetchTimeline(alert); return; }
    this.store.details.delete(id);
    this.asked.delete(`${id}:${alert.version}`);
  }

  private lookForMedia(alert: Alert): void {
    const detail = this.store.details.get(alert.id);
    const told = detail && (clipOf(detail) ?? cropOf(detail));
    if (told?.state !== "awaited" || performance.now() - this.looked < AWAITED_EVERY_MS || document.hidden) return;
    this.looked = performance.now();
    void this.fetchTimeline(alert).then(() => {
      const came = this.store.timelines.get(alert.id)?.events.some((one) => /^(clip|crop)\./.test(one.verb));
      if (came || Date.parse(told.until ?? "") <= now()) this.mediaCame(alert.id);
    });
  }

  /** A */
  acknowledge(): void {
    const alert = this.store.current();
    if (alert?.state === "unacknowledged" && this.mayAct()) this.acts.acknowledge(alert.id, alert.version);
  }

  /** V: the reason form, or the picture that is already open. */
  openVideo(): void {
    const alert = this.store.current();
    if (!alert || !this.link.usable()) return;
    if (this.video.isOpenFor(alert.id)) return this.video.focus();
    if (alert.state !== "acknowledged" || !this.boot.can.view) return must<HTMLElement>("#detail-video").querySelector<HTMLElement>("[data-focus]")?.focus();
    this.form = { kind: "video", alert: alert.id };
    this.store.changed();
    queueMicrotask(() => queueMicrotask(() => document.querySelector<HTMLElement>("#video-reason input:checked")?.focus()));
  }

  /** N */
  focusNote(): void {
    const alert = this.store.current();
    if (!alert || must<HTMLElement>("#detail-close").hidden) return;
    this.noting = alert.id;
    this.store.changed();
    queueMicrotask(() => queueMicrotask(() => document.querySelector<HTMLElement>("#close-note")?.focus()));
  }

  decide(decision: "confirm" | "reject"): void {
    this.plate.decide(decision);
  }

  /** Esc: put an open form away. True if there was one. */
  closeForm(): boolean {
    if (!this.form) return false;
    this.form = null;
    this.store.changed();
    return true;
  }

  private mayAct(): boolean {
    return this.boot.can.acknowledge;
  }

  // --- fetching: the detail is an audited view, so it waits until the person rests on the alert ------------

  private want(alert: Alert, lost: boolean): void {
    const sign = `${alert.id}:${alert.version}`;
    if (lost || this.asked.has(sign)) return;
    clearTimeout(this.wanted);
    this.wanted = window.setTimeout(() => {
      if (this.store.current()?.id !== alert.id || this.asked.has(sign)) return;
      this.asked.add(sign);
      void this.fetchTimeline(alert);
      const automatic = alert.kind === "gunshot" || alert.state === "acknowledged";
      if (automatic && !this.store.details.has(alert.id)) void this.fetchDetail(alert);
    }, FETCH_AFTER_MS);
  }

  private async fetchDetail(alert: Alert): Promise<void> {
    this.failed.delete(alert.id);
    try {
      this.store.details.set(alert.id, await getJson<Detail>(alertUrl(alert.id, "detail")));
    } catch (error) {
      if (error instanceof Problem && error.status === 410) this.store.details.set(alert.id, { expired: true });
      else this.failed.add(alert.id);
    }
    this.store.changed();
  }

  private async fetchTimeline(alert: Alert): Promise<void> {
    try {
      const { events } = await getJson<{ events: TimelineEvent[] }>(alertUrl(alert.id, "timeline"));
      this.store.timelines.set(alert.id, { version: alert.version, events });
    } catch {
      this.asked.delete(`${alert.id}:${alert.version}`);
    }
    this.store.changed();
  }

  /** The video desk adds entries without a new version of the alert. */
  refreshTimeline(): void {
    const alert = this.store.current();
    if (alert) void this.fetchTimeline(alert);
  }

  // --- parts ------------------------------------------------------------------------------------------------

  private renderHead(alert: Alert, lost: boolean): void {
    const detail = this.store.details.get(alert.id);
    const shot = detail && "kind" in detail && detail.kind === "gunshot" ? detail : null;
    const site = detail && "kind" in detail ? detail.site : null;
    const sign = [alert.id, alert.version, Boolean(detail), where(alert, this.store), lost].join("|");
    this.head.show(sign, () => {
      const flags = alert.flags.filter((flag) => flag !== "lookalike" && flag !== "drill").map((flag) => FLAGS[flag] ?? flag).join(", ");
      const place = site || where(alert, this.store);
      const facts: [string, string][] = [[alert.kind === "gunshot" ? M.heard : M.seen, clock(alert.occurred_at)]];
      if (shot) facts.push([M.confidence, shot.confidence.toFixed(2)]);
      facts.push([M.fromTrailer(trailerNumber(alert.trailer)), this.fromTrailer(alert, shot?.bearing ?? null)]);
      return [
        h("div", "d-title",
          mark(alert.priority, lost || alert.state !== "unacknowledged", 32),
          h("div", null, h("h2", null, titleOf(alert, this.store)),
            h("p", "d-place", alert.kind === "gunshot" ? "near " : "", h("b", null, place), alert.uncertainty_m ? `, ${M.uncertainty(Math.round(alert.uncertainty_m))}` : "",
              alert.kind === "alpr_hit" ? `, ${M.trailer(trailerNumber(alert.trailer))}, ${clock(alert.occurred_at)}` : "",
              flags ? h("span", "caution", ` ${flags}`) : ""))),
        alert.kind === "alpr_hit" ? null : h("dl", "d-facts", ...facts.map(([label, value]) => h("div", null, h("dt", null, label), h("dd", "num", value)))),
      ];
    });
  }

  private fromTrailer(alert: Alert, bearing: { deg_true: number; error_deg: number } | null): string {
    const trailer = this.store.trailers.get(alert.trailer);
    if (!trailer || trailer.lat === null || trailer.lon === null || alert.lat === null || alert.lon === null) return "—";
    const from: [number, number] = [trailer.lat, trailer.lon];
    const to: [number, number] = [alert.lat, alert.lon];
    const metres = distanceM(from, to);
    if (metres < 3) return bearing ? `${Math.round(bearing.deg_true)}° ±${Math.round(bearing.error_deg)}°` : M.atTrailer;
    const degrees = bearing ? `${Math.round(bearing.deg_true)}° ±${Math.round(bearing.error_deg)}°` : `${Math.round(bearingDeg(from, to))}°`;
    return `${metres < 1000 ? Math.round(metres) : `${(metres / 1000).toFixed(1)} k`}${metres < 1000 ? " " : ""}m, ${degrees}`;
  }

  private renderAct(alert: Alert, lost: boolean): void {
    const act = this.acts.acknowledging.get(alert.id);
    this.acts.settle(alert, this.boot.me);
    const inForm = this.form?.kind === "hand-back";
    const canHandBack = !lost && alert.state === "acknowledged" && samePerson(alert.acknowledged_by, this.boot.me) && handBackLeft(alert) > 0;
    const sign = [alert.id, alert.version, alert.state, lost, act?.phase, act?.sentence, inForm, canHandBack, this.acts.isBusy(alert.id, "hand-back"), this.acts.refused.get(alert.id) ?? ""].join("|");
    this.act.show(sign, () => {
      if (alert.state === "unacknowledged") return this.waitingAct(alert, lost, act?.phase ?? "idle", act?.sentence ?? "");
      const parts: Node[] = [];
      if (act?.phase === "taken" && alert.state === "acknowledged") parts.push(h("div", { class: "btn btn-xl btn-wide btn-locked btn-taken", role: "status" }, icon("userCheck", 18), act.sentence));
      else parts.push(this.doneNote(alert, canHandBack && !inForm));
      if (inForm && canHandBack) parts.push(this.handBackForm(alert));
      const refusal = this.acts.refused.get(alert.id);
      if (refusal) parts.push(h("p", { class: "d-refusal fault", role: "alert" }, refusal));
      return parts;
    });
  }

  private waitingAct(alert: Alert, lost: boolean, phase: string, sentence: string): Node[] {
    if (lost) {
      return [
        h("button", { type: "button", class: "btn btn-xl btn-wide", "aria-disabled": "true" }, icon("unplug", 18), M.cannotAcknowledge),
        h("p", "d-para", M.lostPara(this.link.lastWordAt ? clock(this.link.lastWordAt) : "—")),
      ];
    }
    if (!this.mayAct()) return [h("button", { type: "button", class: "btn btn-lg btn-wide", "aria-disabled": "true" }, icon("lock", 16), M.noRightAcknowledge)];
    if (phase === "taken") return [h("div", { class: "btn btn-xl btn-wide btn-locked btn-taken", role: "status" }, icon("userCheck", 18), sentence)];
    const press = (): void => this.acts.acknowledge(alert.id, alert.version);
    const attributes = { type: "button", "data-focus": "acknowledge", "data-alert-id": alert.id, id: "acknowledge" };
    if (phase === "pending") return [h("button", { ...attributes, class: "btn btn-xl btn-wide btn-pending", "aria-disabled": "true" }, spinner(), M.acknowledging)];
    if (phase === "failed") return [h("button", { ...attributes, class: "btn btn-xl btn-wide btn-failed", onclick: press }, M.notAcknowledged[0], key("A"), M.notAcknowledged[1])];
    const button = h("button", { ...attributes, class: "btn btn-xl btn-wide btn-primary", onclick: press }, M.acknowledge, key("A"));
    return phase === "refused" ? [button, h("p", { class: "d-refusal fault", role: "alert" }, sentence)] : [button];
  }

  private doneNote(alert: Alert, canHandBack: boolean): HTMLElement {
    const mine = samePerson(alert.acknowledged_by, this.boot.me);
    const at = alert.acknowledged_at ?? alert.received_at;
    const took = duration((Date.parse(at) - Date.parse(alert.received_at)) / 1000);
    const title = alert.state === "closed" && alert.outcome ? M.closedAs(alert.outcome) : mine ? M.youAcknowledged : M.acknowledgedBy(alert.acknowledged_by?.name ?? "");
    const second = alert.state === "closed" ? zonedClock(alert.closed_at ?? at) : M.inSeconds(clock(at), took);
    const back = h("button", { type: "button", class: "btn btn-quiet", "data-focus": "hand-back", id: "hand-back-left", onclick: () => { this.form = { kind: "hand-back", alert: alert.id }; this.store.changed(); } },
      M.handBack(countdown(handBackLeft(alert))));
    return h("div", "note d-done", icon("check", 16), h("div", alert.kind === "alpr_hit" ? "d-oneline" : null, h("b", null, title), h("div", "num", second)), canHandBack ? h("div", "push", back) : null);
  }

  private handBackForm(alert: Alert): HTMLElement {
    const input = h("input", { id: "hand-back-reason", name: "reason", required: true, maxlength: 200, autocomplete: "off", "data-focus": "hand-back-reason" });
    const form = h("form", "d-form", h("h3", null, M.handBackTitle),
      h("div", "field", h("label", { for: "hand-back-reason" }, M.reason), h("div", "hint", M.handBackHint), input),
      h("div", "row", h("button", { class: "btn btn-primary" }, M.handBackDo), h("button", { type: "button", class: "btn btn-quiet", onclick: () => this.closeForm() }, M.cancel)));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.acts.handBack(alert.id, input.value.trim()).then((done) => { if (done) this.closeForm(); });
    });
    queueMicrotask(() => input.focus());
    return form;
  }

  private renderVideo(alert: Alert, lost: boolean): void {
    const open = this.video.isOpenFor(alert.id);
    const inForm = this.form?.kind === "video" && !open && alert.state === "acknowledged";
    const refusal = this.video.refusal(alert.id);
    const sign = [alert.id, alert.state, lost, open, inForm, this.video.opening, refusal].join("|");
    this.lock.show(sign, () => {
      if (lost) return [];
      if (alert.state === "unacknowledged") return [locked(M.videoLocked, true)];
      if (alert.state === "closed") return [locked(M.videoClosed, false)];
      if (!this.boot.can.view) return [locked(M.videoNoRight, false)];
      if (open) return [h("div", "d-video", icon("video", 16), h("span", null, M.videoOpen),
        h("button", { type: "button", class: "btn push", "data-focus": "close-video", onclick: () => void this.video.close() }, M.closeVideo))];
      if (inForm) return [this.video.reasonForm(alert, () => this.closeForm())];
      const button = h("button", { type: "button", class: "d-video d-video-button", "data-focus": "video", onclick: () => this.openVideo() },
        icon("video", 16), h("span", null, M.videoAllowed), h("span", "push", key("V")));
      return refusal ? [button, h("p", { class: "d-refusal fault d-inset", role: "alert" }, refusal)] : [button];
    });
  }

  private renderTimeline(alert: Alert, lost: boolean): void {
    const known = this.store.timelines.get(alert.id);
    if (lost) { this.times.clear(); this.times.element.hidden = true; return; }
    this.times.element.hidden = false;
    this.times.show([alert.id, known?.events.length, lost, this.asked.has(`${alert.id}:${alert.version}`)].join("|"), () => {
      const events = known?.events ?? [];
      return [
        h("h3", "head", M.timeline),
        events.length ? h("ol", "timeline", ...events.map(event => entry(event))) : h("p", "small t3", this.asked.has(`${alert.id}:${alert.version}`) ? M.timelineFetching : M.timelineMissing),
      ];
    });
  }

  private renderClose(alert: Alert, lost: boolean): void {
    // A form that is being filled in has the place to itself: its button must be in sight.
    const can = alert.state === "acknowledged" && this.boot.can.close && !lost && this.form === null;
    const busy = this.acts.isBusy(alert.id, "close");
    must<HTMLElement>("#detail-close").hidden = !can;
    if (!can) { this.closing.clear(); return; }
    const noting = this.noting === alert.id || Boolean(this.notes.get(alert.id));
    this.closing.show([alert.id, alert.version, busy, noting, this.video.isOpenFor(alert.id)].join("|"), () => {
      const note = h("input", { id: "close-note", maxlength: 500, autocomplete: "off", "data-focus": "note" });
      note.value = this.notes.get(alert.id) ?? "";
      note.addEventListener("input", () => this.notes.set(alert.id, note.value));
      const choose = (outcome: Outcome) => (): void => { void this.acts.close(this.store.find(alert.id) ?? alert, outcome, note.value.trim()); };
      return [
        h("div", "spread", h("h3", null, M.close), this.video.isOpenFor(alert.id) ? h("span", "small t3", M.endsVideo) : null),
        noting ? h("div", "field", h("label", { for: "close-note", class: "small" }, M.note), note) : null,
        h("div", "outcomes", ...OUTCOMES.map(([outcome, word]) =>
          h("button", { type: "button", class: "btn", "data-outcome": outcome, "data-focus": `outcome-${outcome}`, "aria-disabled": busy ? "true" : null, onclick: choose(outcome) }, word))),
      ];
    });
  }
}

function locked(words: readonly [string, string], withKey: boolean): HTMLElement {
  return h("div", { class: "d-video d-locked hatched", tabindex: 0, "data-focus": "video-locked", role: "note" }, icon("lock", 16),
    h("span", null, h("b", null, words[0]), ` ${words[1]}`), withKey ? h("span", "push", key("V")) : null);
}

function entry(event: TimelineEvent): HTMLElement {
  const words = event.text;
  const name = event.person?.name;
  const rest = name && words.startsWith(name) ? words.slice(name.length) : name ? ` ${words}` : words;
  return h("li", null, h("time", { datetime: event.at }, preciseClock(event.at)), h("span", null, name ? h("b", null, name) : null, rest));
}

function handBackLeft(alert: Alert): number {
  if (!alert.acknowledged_at) return 0;
  return HAND_BACK_S - ageSeconds(alert.acknowledged_at) - (now() < Date.parse(alert.acknowledged_at) ? 1 : 0);
}
