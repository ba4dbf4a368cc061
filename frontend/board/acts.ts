/**
 * What a person does to an alert. Nothing is shown as done before the server says so; each press carries the
 * version that was on the screen and one idempotency key for its intent, kept until it is answered.
 */
import { alertUrl, intentKey, postJson, Problem } from "./api";
import { M } from "./messages";
import type { Link } from "./link";
import type { Store } from "./store";
import { clock } from "./time";
import type { Alert, Outcome, Person } from "./wire";

const PENDING_AFTER_MS = 150;
const FAILED_AFTER_MS = 2000;

export type Phase = "idle" | "sent" | "pending" | "failed" | "taken" | "refused";

export interface Act { phase: Phase; sentence: string; key: string; version: number; attempt: number }

export class Acts {
  /** Acknowledgements under way or answered badly, by alert. */
  readonly acknowledging = new Map<string, Act>();
  /** The last refusal of another act on an alert, in words. */
  readonly refused = new Map<string, string>();
  private readonly busy = new Set<string>();
  private readonly keys = new Map<string, string>();

  constructor(private readonly store: Store, private readonly link: Link) {}

  /** Acknowledges exactly what was shown: this id, this version. */
  acknowledge(id: string, version: number): void {
    if (!this.link.usable()) return;
    const before = this.acknowledging.get(id);
    if (before && (before.phase === "sent" || before.phase === "pending" || before.phase === "taken")) return;
    const again = before?.phase === "failed" && before.version === version;
    const act: Act = { phase: "sent", sentence: "", key: again ? before.key : intentKey(), version, attempt: (before?.attempt ?? 0) + 1 };
    this.acknowledging.set(id, act);
    this.clocks(id, act);
    this.store.changed();
    void this.sendAcknowledge(id, act);
  }

  /** The alert has been acknowledged: by this press, or by somebody else in the same moment. */
  settle(alert: Alert, me: Person): void {
    const act = this.acknowledging.get(alert.id);
    if (!act || alert.state === "unacknowledged" || act.phase === "taken") return;
    const by = alert.acknowledged_by;
    if (by && by.id !== me.id) {
      act.phase = "taken";
      act.sentence = M.taken(by.name, clock(alert.acknowledged_at ?? alert.received_at));
    } else {
      this.acknowledging.delete(alert.id);
    }
  }

  isBusy(id: string, verb: string): boolean {
    return this.busy.has(`${verb}:${id}`);
  }

  handBack(id: string, reason: string): Promise<boolean> {
    return this.act(id, "hand-back", { reason });
  }

  close(alert: Alert, outcome: Outcome, note: string): Promise<boolean> {
    return this.act(alert.id, "close", { outcome, note, version: alert.version });
  }

  verify(alert: Alert, decision: "confirm" | "reject"): Promise<boolean> {
    return this.act(alert.id, "verify-plate", { decision, version: alert.version });
  }

  private clocks(id: string, act: Act): void {
    const current = (): boolean => this.acknowledging.get(id) === act;
    setTimeout(() => { if (current() && act.phase === "sent") this.phase(act, "pending"); }, PENDING_AFTER_MS);
    setTimeout(() => { if (current() && (act.phase === "sent" || act.phase === "pending")) this.phase(act, "failed"); }, FAILED_AFTER_MS);
  }

  private phase(act: Act, phase: Phase, sentence = ""): void {
    act.phase = phase;
    act.sentence = sentence;
    this.store.changed();
  }

  private async sendAcknowledge(id: string, act: Act): Promise<void> {
    try {
      const alert = await postJson<Alert>(alertUrl(id, "acknowledge"), { version: act.version }, act.key);
      this.acknowledging.delete(id);
      this.store.applyAlert(alert);
      this.store.changed();
    } catch (error) {
      if (this.acknowledging.get(id) !== act) return;
      const problem = error instanceof Problem ? error : new Problem(0, "", "");
      if (problem.code === "already-acknowledged") this.taken(act, problem);
      else if (problem.code === "stale-version") this.phase(act, "refused", M.changedLook);
      else if (problem.code === "log-down") this.phase(act, "refused", problem.message);
      else if (problem.status === 0 || problem.status >= 500) this.phase(act, "failed");
      else this.phase(act, "refused", problem.message || M.failed);
      if (problem.status === 409) void this.link.refresh();
    }
  }

  private taken(act: Act, problem: Problem): void {
    const by = problem.extra["by"] as Person | string | undefined;
    const name = typeof by === "string" ? by : by?.name ?? "";
    this.phase(act, "taken", M.taken(name, clock(String(problem.extra["at"] ?? ""))));
  }

  private async act(id: string, verb: string, body: Record<string, unknown>): Promise<boolean> {
    const name = `${verb}:${id}`;
    if (this.busy.has(name) || !this.link.usable()) return false;
    this.busy.add(name);
    this.refused.delete(id);
    this.store.changed();
    const intent = `${name}:${JSON.stringify(body)}`;
    const key = this.keys.get(intent) ?? intentKey();
    this.keys.set(intent, key);
    try {
      this.store.applyAlert(await postJson<Alert>(alertUrl(id, verb), body, key));
      this.keys.delete(intent);
      return true;
    } catch (error) {
      const problem = error instanceof Problem ? error : null;
      if (problem && problem.status !== 0) this.keys.delete(intent);
      this.refused.set(id, problem?.status ? problem.message || M.failed : M.noAnswer);
      if (problem?.status === 409) void this.link.refresh();
      return false;
    } finally {
      this.busy.delete(name);
      this.store.changed();
    }
  }
}
