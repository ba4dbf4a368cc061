/** The right panel when nothing is selected: the day so far and what the board stands on. */
import { h, must, Part } from "./dom";
import { icon } from "./icons";
import type { Link } from "./link";
import { M } from "./messages";
import { type Store, trailerNumber } from "./store";
import { clock, dayName, duration, shortClock, skewSeconds, zonedClock } from "./time";
import type { Alarm } from "./audio";
import { LOW_BATTERY_PCT } from "./strip";
import type { Status, Trailer } from "./wire";

export class ShiftPanel {
  private readonly part = new Part(must("#detail-shift"));
  private readonly known = new Part(must("#detail-known"));

  constructor(private readonly store: Store, private readonly link: Link, private readonly alarm: Alarm) {}

  render(): void {
    const lost = this.link.state() === "lost" || this.link.state() === "ended";
    this.renderKnown(lost);
    if (this.store.selected) return;
    const status = this.store.status;
    const worrying = this.store.trailersInOrder().filter((trailer) => reasonToLook(trailer) !== null);
    const sign = JSON.stringify([status && { ...status, at: "", closed: status.closed.length }, worrying.map((t) => [t.id, reasonToLook(t)]), lost]);
    this.part.show(sign, () => [
      h("div", "panel-head", h("h2", "panel-title", M.today), status ? h("span", "t3 num", M.since(`${shortClock(status.day_start)}, ${dayName(status.day_start)}`)) : null),
      ...(status && !lost ? [figures(status), sources(status)] : [h("p", "d-inset t3", M.statusUnknown)]),
      h("section", "d-section", h("h3", "head", M.attention), worrying.length
        ? h("ul", "pairs", ...worrying.map((t) => h("li", "caution", icon("triangle", 16), h("b", "caution truncate", `${trailerNumber(t.id)} ${t.label}`), h("span", "push num", reasonToLook(t)!))))
        : h("p", "t3", M.noAttention)),
    ]);
  }

  /** With the line down: only what this page itself can know. */
  private renderKnown(lost: boolean): void {
    if (!lost) { this.known.clear(); return; }
    const since = this.link.lastWordAt ? clock(this.link.lastWordAt) : "—";
    const ended = this.link.state() === "ended";
    this.known.show([since, this.link.tries, navigator.onLine, this.alarm.armed(), ended].join("|"), () => {
      if (ended) return [h("section", "d-section", h("p", "d-para", M.withdrawnPara))];
      const line = (good: boolean, what: string, said: string): HTMLElement =>
        h("li", null, icon(good ? "check" : "x", 16), h("span", "t2", what), h("span", `push num ${good ? "t3" : "fault"}`, said));
      return [
        h("section", "d-section", h("h3", "head", M.known), h("ul", "pairs known",
          line(false, M.toServer, M.silentSince(since)),
          line(navigator.onLine, M.network, navigator.onLine ? M.networkOn(this.link.tries) : M.networkOff(this.link.tries)),
          line(this.alarm.armed(), M.audioHere, this.alarm.armed() ? M.armed : M.off),
          line(skewSeconds() < 2, M.clockHere, M.within(skewSeconds().toFixed(1))))),
        h("section", "d-section", h("h3", "head", M.whenBack), h("p", "d-para", M.whenBackPara)),
      ];
    });
  }
}

function reasonToLook(trailer: Trailer): string | null {
  if (trailer.state === "off") return null;
  if (trailer.state === "lost") return trailer.link_at ? M.linkLostSince(shortClock(trailer.link_at)) : M.lostWord;
  if (trailer.faults.length) return trailer.faults.join(", ");
  if (trailer.state === "fault") return M.faultWord;
  if (trailer.battery_soc_pct !== null && trailer.battery_soc_pct < LOW_BATTERY_PCT) return M.lowBattery(Math.round(trailer.battery_soc_pct));
  return null;
}

function figures(status: Status): HTMLElement {
  const figure = (value: string, label: string): HTMLElement => h("div", null, h("b", "figure-24 num", value), h("span", "small t3", label));
  return h("section", "d-section d-figures",
    figure(String(status.alerts), M.figAlerts(status.alerts)),
    figure(status.median_acknowledge_s === null ? M.figNone : `${status.median_acknowledge_s.toFixed(1)} s`, M.figMedian),
    figure(String(status.views), M.figViews(status.views, Math.round(status.view_min))));
}

function sources(status: Status): HTMLElement {
  const pairs: [string, string][] = [[M.reporting, M.of(status.trailers.reporting, status.trailers.deployed)]];
  for (const list of status.hotlists) pairs.push([M.plateList(list.list_id, list.version), M.old(duration(list.age_s))]);
  pairs.push(status.audit.sealed_at ? [M.sealedAt, zonedClock(status.audit.sealed_at)] : [M.sealWaiting, String(status.audit.waiting)]);
  if (status.purge) pairs.push([M.lastPurge, zonedClock(status.purge.at)]);
  if (status.purge?.oldest) pairs.push([M.oldest, zonedClock(status.purge.oldest)]);
  return h("section", "d-section", h("h3", "head", M.sources), h("ul", "pairs", ...pairs.map(([label, value]) => h("li", null, h("span", "t3", label), h("b", "push num", value)))));
}
