/**
 * The clip of a shot: drawn from the envelope that the detail carries, fetched and heard only on a press. Each
 * time it is played it is fetched anew, so that each hearing is an entry in the audit log.
 */
import { h, key, must, Part } from "./dom";
import { icon } from "./icons";
import { M } from "./messages";
import type { Store } from "./store";
import { clock } from "./time";
import type { Alert, Detail, Told } from "./wire";

const NS = "http://www.w3.org/2000/svg";
const WIDE = 330;
const HIGH = 48;
const FETCH_MS = 20_000;

interface Playing { alert: string; audio: HTMLAudioElement; url: string }

export class ClipPart {
  private readonly part = new Part(must("#detail-clip"));
  private playing: Playing | null = null;
  private fetching: string | null = null;
  private readonly failed = new Map<string, string>();

  constructor(private readonly store: Store) {}

  render(alert: Alert, lost: boolean): void {
    if (this.playing && (this.playing.alert !== alert.id || lost)) this.stop();
    const detail = this.store.details.get(alert.id);
    if (alert.kind !== "gunshot" || !detail) { this.part.clear(); return; }
    const clip = clipOf(detail);
    const on = this.playing?.alert === alert.id;
    this.part.show([alert.id, JSON.stringify(clip), lost, on, this.fetching === alert.id, this.failed.get(alert.id) ?? ""].join("|"), () => {
      if ("expired" in detail) return [said("purge", M.clipGone)];
      if (!clip) return [said("mute", M.clipNone)];
      if (clip.state !== "kept") return [notKept(clip)];
      return [this.kept(alert, clip, lost, on)];
    });
  }

  /** P: hear it, or be quiet. Only where the detail is open. */
  toggle(): void {
    const alert = this.store.current();
    const detail = alert && this.store.details.get(alert.id);
    if (!alert || !detail || clipOf(detail)?.state !== "kept" || document.body.dataset["link"] === "lost") return;
    if (this.playing?.alert === alert.id) this.stop();
    else if (this.fetching !== alert.id) void this.play(alert.id, clipOf(detail)!.url ?? "");
  }

  private async play(alert: string, url: string): Promise<void> {
    this.stop();
    this.fetching = alert;
    this.failed.delete(alert);
    this.store.changed();
    try {
      const answer = await fetch(url, { credentials: "same-origin", cache: "no-store", signal: AbortSignal.timeout(FETCH_MS) });
      if (!answer.ok) throw new Error(await refusal(answer));
      const sound = URL.createObjectURL(await answer.blob());
      if (this.fetching !== alert || this.store.selected !== alert) { URL.revokeObjectURL(sound); return; }
      await this.start({ alert, url: sound, audio: new Audio(sound) });
    } catch (error) {
      this.failed.set(alert, error instanceof Error && error.message ? error.message : M.clipFailed);
    } finally {
      if (this.fetching === alert) this.fetching = null;
      this.store.changed();
    }
  }

  private async start(playing: Playing): Promise<void> {
    this.playing = playing;
    const { audio } = playing;
    audio.addEventListener("ended", () => { if (this.playing === playing) this.stop(); });
    audio.addEventListener("timeupdate", () => this.follow(playing));
    try {
      await audio.play();
      document.documentElement.dataset["clips"] = String(Number(document.documentElement.dataset["clips"] ?? 0) + 1);
    } catch {
      if (this.playing === playing) this.stop();
      throw new Error(M.clipFailed);
    }
  }

  /** Quiet, and the bytes are gone from the page. */
  private stop(): void {
    const playing = this.playing;
    this.playing = null;
    if (!playing) return;
    playing.audio.pause();
    playing.audio.removeAttribute("src");
    URL.revokeObjectURL(playing.url);
    this.store.changed();
  }

  private follow({ alert, audio }: Playing): void {
    const line = document.querySelector("#clip-now");
    if (!line || this.playing?.alert !== alert || !Number.isFinite(audio.duration)) return;
    const x = String((audio.currentTime / audio.duration) * WIDE);
    line.setAttribute("x1", x);
    line.setAttribute("x2", x);
  }

  private kept(alert: Alert, clip: Told, lost: boolean, on: boolean): HTMLElement {
    const before = (clip.onset_ms ?? 0) / 1000;
    const whole = (clip.duration_ms ?? 0) / 1000;
    const busy = this.fetching === alert.id;
    const word = on ? M.clipStop : M.clipPlay;
    const button = h("button", { type: "button", class: "clip-play", "data-focus": "clip", "aria-label": word, "aria-busy": busy ? "true" : null, "aria-disabled": lost ? "true" : null, onclick: () => this.toggle() }, icon(on ? "square" : "play", 16));
    const failed = this.failed.get(alert.id);
    return h("div", "clip",
      h("div", "clip-row", button, h("div", null, h("b", "num", M.clip(whole.toFixed(2))), h("p", "small t2 num", lost ? M.clipLost : busy ? M.clipFetching : M.clipWhat(before.toFixed(1)))), h("span", "push", key("P"))),
      drawn(clip.wave ?? [], before / Math.max(whole, 0.001), on),
      h("div", "clip-axis num", h("span", null, M.minus(before.toFixed(1))), h("span", null, M.onset), h("span", null, M.plus((whole - before).toFixed(1)))),
      failed ? h("p", { class: "d-refusal fault", role: "alert" }, failed) : null);
  }
}

export const clipOf = (detail: Detail | { expired: true }): Told | null => ("kind" in detail && detail.kind === "gunshot" ? detail.clip ?? null : null);

async function refusal(answer: Response): Promise<string> {
  const problem = (await answer.json().catch(() => null)) as { detail?: string } | null;
  return problem?.detail ?? "";
}

function said(glyph: "purge" | "mute" | "clockPlain" | "triangle", words: string): HTMLElement {
  return h("p", "clip-said", icon(glyph, 16), h("span", null, words));
}

function notKept(clip: Told): HTMLElement {
  if (clip.state === "refused") return said("triangle", M.clipRefused(clip.reason ?? ""));
  return clip.state === "awaited" ? said("clockPlain", M.clipAwaited(clock(clip.until ?? ""))) : said("mute", M.clipMissing);
}

/** One bar a part of the clip: quiet before the onset, the alarm's colour from it on. */
function drawn(wave: number[], onset: number, on: boolean): SVGElement {
  const svg = made("svg", { class: "clip-wave", viewBox: `0 0 ${WIDE} ${HIGH}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  const step = WIDE / Math.max(wave.length, 1);
  wave.forEach((level, i) => {
    const height = Math.max(2, (level / 100) * (HIGH - 4));
    svg.append(made("rect", { class: (i + 1) / wave.length <= onset ? "wave-before" : "wave-shot", x: i * step + step * 0.2, y: (HIGH - height) / 2, width: step * 0.6, height }));
  });
  const x = onset * WIDE;
  svg.append(made("line", { class: "wave-onset", x1: x, x2: x, y1: 0, y2: HIGH }));
  if (on) svg.append(made("line", { class: "wave-now", id: "clip-now", x1: 0, x2: 0, y1: 0, y2: HIGH }));
  return svg;
}

function made(tag: string, attributes: Record<string, string | number>): SVGElement {
  const element = document.createElementNS(NS, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  return element;
}
