/** What travels: the shapes of the console's own interface, exactly. Times are RFC 3339 UTC. */

export interface Person { id: string; name: string; badge: string }

export type AlertKind = "gunshot" | "alpr_hit";
export type AlertState = "unacknowledged" | "acknowledged" | "closed";
export type Outcome = "confirmed" | "unconfirmed" | "unfounded" | "test" | "equipment";

export interface Alert {
  id: string;
  version: number;
  kind: AlertKind;
  state: AlertState;
  priority: 1 | 2 | 3;
  trailer: string;
  deployment: string;
  lat: number | null;
  lon: number | null;
  uncertainty_m: number | null;
  occurred_at: string;
  received_at: string;
  late: boolean;
  flags: string[];
  acknowledged_by: Person | null;
  acknowledged_at: string | null;
  closed_at: string | null;
  outcome: Outcome | null;
}

export interface Trailer {
  id: string;
  version: number;
  label: string;
  state: "off" | "active" | "fault" | "lost";
  lat: number | null;
  lon: number | null;
  fix_at: string | null;
  heading_deg: number | null;
  deployment: string | null;
  link_at: string | null;
  battery_soc_pct: number | null;
  faults: string[];
}

export interface Snapshot { digest: string; at: string; alerts: Alert[]; trailers: Trailer[] }

export type Message =
  | { type: "alert"; alert: Alert }
  | { type: "trailer"; trailer: Trailer }
  | { type: "heartbeat"; digest: string; at: string }
  | { type: "hand-off"; alert: string; state: string }
  | { type: "watchers"; alert: string }
  | { type: "media"; alert: string }
  | { type: "break-glass"; break_glass: BreakGlass }
  | { type: "blank"; session: string; by: Person | string | null; at: string }
  | { type: "bye"; code: string | number };

/** A clip or crop as it stands; `wave` is an envelope of 0 to 100, `reason` follows "refused: ". */
export interface Told {
  state: "awaited" | "missing" | "kept" | "refused";
  until?: string;
  url?: string;
  code?: string;
  reason?: string;
  duration_ms?: number;
  onset_ms?: number;
  wave?: number[];
  width?: number;
  height?: number;
}

export interface GunshotDetail {
  kind: "gunshot";
  confidence: number;
  rounds?: number | null;
  span_ms?: number | null;
  location?: { lat: number; lon: number; uncertainty_m: number } | null;
  bearing?: { deg_true: number; error_deg: number } | null;
  detector?: unknown;
  clip?: Told | null;
  site?: string | null;
}

export interface PlateDetail {
  kind: "alpr_hit";
  plate: string;
  jurisdiction: string;
  confidence: number;
  match: "exact" | "lookalike";
  char_confidence?: number[] | null;
  vehicle?: { color?: string; make?: string; type?: string } | null;
  direction?: string | null;
  camera?: string | null;
  crop?: Told | null;
  hotlist: { list_id: string; version: number; entry_id: string };
  listed?: { plate: string; jurisdiction: string; category: string } | null;
  list_age_s?: number | null;
  site?: string | null;
}

export type Detail = GunshotDetail | PlateDetail;

export interface TimelineEvent { at: string; verb: string; person: Person | null; text: string; code: string }

export interface Status {
  at: string;
  day_start: string;
  alerts: number;
  median_acknowledge_s: number | null;
  views: number;
  view_min: number;
  closed: Alert[];
  /** `warned`: with a technical warning; null for who may not see the fleet. */
  trailers: { deployed: number; reporting: number; warned: number | null };
  hotlists: { list_id: string; version: number; issued_at: string; age_s: number }[];
  purge: { at: string; ok: boolean; oldest: string | null } | null;
  audit: { sealed_at: string | null; waiting: number; owed: number };
  break_glass: BreakGlass[];
  cad: { waiting_since: string | null; failed: number };
}

export interface Receipt {
  id: string;
  target: "cad" | "file";
  name: string;
  state: "queued" | "sent" | "delivered" | "failed";
  attempts: number;
  fault: string;
  number: number;
  by: Person;
  at: string;
  settled_at: string | null;
  files: Record<string, string>;
}

export interface HandOffs { targets: { id: string; name: string }[]; receipts: Receipt[] }

export interface Preview { version: number; rows: { name: string; words: string }[] }

export interface BreakGlass { id: string; object: { type: string; id: string }; person: Person; reason: string; expires_at: string; ended_at: string | null }

export interface LiveView { session: string; whep_url: string; token: string; expires_at: string; recording: false }

export interface LiveState {
  session: string;
  alert: string;
  trailer: string;
  expires_at: string;
  recording: boolean;
  watchers: Person[];
  state: string;
}

export interface Boot {
  me: Person;
  roles: string[];
  csrf: string;
  urls: { snapshot: string; status: string; shift: string; socket: string; sign_out: string; [name: string]: string };
  demo: boolean;
  can: { acknowledge: boolean; view: boolean; close: boolean };
}
