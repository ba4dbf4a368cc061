/**
 * The live picture of one acknowledged alert. Nothing is asked of the gateway before a named person has given
 * a reason; the screen goes black when the console says so, and says who ended it.
 */
import { alertUrl, getJson, intentKey, liveUrl, postJson, Problem } from "./api";
import { h, must, setText } from "./dom";
import { icon } from "./icons";
import { M, REASONS } from "./messages";
import { Player, readStrip, type PlayerState } from "../player";
import { type Store, trailerNumber } from "./store";
import { clock, countdown, now } from "./time";
import type { Alert, Boot, LiveState, LiveView, Message, Person } from "./wire";

const WATCHERS_EVERY_MS = 5000;
const PICTURE_TICK_MS = 250;

interface View { session: string; alert: string; trailer: string; expiresAt: number; watchers: Person[]; code: string; cad: string }

export class VideoDesk {
  opening: string | null = null;
  onChange: () => void = () => {};
  private view: View | null = null;
  private ended: { alert: string; session: string } | null = null;
  private refusals = new Map<string, string>();
  private readonly panel = must<HTMLElement>("#video");
  private readonly video = must<HTMLVideoElement>("#video-picture");
  private readonly word = must<HTMLElement>("#video-word");
  private readonly chip = must<HTMLElement>("#video-chip");
  private readonly player: Player;

  constructor(private readonly store: Store, private readonly boot: Boot) {
    this.player = new Player(this.video, { state: (state, reason) => this.entered(state, reason), frame: (info) => { this.video.dataset["frames"] = String(info.frames); } });
    must("#video-close").addEventListener("click", () => void this.close());
    must("#video-extend").addEventListener("click", () => this.toggleExtend());
    must<HTMLFormElement>("#video-extend-form").addEventListener("submit", (event) => { event.preventDefault(); void this.extend(); });
    const select = must<HTMLSelectElement>("#video-extend-reason");
    for (const [code, words] of REASONS) select.append(h("option", { value: code }, words));
    setInterval(() => this.pictureTick(), PICTURE_TICK_MS);
    setInterval(() => void this.whoWatches(), WATCHERS_EVERY_MS);
    addEventListener("pagehide", () => this.player.close());
  }

  isOpenFor(alert: string): boolean {
    return this.view?.alert === alert;
  }

  /** What the banner says while a picture is on the screen. */
  watching(): { trailer: string; reason: string; cad: string } | null {
    if (!this.view) return null;
    const reason = REASONS.find(([code]) => code === this.view?.code)?.[1] ?? this.view.code;
    return { trailer: trailerNumber(this.view.trailer), reason: reason.toLowerCase(), cad: this.view.cad };
  }

  refusal(alert: string): string {
    return this.refusals.get(alert) ?? "";
  }

  focus(): void {
    this.panel.focus();
  }

