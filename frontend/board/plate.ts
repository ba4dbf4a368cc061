/** A plate hit is a lead: what was read beside what is listed, and two choices that weigh the same. */
import type { Acts } from "./acts";
import { h, key, must, Part } from "./dom";
import { icon } from "./icons";
import { CATEGORIES, M } from "./messages";
import type { Store } from "./store";
import { clock, duration } from "./time";
import type { Alert, Detail, PlateDetail, Told } from "./wire";

const UNSURE = 0.85;

export class PlatePart {
  private readonly part = new Part(must("#detail-plate"));
  /** One element a picture: made again, it would be fetched again, and each fetch is an entry. */
  private readonly pictures = new Map<string, HTMLImageElement>();
  private readonly failed = new Set<string>();

  constructor(private readonly store: Store, private readonly acts: Acts, private readonly fetchDetail: (alert: Alert) => Promise<void>) {}

  render(alert: Alert, lost: boolean, failed: boolean, mayAct: boolean): void {
    if (alert.kind !== "alpr_hit") { this.part.clear(); return; }
    const decided = this.decision(alert);
    // Rejected is deleted, on this page too.
    if (decided === "reject") { this.store.details.set(alert.id, { expired: true }); this.pictures.delete(alert.id); }
    const detail = this.store.details.get(alert.id);
    const busy = this.acts.isBusy(alert.id, "verify-plate");
    this.part.show([alert.id, alert.version, alert.state, Boolean(detail), detail ? JSON.stringify(cropOf(detail)) : "", this.failed.has(alert.id), lost, failed, decided, busy].join("|"), () => {
      if (!detail) return [this.ask(alert, lost, failed)];
      if ("expired" in detail || detail.kind !== "alpr_hit") return [h("p", "d-block t2", decided ? this.decidedWords(decided) : M.gone)];
      return [
        this.picture(alert.id, detail), ...compared(detail), facts(detail),
        decided ? h("p", "d-inset d-decided", icon("check", 16), this.decidedWords(decided)) : alert.state === "acknowledged" && !lost && mayAct ? this.choices(busy) : null,
      ].filter((part): part is HTMLElement => part !== null);
    });
  }

  decide(decision: "confirm" | "reject"): void {
    const alert = this.store.current();
    if (alert?.kind !== "alpr_hit" || alert.state !== "acknowledged" || !this.store.details.has(alert.id) || this.decision(alert)) return;
    void this.acts.verify(alert, decision);
  }

  private decision(alert: Alert): string | null {
    const event = this.store.timelines.get(alert.id)?.events.findLast((one) => one.verb.includes("verify"));
    if (!event) return null;
    const said = `${event.code ?? ""} ${event.text ?? ""}`;
    return /reject/.test(said) ? "reject" : /confirm/.test(said) ? "confirm" : null;
  }

  private decidedWords(decision: string): string {
    return decision === "reject" ? M.plateRejected : M.plateConfirmed;
  }

  private ask(alert: Alert, lost: boolean, failed: boolean): HTMLElement {
    if (lost) return h("p", "d-inset t3", M.detailFailed);
    return h("div", "d-inset d-show", h("button", { type: "button", class: "btn btn-wide btn-lg", "data-focus": "show-plate", onclick: () => void this.fetchDetail(alert) },
      icon("eye", 16), failed ? M.retry : M.showPlate), h("p", "small t3", failed ? M.detailFailed : M.showPlateHint));
  }

  private picture(alert: string, detail: PlateDetail): HTMLElement {
    const crop = detail.crop ?? null;
    if (crop?.state !== "kept") return h("p", "plate-none hatched", icon(crop?.state === "awaited" ? "clockPlain" : "picture", 16), h("span", null, noPicture(crop)));
    if (this.failed.has(alert)) return h("p", "plate-none hatched", icon("picture", 16), h("span", null, M.cropFailed));
    let image = this.pictures.get(alert);
    if (!image) {
      image = h("img", { class: "plate-picture", alt: M.cropOf(detail.plate), width: crop.width ?? 328, height: crop.height ?? 112, src: crop.url ?? "" });
      image.addEventListener("error", () => { this.pictures.delete(alert); this.failed.add(alert); this.store.changed(); });
      this.pictures.set(alert, image);
    }
    return h("div", "d-inset", image);
  }

