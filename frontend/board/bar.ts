/** The top bar: freshness, audio, counters, the clock. And the page's title, which other windows see. */
import type { Alarm } from "./audio";
import { h, must, Part, setText } from "./dom";
import { icon, mark } from "./icons";
import type { Link } from "./link";
import { M } from "./messages";
import type { Store } from "./store";
import { clock, now, zoneAbbreviation } from "./time";
import { titleOf } from "./words";

export class Bar {
  private readonly link$ = must<HTMLElement>("#chip-link");
  private readonly audio = new Part(must("#chip-audio"));
  private readonly counters = new Part(must("#counters"));
  private look = "";

  constructor(private readonly store: Store, private readonly link: Link, private readonly alarm: Alarm) {}

  render(): void {
    this.freshness();
    const armed = this.alarm.armed();
    this.audio.element.className = `chip${armed ? "" : " chip-fault"}`;
    this.audio.show(String(armed), () => [icon(armed ? "volume" : "mute", 14), armed ? M.audioArmed : M.audioOff]);
    this.count();
    this.title();
  }

  tick(): void {
    this.freshness();
    setText(must("#clock"), clock(now()));
    setText(must("#zone"), zoneAbbreviation(now()));
  }

  private freshness(): void {
    const state = this.link.state();
    const age = this.link.ageS();
    const [look, glyph, words]: [string, Node, string] =
      state === "live" ? ["chip-ok", h("span", "dot"), M.live(age.toFixed(1))]
      : state === "connecting" ? ["", icon("clock", 14), M.connecting]
      : state === "delayed" ? ["chip-caution", icon("clock", 14), age < 5 ? M.reconnecting(Math.floor(age)) : M.delayed(Math.floor(age))]
      : ["chip-fault", icon("unplug", 14), state === "ended" ? M.rightLost : M.noConnection];
    this.link$.dataset["state"] = state;
    if (this.look !== look) { this.look = look; this.link$.className = `chip ${look}`; this.link$.replaceChildren(glyph, h("span", null, words)); }
    else setText(this.link$.lastElementChild!, words);
  }

  private count(): void {
    const lost = this.link.state() === "lost" || this.link.state() === "ended";
    const open = [...this.store.alerts.values()];
    const rows = ([1, 2, 3] as const).map((priority) => {
      const all = open.filter((a) => a.priority === priority);
      return { priority, n: all.length, waiting: all.some((a) => a.state === "unacknowledged") };
    });
    const at = lost && this.link.lastWordAt ? M.at(clock(this.link.lastWordAt)) : "";
    this.counters.show(JSON.stringify([rows, at]), () => [
      at ? h("span", "small t3 num", at) : null,
      ...rows.map(({ priority, n, waiting }) => h("span", `counter num${n ? "" : " counter-none"}`, mark(priority, lost || !waiting, 18), String(n))),
    ]);
  }

  private title(): void {
    const state = this.link.state();
    const waiting = this.store.waiting();
    const first = waiting[0];
    document.title = state === "lost" || state === "ended" ? M.titleLost : first ? M.titleWaiting(waiting.length, titleOf(first, this.store)) : M.title;
  }
}
