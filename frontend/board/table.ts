/** The table twin of the map: the same trailers and alerts in words. */
import { h, must, Part } from "./dom";
import type { Link } from "./link";
import { M } from "./messages";
import { type Store, trailerNumber } from "./store";
import { ageSeconds, clock, duration } from "./time";
import type { Trailer } from "./wire";
import { titleOf } from "./words";

export class TableTwin {
  private readonly part = new Part(must("#table-body"));

  constructor(private readonly store: Store, private readonly link: Link, private readonly choose: (trailer: Trailer) => void) {}

  render(): void {
    if (must<HTMLElement>("#table").hidden) return;
    const lost = this.link.state() === "lost" || this.link.state() === "ended";
    const selected = this.store.current()?.trailer;
    const rows = this.store.trailersInOrder().map((trailer) => {
      const alert = this.store.alertOf(trailer.id);
      const place = trailer.lat === null || trailer.lon === null ? "—" : `${trailer.lat.toFixed(4)}, ${trailer.lon.toFixed(4)}`.replace("-", "−");
      const fix = trailer.fix_at ? (lost ? clock(trailer.fix_at) : duration(ageSeconds(trailer.fix_at))) : "—";
      const battery = trailer.battery_soc_pct === null ? "—" : `${Math.round(trailer.battery_soc_pct)} %`;
      return { trailer, cells: [trailer.label, lost ? M.unknownWord : trailer.faults[0] ?? trailer.state, alert ? titleOf(alert, this.store) : "—", place, fix, battery] };
    });
    this.part.show(JSON.stringify([rows.map((r) => [r.trailer.id, r.cells]), selected]), () => rows.map(({ trailer, cells }) =>
      h("tr", { class: selected === trailer.id ? "row-selected" : null },
        h("td", null, h("button", { type: "button", class: "btn-link num", "data-focus": trailer.id, onclick: () => this.choose(trailer) }, trailerNumber(trailer.id))),
        ...cells.map((cell, i) => h("td", i > 3 ? "right" : null, cell)))));
  }
}