  /** The reason comes before the picture. */
  reasonForm(alert: Alert, cancel: () => void): HTMLElement {
    const first = alert.kind === "gunshot" ? "gunshot" : "plate-hit";
    const cad = h("input", { id: "video-cad", maxlength: 24, pattern: "[A-Za-z0-9][A-Za-z0-9\\-]*", autocomplete: "off", "data-focus": "video-cad" });
    const choices = h("div", { class: "segment", id: "video-reason" }, ...REASONS.map(([code, words]) => {
      const input = h("input", { type: "radio", name: "code", value: code });
      input.checked = code === first;
      return h("label", null, input, h("span", null, words));
    }));
    const busy = this.opening === alert.id;
    const form = h("form", "d-form d-inset", h("h3", null, M.videoTitle), h("p", "small t3", M.videoHint),
      h("fieldset", "field", h("legend", null, M.reason), choices),
      h("div", "field", h("label", { for: "video-cad" }, M.cad), h("div", "hint", M.cadHint), cad),
      h("div", "row", h("button", { class: "btn btn-primary btn-lg", "aria-disabled": busy ? "true" : null }, busy ? M.pictureOpening : M.videoDo),
        h("button", { type: "button", class: "btn btn-quiet", onclick: cancel }, M.cancel)),
      this.refusal(alert.id) ? h("p", { class: "d-refusal fault", role: "alert" }, this.refusal(alert.id)) : null);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const code = form.querySelector<HTMLInputElement>("input[name=code]:checked")?.value ?? first;
      void this.open(alert, code, cad.value.trim());
    });
    return form;
  }

  render(): void {
    const shown = this.view ?? this.ended;
    this.panel.hidden = !shown;
    this.panel.parentElement?.classList.toggle("with-video", Boolean(shown));
    this.panel.dataset["own"] = String(this.view !== null && this.view.alert === this.store.selected);
    if (!this.view) {
      if (this.ended && this.store.selected !== this.ended.alert) { this.ended = null; this.panel.hidden = true; this.panel.parentElement?.classList.remove("with-video"); }
      return;
    }
    const alert = this.store.find(this.view.alert);
    if (alert && alert.state !== "acknowledged") this.blank(M.endedAt(clock(now())));
  }

  /** Over the console's socket, in 10 ms rather than the 7 s a browser takes to notice. */
  onMessage(message: Message): void {
    if (message.type === "watchers" && message.alert === this.view?.alert) void this.whoWatches();
    if (message.type !== "blank") return;
    const by = typeof message.by === "string" ? message.by : message.by?.name ?? M.theServer;
    const sentence = M.endedBy(by, clock(message.at));
    if (message.session === this.view?.session) this.blank(sentence);
    // The closed alert or the gateway's hang-up may be here first, and neither says who it was.
    else if (message.session === this.ended?.session) this.say(sentence);
  }

  /** Black at once, with the sentence that says why. */
  blank(sentence: string): void {
    if (!this.view) return;
    const { alert, session } = this.view;
    this.view = null;
    this.ended = { alert, session };
    this.player.blank("ended");
    this.say(sentence);
    this.noted();
  }

  private async open(alert: Alert, code: string, cad: string): Promise<void> {
    if (this.opening) return;
    if (this.view) await this.close();
    this.opening = alert.id;
    this.ended = null;
    this.refusals.delete(alert.id);
    this.changed();
    try {
      const live = await postJson<LiveView>(alertUrl(alert.id, "live-view"), { reason: { code, cad } }, intentKey());
      this.view = { session: live.session, alert: alert.id, trailer: alert.trailer, expiresAt: Date.parse(live.expires_at), watchers: [], code, cad };
      this.panel.dataset["session"] = live.session;
      this.say(M.pictureOpening);
      this.opening = null;
      this.changed();
      await this.player.open(live.whep_url, live.token);
      void this.whoWatches();
      this.noted();
    } catch (error) {
      this.opening = null;
      const words = error instanceof Problem ? (error.status ? error.message || M.videoFailed : M.noAnswer) : M.videoFailed;
      if (this.view) this.blank(words);
      this.refusals.set(alert.id, words);
      this.changed();
    }
  }

  /** Ends this person's view; the alert stays open. */
  async close(): Promise<void> {
    const view = this.view;
    this.view = this.ended = null;
    this.player.close();
    this.render();
    this.changed();
    if (view) await postJson(liveUrl(view.session, "close"), {}).catch(() => undefined);
    this.noted();
  }

  private toggleExtend(): void {
    const form = must<HTMLFormElement>("#video-extend-form");
    form.hidden = !form.hidden;
    if (!form.hidden) must<HTMLElement>("#video-extend-reason").focus();
  }

  private async extend(): Promise<void> {
    const view = this.view;
    if (!view) return;
    const code = must<HTMLSelectElement>("#video-extend-reason").value;
    try {
      const answer = await postJson<{ expires_at: string }>(liveUrl(view.session, "extend"), { reason: { code, cad: view.cad } }, intentKey());
      view.expiresAt = Date.parse(answer.expires_at);
      must<HTMLElement>("#video-extend-form").hidden = true;
      must<HTMLElement>("#video-extend").focus();
    } catch (error) {
      setText(must("#video-extend-error"), error instanceof Problem && error.status ? error.message || M.failed : M.noAnswer);
    }
    this.noted();
  }

  private async whoWatches(): Promise<void> {
    const view = this.view;
    if (!view) return;
    const state = await getJson<LiveState>(liveUrl(view.session)).catch(() => null);
    if (!state || this.view !== view) return;
    view.watchers = state.watchers;
    view.expiresAt = Date.parse(state.expires_at);
    this.changed();
  }

  private entered(state: PlayerState, reason?: string): void {
    this.panel.dataset["state"] = state;
    if (state === "live") this.say("");
    if (state === "dimmed") this.say(M.pictureStale);
    if (state === "blank" && reason === "stalled") this.say(M.pictureStale);
    if (state === "ended" && this.view && reason !== "closed") this.blank(M.endedAt(clock(now())));
    this.pictureTick();
    this.changed();
  }

  private say(sentence: string): void {
    setText(this.word, sentence);
    this.word.hidden = sentence === "";
  }

  private pictureTick(): void {
    if (!this.view && !this.ended) return;
    const view = this.view;
    const age = this.player.pictureAgeMs;
    const state = this.player.state;
    const live = Boolean(view) && state === "live" && age !== null;
    this.chip.className = `chip ${live ? "chip-ok" : "chip-fault"}`;
    if (view && state === "connecting") this.chip.className = "chip";
    this.chip.replaceChildren(h("span", "dot"), live ? M.picture((age! / 1000).toFixed(1)) : view && state === "connecting" ? M.pictureOpening : M.pictureStale);
    for (const id of ["#video-left", "#video-extend", "#video-watchers"]) must<HTMLElement>(id).hidden = !view;
    if (!view) { must<HTMLElement>("#video-extend-form").hidden = true; return; }
    const left = (view.expiresAt - now()) / 1000;
    setText(must("#video-time"), countdown(left));
    const others = view.watchers.filter((one) => one.id !== this.boot.me.id).map((one) => initials(one.name)).join(", ");
    must("#video-watchers").replaceChildren(icon("eye", 16), others ? M.youAnd(others) : M.youWatch);
    if (left < -2) this.blank(M.timeUp);
    if (this.boot.demo && live) this.readCounter();
  }

  /** The demonstration's camera burns in a counter: shown to scripts, so that a still cannot pass for live. */
  private readCounter(): void {
    const strip = readStrip(this.video);
    if (strip) this.panel.dataset["counter"] = String(strip.counter);
  }

  private changed(): void {
    this.store.changed();
  }

  /** Something that the timeline has an entry for. */
  private noted(): void {
    this.store.changed();
    this.onChange();
  }
}

/** `M. Roy` */
function initials(name: string): string {
  const [first, ...rest] = name.split(" ");
  return rest.length && first ? `${first[0]}. ${rest.join(" ")}` : name;
}
