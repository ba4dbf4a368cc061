/** One slot of 32 px that is always there: the worst thing, what it means, what can be done. An open
 * break-glass is said in the top bar as well, where nothing comes before it. */
import type { Alarm } from "./audio";
import { h, must, Part } from "./dom";
import { GlassPlate, objectOf, standing } from "./glass";
import { icon, mark } from "./icons";
import type { Link } from "./link";
import { M } from "./messages";
import { sounds, type Store } from "./store";
import { clock, duration, now, zonedClock } from "./time";
import type { Boot } from "./wire";
import type { VideoDesk } from "./video";

const LIST_OLD_S = 26 * 3600;
const LIST_STOPPED_S = 48 * 3600;
/** So long may the CAD take before a person has to use the radio. */
const CAD_SLOW_MS = 60_000;
const RESTORED_FOR_MS = 15_000;

interface Notice { look: string; glyph: Node; title: string; means: string; act?: { word: string; id: string; press: () => void }; aside?: string }

export class Banner {
  private readonly element = must<HTMLElement>("#banner");
  private readonly part = new Part(this.element);
  private readonly plate: GlassPlate;
  private restored: { since: number; count: number; at: number } | null = null;

  constructor(private readonly store: Store, private readonly link: Link, private readonly alarm: Alarm,
              private readonly video: VideoDesk, private readonly boot: Boot) {
    this.plate = new GlassPlate(store);
  }

  /** After a cut: how much had changed meanwhile. */
  noteRestored(since: number, count: number): void {
    this.restored = { since, count, at: performance.now() };
  }

  render(): void {
    this.plate.render();
    const notice = this.worst();
    this.part.show([notice.look, notice.title, notice.means, notice.aside ?? "", notice.act?.word ?? ""].join("|"), () => [
      notice.glyph, h("span", "truncate", h("b", null, notice.title), ` ${notice.means}`),
      notice.act || notice.aside ? h("span", "push", notice.aside ?? "",
        notice.act ? h("button", { type: "button", class: notice.look === "off" ? "btn-link" : "btn", id: notice.act.id, "data-focus": "banner", onclick: notice.act.press }, notice.act.word) : null) : null,
    ]);
    this.element.className = `banner${notice.look ? ` banner-${notice.look}` : ""}`;
  }

  private worst(): Notice {
    return this.connection() ?? this.audio() ?? this.logDown() ?? this.waiting() ?? this.cad() ?? this.glass() ?? this.shift() ?? this.delayed() ?? this.restoredNotice() ?? this.lists() ?? this.purge()
      ?? this.watching() ?? this.quiet();
  }

  private connection(): Notice | null {
    const state = this.link.state();
    if (state === "ended") return { look: "fault", glyph: icon("ban"), title: M.bannerRight, means: M.bannerRightMeans };
    if (state !== "lost") return null;
    const since = this.link.lastWordAt;
    const wait = this.link.nextTryAt === null ? 0 : Math.ceil((this.link.nextTryAt - performance.now()) / 1000);
    return {
      look: "fault", glyph: icon("unplug"), title: since === null ? M.bannerNever : M.bannerLost(zonedClock(since), duration(this.link.ageS())),
      means: M.bannerLostMeans, aside: wait > 0 ? M.tryingIn(wait) : M.trying, act: { word: M.tryNow, id: "try-now", press: () => this.link.tryNow() },
    };
  }

  private audio(): Notice | null {
    if (this.alarm.armed() || !this.boot.can.acknowledge) return null;
    return { look: "off", glyph: icon("mute"), title: M.bannerAudio, means: M.bannerAudioMeans, act: { word: M.startShift, id: "start-shift", press: () => void this.alarm.arm() } };
  }

  private logDown(): Notice | null {
    const owed = this.store.status?.audit.owed ?? 0;
    if (!owed) return null;
    return { look: "fault", glyph: icon("ban"), title: M.bannerLog, means: M.bannerLogMeans(owed) };
  }

