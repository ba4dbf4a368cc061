/** The fleet along the bottom, and when the purge and the seal last worked. */
import { h, must, Part } from "./dom";
import { icon, mark } from "./icons";
import type { Link } from "./link";
import { M } from "./messages";
import { type Store, trailerNumber } from "./store";
import { clock, shortClock } from "./time";
import type { Trailer } from "./wire";

export const LOW_BATTERY_PCT = 20;

export class Strip {
  private readonly fleet = new Part(must("#fleet"));
  private readonly proof = new Part(must("#proof"));

  constructor(private readonly store: Store, private readonly link: Link, private readonly choose: (trailer: Trailer) => void) {}

  render(): void {
    const lost = this.link.state() === "lost" || this.link.state() === "ended";
    const trailers = this.store.trailersInOrder();
    const selected = this.store.current()?.trailer;
    const cells = trailers.map((trailer) => ({ trailer, alert: lost ? null : this.store.alertOf(trailer.id) }));
    const sign = cells.map(({ trailer, alert }) => [trailer.id, trailer.state, trailer.battery_soc_pct, trailer.faults.length, alert?.id, alert?.state, selected === trailer.id].join()).join("|");
    this.fleet.show(`${lost}|${sign}`, () => cells.map(({ trailer, alert }) => {
      const word = lost && trailer.state !== "off" ? [M.unknownWord] : alert ? [mark(alert.priority, alert.state !== "unacknowledged", 14), h("b", `ink-${alert.priority}`, alert.kind === "gunshot" ? M.shots : M.hit)] : state(trailer);
      const looks = ["f-cell", trailer.state === "off" ? "f-off" : "", selected === trailer.id ? "f-selected" : ""].join(" ");
      return h("li", null, h("button", { type: "button", class: looks, "data-focus": trailer.id, title: trailer.label, "aria-current": selected === trailer.id ? "true" : null, onclick: () => this.choose(trailer) },
        h("b", "num", trailerNumber(trailer.id)), h("span", "f-word", ...word)));
    }));
    this.proofs(lost);
  }

  private proofs(lost: boolean): void {
    const status = this.store.status;
    const last = this.link.lastWordAt ? clock(this.link.lastWordAt) : "—";
    const sign = lost ? `lost|${last}|${this.link.tries}` : JSON.stringify([status?.purge, status?.audit.sealed_at]);
    this.proof.show(sign, () => {
      if (lost) return [h("span", "row fault", icon("unplug", 16), M.noFigures(last)), h("span", "push num", M.tries(this.link.tries))];
      const purge = status?.purge;
      return [
        h("span", "row", icon("purge", 16), purge ? M.lastPurge : M.noPurge, purge ? h("b", "num", shortClock(purge.at)) : null,
          purge ? h("span", purge.ok ? "ok" : "fault", purge.ok ? M.purgeOk : M.purgeBad) : null),
        status?.audit.sealed_at ? h("span", "push", `${M.sealed} `, h("b", "num", clock(status.audit.sealed_at))) : null,
      ];
    });
  }
}

function state(trailer: Trailer): (Node | string)[] {
  const low = trailer.battery_soc_pct !== null && trailer.battery_soc_pct < LOW_BATTERY_PCT;
  if (trailer.state === "off") return [M.offWord];
  if (trailer.state === "lost") return [h("span", "row caution", icon("unplug", 14), M.lostWord)];
  if (trailer.state === "fault" || trailer.faults.length) return [h("span", "row caution", icon("triangle", 14), M.faultWord)];
  if (low) return [h("span", "row caution num", icon("battery", 14), `${Math.round(trailer.battery_soc_pct!)} %`)];
  return [M.okWord];
}
