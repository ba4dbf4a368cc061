/** How an alert is called. Rounds and the like come from the audited detail, never from the wire. */
import { KIND_WORDS, M } from "./messages";
import { type Store, trailerNumber } from "./store";
import type { Alert } from "./wire";

export function what(alert: Alert, store: Store): string {
  const detail = store.details.get(alert.id);
  const rounds = detail && "kind" in detail && detail.kind === "gunshot" ? detail.rounds : null;
  const base = rounds ? `${KIND_WORDS.gunshot} ${M.rounds(rounds)}` : KIND_WORDS[alert.kind] ?? alert.kind;
  const lookalike = alert.flags.includes("lookalike") ? `, ${M.lookalike}` : "";
  const drill = alert.flags.includes("drill") ? `, ${M.drill}` : "";
  return base + lookalike + drill;
}

export const titleOf = (alert: Alert, store: Store): string => `P${alert.priority} ${what(alert, store)}`;

/** The wire knows no street: the trailer's label is the place a person can say aloud. */
export function where(alert: Alert, store: Store): string {
  const label = store.trailers.get(alert.trailer)?.label ?? "";
  return label || M.trailer(trailerNumber(alert.trailer));
}
