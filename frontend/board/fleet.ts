/**
 * A word in the top bar, for those who may see the fleet: on how many trailers a technical warning stands. It comes
 * with the status that the board asks for anyway. Without a line nothing is known, so nothing is said.
 */
import { h, Part } from "./dom";
import { icon } from "./icons";
import type { Link } from "./link";
import { M } from "./messages";
import { type Store, warnedTrailers } from "./store";

export class FleetWord {
  private readonly part: Part | null;

  constructor(private readonly store: Store, private readonly link: Link) {
    const element = document.querySelector<HTMLElement>("#bar-fleet");
    this.part = element && new Part(element);
  }

  render(): void {
    if (!this.part) return;
    const n = warnedTrailers(this.store.status, this.link.state() === "lost" || this.link.state() === "ended");
    this.part.element.hidden = n === 0;
    this.part.show(String(n), () => n === 0 ? [] : [icon("triangle", 14), h("b", "num", String(n)), h("span", "truncate", M.warned(n))]);
  }
}