  private shift(): Notice | null {
    if (!this.alarm.notEntered) return null;
    return { look: "caution", glyph: icon("clock"), title: M.bannerShift, means: M.bannerShiftMeans, act: { word: M.enterAgain, id: "enter-shift", press: () => void this.alarm.enter() } };
  }

  private waiting(): Notice | null {
    const waiting = this.store.waiting();
    const first = waiting[0];
    if (!first) return null;
    const shots = waiting.filter((a) => a.kind === "gunshot").length;
    const title = shots === waiting.length ? M.bannerShots(shots) : M.bannerWaiting(waiting.length);
    return { look: first.priority === 1 ? "p1" : `p1 banner-p${first.priority}`, glyph: mark(first.priority, false, 16), title, means: waiting.some(sounds) ? M.toneRepeats : M.noTone };
  }

  /** The CAD has not what somebody handed off: a person has to. */
  private cad(): Notice | null {
    const cad = this.store.status?.cad;
    if (!cad) return null;
    const since = cad.waiting_since;
    const means = cad.failed ? M.bannerCadFailed(cad.failed) : since && now() - Date.parse(since) >= CAD_SLOW_MS ? M.bannerCadWaits(clock(since)) : null;
    return means ? { look: "fault", glyph: icon("radio"), title: M.bannerCad, means } : null;
  }

  /** Somebody reads outside their grant: red on every board, below only what must be acted on now. */
  private glass(): Notice | null {
    const open = standing(this.store.status, now());
    const [one] = open;
    if (!one) return null;
    const means = M.bannerGlassMeans(objectOf(one), M.glassWhy[one.reason] ?? one.reason, zonedClock(Date.parse(one.expires_at)), open.length - 1);
    return { look: "fault", glyph: icon("siren"), title: M.bannerGlass(one.person.name), means };
  }

  private delayed(): Notice | null {
    if (this.link.state() !== "delayed") return null;
    return { look: "caution", glyph: icon("clock"), title: M.bannerDelayed(Math.floor(this.link.ageS())), means: M.bannerDelayedMeans };
  }

  private restoredNotice(): Notice | null {
    const one = this.restored;
    if (!one || performance.now() - one.at > RESTORED_FOR_MS) return null;
    return { look: "ok", glyph: icon("check"), title: M.bannerRestored(clock(one.since), one.count), means: M.bannerRestoredMeans };
  }

  private lists(): Notice | null {
    const oldest = this.store.status?.hotlists.toSorted((a, b) => b.age_s - a.age_s)[0];
    if (!oldest || oldest.age_s < LIST_OLD_S) return null;
    const stopped = oldest.age_s >= LIST_STOPPED_S;
    const title = (stopped ? M.bannerListStopped : M.bannerListOld)(oldest.list_id, duration(oldest.age_s));
    return { look: "caution", glyph: icon("filter"), title, means: stopped ? "" : M.bannerListMeans };
  }

  private purge(): Notice | null {
    const purge = this.store.status?.purge;
    if (!purge || purge.ok) return null;
    return { look: "caution", glyph: icon("purge"), title: M.bannerPurge(clock(purge.at)), means: M.bannerPurgeMeans };
  }

  private watching(): Notice | null {
    const view = this.video.watching();
    if (!view) return null;
    return { look: "", glyph: icon("video"), title: M.bannerWatching(M.trailer(view.trailer)), means: M.bannerWatchingMeans(view.reason, view.cad) };
  }

  private quiet(): Notice {
    if (!this.store.loaded) return { look: "", glyph: icon("clockPlain"), title: M.connecting, means: M.bannerWaitingFirst };
    const current = this.store.current();
    const compared = this.link.equalAt ? M.bannerQuietMeans(clock(this.link.equalAt)) : M.notYetEqual;
    if (current?.kind === "alpr_hit" && current.state === "acknowledged") return { look: "", glyph: icon("check"), title: M.bannerLead, means: M.bannerLeadMeans };
    const open = this.store.alerts.size;
    return { look: "", glyph: icon("check"), title: open ? M.bannerOpen(open) : M.bannerQuiet, means: compared };
  }
}
