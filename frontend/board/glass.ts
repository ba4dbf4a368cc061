/** Who reads outside their grant now: a place of its own in the top bar, so that no alert can cover it. */
import { h, must, Part } from "./dom";
import { icon } from "./icons";
import { M } from "./messages";
import type { Store } from "./store";
import { now, zonedClock } from "./time";
import type { BreakGlass, Status } from "./wire";

/** Those that stand open at ``at``, in milliseconds. */
export function standing(status: Status | null, at: number): BreakGlass[] {
  return (status?.break_glass ?? []).filter((one) => !one.ended_at && Date.parse(one.expires_at) > at);
}

/** What is read, in words: the kind of thing and its number, or the end of a long id. */
export function objectOf(one: BreakGlass): string {
  const id = one.object.id;
  return `${M.glassWhat[one.object.type] ?? one.object.type} ${id.length > 20 ? `…${id.slice(-8)}` : id}`;
}

/** The whole sentence about one of them. */
export function sentenceOf(one: BreakGlass): string {
  return `${M.bannerGlass(one.person.name)} ${M.bannerGlassMeans(objectOf(one), M.glassWhy[one.reason] ?? one.reason, zonedClock(Date.parse(one.expires_at)), 0)}`;
}

export class GlassPlate {
  private readonly element = must<HTMLElement>("#glass");
  private readonly part = new Part(this.element);

  constructor(private readonly store: Store) {}

  render(): void {
    const open = standing(this.store.status, now());
    const names = [...new Set(open.map((one) => one.person.name))].join(", ");
    const whole = open.map(sentenceOf).join(" ");
    this.element.hidden = open.length === 0;
    this.element.title = whole;
    this.part.show(whole, () => open.length === 0 ? [] : [
      icon("siren", 18),
      h("span", { class: "glass-words", "aria-hidden": "true" }, h("b", "truncate", names), h("span", "truncate", open.map(objectOf).join(", "))),
      h("span", "sr-only", whole),
    ]);
  }
}
