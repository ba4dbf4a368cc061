/**
 * What should be on the screen. Alerts by id and version: an older version never replaces a newer one, so
 * events may come twice, late or out of order, and a snapshot plus events equals a fresh snapshot.
 */
import { sha256Hex } from "./sha256";
import type { Alert, Detail, HandOffs, Person, Snapshot, Status, TimelineEvent, Trailer } from "./wire";

type Listener = () => void;

export class Store {
  readonly alerts = new Map<string, Alert>();
  readonly trailers = new Map<string, Trailer>();
  /** Closed today, newest first; from the status call and from closing messages. */
  readonly closed = new Map<string, Alert>();
  readonly details = new Map<string, Detail | { expired: true }>();
  readonly timelines = new Map<string, { version: number; events: TimelineEvent[] }>();
  readonly handOffs = new Map<string, HandOffs>();
  status: Status | null = null;
  loaded = false;
  selected: string | null = null;

  private listeners = new Set<Listener>();
  private queued = false;
  private newest = new Map<string, number>();
  private sorted: { waiting: Alert[]; acknowledged: Alert[]; worst: Map<string, Alert> } | null = null;

  onChange(listener: Listener): void {
    this.listeners.add(listener);
  }

  /** One repaint for all changes of this turn. Not an animation frame: hidden pages get none. */
  changed(): void {
    if (this.queued) return;
    this.queued = true;
    queueMicrotask(() => {
      this.queued = false;
      for (const listener of this.listeners) listener();
    });
  }

  /** Applies one alert; false if what is known is as new. */
  applyAlert(alert: Alert): boolean {
    if ((this.newest.get(alert.id) ?? -1) >= alert.version) return false;
    this.newest.set(alert.id, alert.version);
    this.sorted = null;
    if (alert.state === "closed") {
      this.alerts.delete(alert.id);
      this.closed.set(alert.id, alert);
    } else {
      this.alerts.set(alert.id, alert);
    }
    this.changed();
    return true;
  }

  applyTrailer(trailer: Trailer): boolean {
    const known = this.trailers.get(trailer.id);
    if (known && known.version > trailer.version) return false;
    this.trailers.set(trailer.id, trailer);
    this.changed();
    return true;
  }

  /**
   * A snapshot is the whole truth of its moment: what it does not list is no longer open. An answer to this
   * page's own act may be newer than a snapshot that was already on its way; versions never go back.
   */
  applySnapshot(snapshot: Snapshot): void {
    const before = new Map(this.alerts);
    this.alerts.clear();
    this.sorted = null;
    for (const listed of snapshot.alerts) {
      const newest = this.newest.get(listed.id) ?? -1;
      const alert = newest > listed.version ? before.get(listed.id) : listed;
      if (!alert) continue;
      this.alerts.set(alert.id, alert);
      this.newest.set(alert.id, alert.version);
    }
    this.trailers.clear();
    for (const trailer of snapshot.trailers) this.trailers.set(trailer.id, trailer);
    this.loaded = true;
    this.changed();
  }

  applyStatus(status: Status): void {
    this.status = status;
    for (const alert of status.closed) {
      if (!this.alerts.has(alert.id) && (this.closed.get(alert.id)?.version ?? -1) < alert.version) this.closed.set(alert.id, alert);
    }
    this.changed();
  }

  /** Hex SHA-256 over `id:version`, sorted, joined by a line feed: what the heartbeat carries. */
  digest(): string {
    return sha256Hex([...this.alerts.values()].map((a) => `${a.id}:${a.version}`).sort().join("\n"));
  }

  /** The selected alert, open or closed; null when none. */
  current(): Alert | null {
    return this.selected === null ? null : this.find(this.selected);
  }

  find(id: string): Alert | null {
    return this.alerts.get(id) ?? this.closed.get(id) ?? null;
  }

  /** Longest waiting first within a priority: a new row goes below its equals, never under the pointer. */
  waiting(): Alert[] {
    return this.order().waiting;
  }

  acknowledged(): Alert[] {
    return this.order().acknowledged;
  }

  /** Sorted once a change, however many parts ask: a flood is when this matters. */
  private order(): { waiting: Alert[]; acknowledged: Alert[]; worst: Map<string, Alert> } {
    if (this.sorted) return this.sorted;
    const open = [...this.alerts.values()];
    const waiting = open.filter((a) => a.state === "unacknowledged")
      .sort((a, b) => a.priority - b.priority || compare(a.received_at, b.received_at) || compare(a.id, b.id));
    const acknowledged = open.filter((a) => a.state === "acknowledged")
      .sort((a, b) => a.priority - b.priority || compare(b.received_at, a.received_at) || compare(a.id, b.id));
    const worst = new Map<string, Alert>();
    for (const alert of [...waiting, ...acknowledged]) if (!worst.has(alert.trailer)) worst.set(alert.trailer, alert);
    this.sorted = { waiting, acknowledged, worst };
    return this.sorted;
  }

  closedToday(): Alert[] {
    const since = this.status?.day_start ?? "";
    return [...this.closed.values()].filter((a) => (a.closed_at ?? "") >= since)
      .sort((a, b) => compare(b.closed_at ?? "", a.closed_at ?? "")).slice(0, 40);
  }

  trailersInOrder(): Trailer[] {
    return [...this.trailers.values()].sort((a, b) => compare(a.id, b.id));
  }

  /** The worst open alert of a trailer, unacknowledged before acknowledged. */
  alertOf(trailer: string): Alert | null {
    return this.order().worst.get(trailer) ?? null;
  }

  /** Since when nothing has been open, as far as the record tells: the last closing, else the day's start. */
  noneOpenSince(): string | null {
    return latest([...this.closed.values()].map((a) => a.closed_at)) ?? this.status?.day_start ?? null;
  }

  /** Since when nothing has waited: the last acknowledgement, else the day's start. */
  noneWaitingSince(): string | null {
    return latest([...this.closed.values(), ...this.alerts.values()].map((a) => a.acknowledged_at)) ?? this.status?.day_start ?? null;
  }
}

const latest = (times: (string | null)[]): string | null => times.reduce((a, b) => ((b ?? "") > (a ?? "") ? b : a), null);

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** A gunshot or an exact hit that is on time sounds until acknowledged; late, look-alike and drill never do. */
export function sounds(alert: Alert): boolean {
  return alert.state === "unacknowledged" && alert.priority < 3 && !alert.late
    && !alert.flags.some((flag) => flag === "late" || flag === "lookalike" || flag === "drill");
}

/** Trailers with a technical warning, as far as this person is told and the line stands; 0 says nothing. */
export function warnedTrailers(status: Pick<Status, "trailers"> | null, lost: boolean): number {
  return lost ? 0 : (status?.trailers.warned ?? 0);
}

/** `07` of `TRL-0007`. */
export function trailerNumber(id: string): string {
  const digits = /(\d+)$/.exec(id)?.[1];
  return digits ? String(Number(digits)).padStart(2, "0") : id;
}

export const samePerson = (a: Person | null, b: Person): boolean => a !== null && a.id === b.id;