  private choices(busy: boolean): HTMLElement {
    const choice = (word: string, cap: string, decision: "confirm" | "reject", hint: string): HTMLElement =>
      h("div", null, h("button", { type: "button", class: "btn btn-lg btn-wide btn-equal", "data-focus": decision, "aria-disabled": busy ? "true" : null, onclick: () => this.decide(decision) }, word, key(cap)),
        h("p", "small t2", hint));
    return h("div", "d-inset d-choices", choice(M.confirm, "Y", "confirm", M.confirmHint), choice(M.reject, "R", "reject", M.rejectHint));
  }
}

export const cropOf = (detail: Detail | { expired: true }): Told | null => ("kind" in detail && detail.kind === "alpr_hit" ? detail.crop ?? null : null);

function noPicture(crop: Told | null): string {
  if (!crop) return M.cropNone;
  if (crop.state === "refused") return M.cropRefused(crop.reason ?? "");
  return crop.state === "awaited" ? M.cropAwaited(clock(crop.until ?? "")) : M.cropMissing;
}

function compared(detail: PlateDetail): HTMLElement[] {
  const listed = detail.listed?.plate ?? "";
  const length = Math.max(detail.plate.length, listed.length);
  const differing = [...Array(length).keys()].filter((i) => listed && detail.plate[i] !== listed[i]);
  const cells = (text: string, sureness: boolean): HTMLElement[] => [...Array(length).keys()].map((i) => {
    const unsure = sureness && (detail.char_confidence?.[i] ?? 1) < UNSURE;
    return h("span", `cell mono${differing.includes(i) ? " cell-differs" : ""}${unsure ? " cell-unsure" : ""}${sureness ? " cell-read" : ""}`, text[i] ?? " ");
  });
  const row = (label: string, text: string, sureness: boolean): HTMLElement =>
    h("div", { class: "plate-row" }, h("span", "t2", label), h("span", { class: "cells", role: "img", "aria-label": text || M.unknown }, ...cells(text, sureness)));
  const first = differing[0];
  const sure = first === undefined ? null : detail.char_confidence?.[first] ?? null;
  const words = !listed ? M.unknown : first === undefined ? M.same
    : detail.plate.length !== listed.length ? M.differsLength
    : M.differs(first + 1, detail.plate[first]!, listed[first]!, sure === null ? null : Math.round(sure * 100));
  return [h("div", "d-inset plate", row(M.read, detail.plate, true), row(M.onList, listed, false), h("p", "plate-words", icon(first === undefined ? "check" : "scan", 16), h("span", null, words)))];
}

function facts(detail: PlateDetail): HTMLElement {
  const seen = [detail.vehicle?.color, detail.vehicle?.make, detail.vehicle?.type].filter(Boolean).join(" ");
  const direction = detail.direction ? `${seen ? ", " : ""}${detail.direction === "toward" ? "approaching" : detail.direction === "away" ? "leaving" : detail.direction}` : "";
  const age = detail.list_age_s === null || detail.list_age_s === undefined ? "" : `, ${M.old(duration(detail.list_age_s))}`;
  const pairs: [string, string][] = [
    [M.listReason, CATEGORIES[detail.listed?.category ?? ""] ?? detail.listed?.category ?? M.unknown],
    [M.listedAs, [detail.listed?.plate, detail.listed?.jurisdiction].filter(Boolean).join(", ") || M.unknown],
    [M.seenAs, `${detail.jurisdiction}${seen || direction ? `, ${seen}${direction}` : ""}`],
    [M.list, `${detail.hotlist.list_id} ${detail.hotlist.version}${age}`],
  ];
  return h("dl", "kv d-block", ...pairs.flatMap(([label, value]) => [h("dt", null, label), h("dd", null, value)]));
}
