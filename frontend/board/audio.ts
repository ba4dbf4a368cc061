/**
 * The alarm. A person's act unlocks it, since browsers keep pages silent until then; whether it sounds is
 * decided when a message arrives, because timers of a hidden page may sleep.
 */
import { postJson } from "./api";
import { type Store, sounds } from "./store";
import type { Alert } from "./wire";

const REPEAT_MS = 10_000;
/** A little over the time between two heartbeats. */
const AHEAD_MS = 5_000;
/** Alerts that come together sound together. */
const TOGETHER_MS = 900;
const STEP_S = 0.22;
const LOUD: readonly number[] = [880, 622];
const SOFT: readonly number[] = [523];

export class Alarm {
  /** How many times it has sounded; the page carries it for tests. */
  tones = 0;
  private context: AudioContext | null = null;
  private last = -REPEAT_MS;
  private lastSoft = -REPEAT_MS;
  private playing: OscillatorNode[] = [];

  constructor(private readonly store: Store, private readonly shiftUrl: string) {}

  /** Whether the start of the shift could not be entered in the log; the alarm sounds all the same. */
  notEntered = false;

  armed(): boolean {
    return this.context?.state === "running";
  }

  /** "Start shift": must be called from a press. Sounds once, so that the person hears that it works. */
  async arm(): Promise<void> {
    this.context ??= new AudioContext();
    this.context.onstatechange = () => this.store.changed();
    await this.context.resume();
    // What was waiting unheard is heard now; otherwise one note shows that it works.
    if (this.waiting()) this.loud();
    else this.sound([660], 0.08);
    await this.keepAwake();
    this.store.changed();
    await this.enter();
  }

  /** The start of the shift stands in the log, by name. */
  async enter(): Promise<void> {
    try {
      await postJson(this.shiftUrl, {});
      this.notEntered = false;
    } catch {
      this.notEntered = true;
    }
    this.store.changed();
  }

  /** A new alert: at once if it is loud, one soft note otherwise. */
  arrived(alert: Alert): void {
    const since = performance.now() - this.last;
    if (alert.state !== "unacknowledged" || (since >= 0 && since < TOGETHER_MS)) return;
    // A repeat that only waits on the audio clock gives way to what is new.
    if (since < 0 && sounds(alert)) this.hush();
    if (sounds(alert)) this.loud();
    else if (!alert.late) this.soft();
  }

  /**
   * Called with every message from the server: repeats while somebody must still acknowledge, else is silent.
   * What falls due before the next message is handed to the audio clock now, which no hidden tab slows down.
   */
  heartbeat(): void {
    if (!this.waiting()) { this.hush(); return; }
    const due = REPEAT_MS - (performance.now() - this.last);
    if (due <= AHEAD_MS) this.loud(Math.max(0, due));
  }

  private waiting(): boolean {
    return [...this.store.alerts.values()].some(sounds);
  }

  hush(): void {
    for (const node of this.playing) { try { node.stop(); } catch { /* it had already ended */ } }
    this.playing = [];
  }

  private loud(inMs = 0): void {
    if (this.sound([...LOUD, ...LOUD], 0.22, inMs)) this.last = performance.now() + inMs;
  }

  private soft(): void {
    if (performance.now() - this.lastSoft < TOGETHER_MS) return;
    this.lastSoft = performance.now();
    this.sound(SOFT, 0.1);
  }

  /** Whether it sounds: a tone that nobody could hear does not count as one. */
  private sound(notes: readonly number[], volume: number, inMs = 0): boolean {
    const context = this.context;
    if (!context || context.state !== "running") return false;
    this.tones += 1;
    document.documentElement.dataset["tones"] = String(this.tones);
    notes.forEach((frequency, i) => {
      const start = context.currentTime + inMs / 1000 + i * STEP_S;
      const tone = new OscillatorNode(context, { type: "triangle", frequency });
      const gain = new GainNode(context, { gain: 0 });
      gain.gain.setValueAtTime(0, start);
      gain.gain.linearRampToValueAtTime(volume, start + 0.015);
      gain.gain.setValueAtTime(volume, start + STEP_S - 0.04);
      gain.gain.linearRampToValueAtTime(0, start + STEP_S - 0.01);
      tone.connect(gain).connect(context.destination);
      tone.start(start);
      tone.stop(start + STEP_S);
      this.playing.push(tone);
      tone.onended = () => { this.playing = this.playing.filter((one) => one !== tone); };
    });
    return true;
  }

  private async keepAwake(): Promise<void> {
    try { await navigator.wakeLock?.request("screen"); } catch { /* a courtesy of the browser, not a need */ }
  }
}
