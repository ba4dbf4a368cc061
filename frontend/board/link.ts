/**
 * The line to the server. Subscribe, then snapshot, then apply: messages that arrive while a snapshot is on
 * its way are applied at once and again after it. Freshness is counted from the last message, by a clock of
 * this page, and nothing is ever queued to be sent later.
 */
import { getJson, Problem } from "./api";
import type { Store } from "./store";
import { now, setServerTime } from "./time";
import type { Boot, Message, Snapshot } from "./wire";

export type Freshness = "connecting" | "live" | "delayed" | "lost" | "ended";

const LIVE_S = 5;
const DELAYED_S = 15;
const SILENT_S = 8;
const WATCH_EVERY_MS = 1000;
const BACKOFF_BASE_MS = 300;
const BACKOFF_CAP_MS = 2500;

/** Full jitter: anywhere between nothing and the doubled, capped wait (milliseconds). */
export function backoffMs(tries: number, random = Math.random): number {
  return Math.round(random() * Math.min(BACKOFF_CAP_MS, BACKOFF_BASE_MS * 2 ** Math.min(tries, 10)));
}

/** How true the screen is: seconds since the last word, and whether the line is open at all. */
export function freshness(ageS: number, open: boolean): Freshness {
  if (ageS >= DELAYED_S) return "lost";
  return ageS < LIVE_S && open ? "live" : "delayed";
}

export class Link {
  tries = 0;
  ended: "signed-out" | "right-lost" | null = null;
  /** Server time of the last word, ms; null before the first. */
  lastWordAt: number | null = null;
  /** Server time at which this list was last proven equal to the record. */
  equalAt: number | null = null;
  nextTryAt: number | null = null;
  onMessage: (message: Message) => void = () => {};
  onRestored: (since: number) => void = () => {};

  private heard = performance.now();
  private everHeard = false;
  private socket: WebSocket | null = null;
  private retry = 0;
  private fetching: Message[] | null = null;
  private again = false;
  private ready = false;
  private lostSince: number | null = null;

  constructor(private readonly boot: Boot, private readonly store: Store) {}

  start(): void {
    this.open();
    setInterval(() => this.watch(), WATCH_EVERY_MS);
    addEventListener("online", () => this.tryNow());
    addEventListener("offline", () => this.drop());
    document.addEventListener("visibilitychange", () => { if (!document.hidden && this.state() !== "live") this.tryNow(); });
  }

  state(): Freshness {
    if (this.ended) return "ended";
    if (!this.everHeard) return this.ageS() < DELAYED_S ? "connecting" : "lost";
    return freshness(this.ageS(), this.ready);
  }

  /** Acts may be sent: what is on the screen is not older than the line allows. */
  usable(): boolean {
    const state = this.state();
    return state === "live" || state === "delayed";
  }

  ageS(): number {
    return (performance.now() - this.heard) / 1000;
  }

  tryNow(): void {
    if (this.ended || this.socket?.readyState === WebSocket.OPEN) return;
    this.drop();
    this.open();
  }

  private open(): void {
    clearTimeout(this.retry);
    this.nextTryAt = null;
    const url = new URL(this.boot.urls.socket, location.href);
    url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(url);
    this.socket = socket;
    socket.onopen = () => void this.refresh();
    socket.onmessage = (event) => { if (this.socket === socket) this.take(String(event.data)); };
    socket.onclose = (event) => { if (this.socket === socket) this.closed(event.code); };
  }

  private drop(): void {
    const socket = this.socket;
    this.socket = null;
    this.ready = false;
    socket?.close();
    if (!this.ended) this.schedule();
    this.store.changed();
  }

  private closed(code: number): void {
    this.socket = null;
    this.ready = false;
    if (code === 4401) this.end("signed-out");
    else if (code === 4403) this.end("right-lost");
    else this.schedule();
    this.store.changed();
  }

  private schedule(): void {
    clearTimeout(this.retry);
    const wait = backoffMs(this.tries++);
    this.nextTryAt = performance.now() + wait;
    this.retry = window.setTimeout(() => this.open(), wait);
  }

  private end(why: "signed-out" | "right-lost"): void {
    this.ended = why;
    clearTimeout(this.retry);
    this.socket?.close();
    this.socket = null;
    this.store.changed();
    if (why === "signed-out") location.assign(this.boot.urls["sign_in"] ?? "/accounts/login/?next=/live");
  }

  /** A line that is open and silent is dead: the next one may not be. */
  private watch(): void {
    if (this.socket?.readyState === WebSocket.OPEN && this.ready && this.ageS() > SILENT_S) this.drop();
  }

  private take(data: string): void {
    let message: Message;
    try { message = JSON.parse(data) as Message; } catch { return; }
    this.word();
    if (message.type === "alert" || message.type === "trailer") this.fetching?.push(message);
    if (message.type === "bye") {
      const code = String(message.code);
      if (code === "4401" || code === "signed-out") this.end("signed-out");
      else if (code === "4403" || code === "right-lost") this.end("right-lost");
    } else if (message.type === "heartbeat") {
      setServerTime(message.at);
      this.compare(message.digest);
    } else {
      this.apply(message);
    }
    this.onMessage(message);
    this.store.changed();
  }

  private apply(message: Message): void {
    if (message.type === "alert") this.store.applyAlert(message.alert);
    else if (message.type === "trailer") this.store.applyTrailer(message.trailer);
  }

  private compare(digest: string): void {
    if (digest === this.store.digest() && this.store.loaded) this.equalAt = now();
    // A snapshot on its way will say; the next beat checks it.
    else if (!this.fetching) void this.refresh();
  }

  private word(): void {
    this.heard = performance.now();
    this.everHeard = true;
    this.lastWordAt = now();
  }

  /** Fetches what should be on the screen; a second call while one is under way runs once after it. */
  async refresh(): Promise<void> {
    if (this.fetching) { this.again = true; return; }
    this.fetching = [];
    try {
      const snapshot = await getJson<Snapshot>(this.boot.urls.snapshot, 5000);
      setServerTime(snapshot.at);
      this.store.applySnapshot(snapshot);
      for (const message of this.fetching) this.apply(message);
      this.arrived();
    } catch (error) {
      if (error instanceof Problem && error.status === 401) this.end("signed-out");
      else if (error instanceof Problem && error.status === 403) this.end("right-lost");
      else this.again = false;
    } finally {
      this.fetching = null;
    }
    if (this.again) { this.again = false; void this.refresh(); }
  }

  private arrived(): void {
    if (this.socket?.readyState === WebSocket.OPEN) {
      this.ready = true;
      this.tries = 0;
      this.word();
    }
    this.equalAt = now();
    if (this.lostSince !== null) this.onRestored(this.lostSince);
    this.lostSince = null;
    this.store.changed();
  }

  /** Remembers from when the screen was not true, for the list of what changed meanwhile. */
  markLost(): void {
    this.lostSince ??= this.lastWordAt;
  }
}
