// The live picture: a WHEP player that never lets a still pass for live.
//
// Cutting the transport does not blank a <video>: browsers keep the last frame for many seconds and fire
// no event. So this player watches its own frames: none for 500 ms is "dimmed", none for 2 s is "blank".

export type PlayerState = "connecting" | "live" | "dimmed" | "blank" | "ended";

/**
 * Why a state was entered, as a code for the page to put into words:
 * "refused" (the gateway said no), "no-answer", "no-picture" (10 s without a first frame), "stalled"
 * (frames stopped), "cut" (the gateway or the link ended it), "closed" (this page ended it);
 * `blank(reason)` passes on whatever it was given.
 */
export type Reason = string;

export interface FrameInfo {
  /** Frames shown since open(). */
  frames: number;
  /** Milliseconds from arrival of this frame's last packet to now, when the browser says it. */
  delayMs: number | null;
  width: number;
  height: number;
}

export interface PlayerEvents {
  state(state: PlayerState, reason?: Reason): void;
  frame?(info: FrameInfo): void;
}

/** The gateway did not open a session; `status` is its HTTP status, 0 without an answer. */
export class GatewayRefused extends Error {
  constructor(readonly status: number) {
    super(status ? `the gateway answered ${status}` : "the gateway gave no answer");
  }
}

const DIM_AFTER_MS = 500;
const BLANK_AFTER_MS = 2000;
const FIRST_FRAME_MS = 10_000;
const TICK_MS = 100;
const TRICKLE_AFTER_MS = 1000;
/** A delay above this is a clock or browser fault, not a delay. */
const PLAUSIBLE_DELAY_MS = 5000;

export class Player {
  frames = 0;
  private pc: RTCPeerConnection | null = null;
  private stream: MediaStream | null = null;
  private resource: string | null = null;
  private token = "";
  private current: PlayerState | null = null;
  private openedAt = 0;
  private lastFrameAt = 0;
  private lastDelay = 0;
  private ticker: ReturnType<typeof setInterval> | null = null;
  private frameRequest = 0;
  private decoded = 0;
  private asking = false;
  private candidates: RTCIceCandidate[] = [];
  private readonly shown = () => this.becameVisible();

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly on: PlayerEvents,
  ) {}

  get state(): PlayerState | null {
    return this.current;
  }

  /** Age of the picture on the screen in milliseconds; null while there is none. */
  get pictureAgeMs(): number | null {
    if (!this.frames || !this.video.srcObject) return null;
    return performance.now() - this.lastFrameAt + this.lastDelay;
  }

  /** Open a session. Rejects with GatewayRefused when there is none; the state is then "ended". */
  async open(whepUrl: string, token: string): Promise<void> {
    this.close();
    this.reset(token);
    const pc = this.connect();
    try {
      // The offer goes out at once: waiting for ICE gathering cost a third of the time to first frame.
      await pc.setLocalDescription(await pc.createOffer());
      const answer = await this.post(whepUrl, pc.localDescription?.sdp ?? "");
      if (this.pc !== pc) return forget(answer.resource, token);
      this.resource = answer.resource;
      await pc.setRemoteDescription({ type: "answer", sdp: answer.sdp });
    } catch (error) {
      if (this.pc !== pc) return;
      this.stop("ended", error instanceof GatewayRefused && error.status ? "refused" : "no-answer");
      throw error;
    }
    setTimeout(() => this.trickle(pc), TRICKLE_AFTER_MS);
  }

  /** Blank the screen now and drop the connection: the console said so. */
  blank(reason: Reason): void {
    this.stop("blank", reason);
  }

  /** End the session: screen blank, connection closed, the gateway told. */
  close(): void {
    if (this.pc) this.stop("ended", "closed");
  }

  private reset(token: string): void {
    this.token = token;
    this.frames = this.decoded = this.lastDelay = 0;
    this.candidates = [];
    this.openedAt = this.lastFrameAt = performance.now();
    this.enter("connecting");
  }

  private connect(): RTCPeerConnection {
    const pc = new RTCPeerConnection({ iceServers: [], bundlePolicy: "max-bundle" });
    this.pc = pc;
    const receiver = pc.addTransceiver("video", { direction: "recvonly" }).receiver;
    lowLatency(receiver);
    this.stream = new MediaStream([receiver.track]);
    pc.onicecandidate = (event) => {
      if (event.candidate) this.candidates.push(event.candidate);
    };
    pc.onconnectionstatechange = () => this.ifCut(pc, pc.connectionState);
    pc.ontrack = () => {
      const transport = receiver.transport;
      if (transport) transport.onstatechange = () => this.ifCut(pc, transport.state);
    };
    this.attach();
    this.ticker = setInterval(() => this.tick(pc), TICK_MS);
    document.addEventListener("visibilitychange", this.shown);
    return pc;
  }

  private attach(): void {
    this.video.muted = true;
    this.video.playsInline = true;
    this.video.srcObject = this.stream;
    // Rejected when srcObject is taken away again before the first frame; the watchdog knows better.
    this.video.play().catch(() => undefined);
    this.frameRequest = this.video.requestVideoFrameCallback((now, data) => this.frame(now, data));
  }

  private frame(now: number, data: VideoFrameCallbackMetadata): void {
    if (!this.pc || !this.video.srcObject) return;
    const at = performance.now();
    const delay = data.receiveTime === undefined ? Number.NaN : Math.max(now, at) - data.receiveTime;
    const plausible = delay >= 0 && delay < PLAUSIBLE_DELAY_MS;
    this.frames += 1;
    this.lastFrameAt = at;
    this.lastDelay = plausible ? delay : 0;
    this.enter("live");
    this.on.frame?.({
      frames: this.frames,
      delayMs: plausible ? delay : null,
      width: data.width,
      height: data.height,
    });
    this.frameRequest = this.video.requestVideoFrameCallback((next, more) => this.frame(next, more));
  }

  private tick(pc: RTCPeerConnection): void {
    if (this.pc !== pc) return;
    if (this.current === "connecting") {
      if (performance.now() - this.openedAt > FIRST_FRAME_MS) this.stop("ended", "no-picture");
      return;
    }
    // A hidden page gets no frame callbacks, and a blank one has no picture: ask the decoder instead.
    if (document.hidden || this.current === "blank") void this.askDecoder(pc);
    const silent = performance.now() - this.lastFrameAt;
    if (this.current === "blank") return;
    if (silent >= BLANK_AFTER_MS) {
      this.video.srcObject = null;
      this.enter("blank", "stalled");
    } else if (silent >= DIM_AFTER_MS && !document.hidden) {
      this.enter("dimmed", "stalled");
    }
  }

  private async askDecoder(pc: RTCPeerConnection): Promise<void> {
    if (this.asking) return;
    this.asking = true;
    try {
      const received = await packetsReceived(pc);
      if (this.pc !== pc || received <= this.decoded) return;
      const first = this.decoded === 0;
      this.decoded = received;
      if (first) return;
      if (this.current === "blank") this.resume();
      else this.lastFrameAt = performance.now();
    } finally {
      this.asking = false;
    }
  }

  /** The link came back by itself within the same session. */
  private resume(): void {
    this.openedAt = this.lastFrameAt = performance.now();
    this.decoded = 0;
    this.enter("connecting");
    this.attach();
  }

  private becameVisible(): void {
    this.decoded = 0;
    if (!document.hidden && this.current === "live") this.lastFrameAt = performance.now();
  }

  private ifCut(pc: RTCPeerConnection, state: string): void {
    if (this.pc !== pc || (state !== "failed" && state !== "closed")) return;
    if (state === "closed") this.resource = null; // the gateway ended it and knows
    this.stop("ended", "cut");
  }

  private stop(state: PlayerState, reason: Reason): void {
    const { pc, resource } = this;
    this.pc = this.resource = null;
    this.video.srcObject = null;
    pc?.close();
    if (this.ticker !== null) clearInterval(this.ticker);
    this.ticker = null;
    this.video.cancelVideoFrameCallback(this.frameRequest);
    document.removeEventListener("visibilitychange", this.shown);
    this.stream = null;
    forget(resource, this.token);
    this.token = "";
    this.enter(state, reason);
  }

  private enter(state: PlayerState, reason?: Reason): void {
    if (state === this.current) return;
    this.current = state;
    this.on.state(state, reason);
  }

  private async post(url: string, offer: string): Promise<{ sdp: string; resource: string | null }> {
    const headers = { ...bearer(this.token), "Content-Type": "application/sdp" };
    let answer: Response;
    try {
      answer = await fetch(url, { method: "POST", headers, body: offer, redirect: "error", cache: "no-store" });
    } catch {
      throw new GatewayRefused(0);
    }
    if (answer.status !== 201) throw new GatewayRefused(answer.status);
    const location = answer.headers.get("Location");
    const base = answer.url || new URL(url, document.baseURI).href;
    return { sdp: await answer.text(), resource: location && new URL(location, base).href };
  }

  /** Only when the direct way did not work by itself: send what ICE gathered. */
  private trickle(pc: RTCPeerConnection): void {
    const { resource, candidates } = this;
    if (this.pc !== pc || !resource || !candidates.length || pc.connectionState === "connected") return;
    const headers = { ...bearer(this.token), "Content-Type": "application/trickle-ice-sdpfrag" };
    fetch(resource, { method: "PATCH", headers, body: fragment(candidates) }).catch(() => undefined);
  }
}

function bearer(token: string): Record<string, string> {
  return { Authorization: `Bearer ${token}` };
}

/** End a session at the gateway; works also while the page is being left. */
function forget(resource: string | null, token: string): void {
  if (!resource) return;
  fetch(resource, { method: "DELETE", headers: bearer(token), keepalive: true }).catch(() => undefined);
}

function lowLatency(receiver: RTCRtpReceiver): void {
  const tunable = receiver as RTCRtpReceiver & { jitterBufferTarget?: number | null };
  if ("jitterBufferTarget" in tunable) tunable.jitterBufferTarget = 0;
}

async function packetsReceived(pc: RTCPeerConnection): Promise<number> {
  let packets = 0;
  for (const entry of (await pc.getStats()).values() as Iterable<{ type: string; packetsReceived?: number }>) {
    if (entry.type === "inbound-rtp") packets += entry.packetsReceived ?? 0;
  }
  return packets;
}

/** A trickle fragment (RFC 8840) of one media section. */
function fragment(candidates: readonly RTCIceCandidate[]): string {
  const first = candidates[0];
  const lines = candidates.map((one) => `a=${one.candidate}`);
  return [`a=ice-ufrag:${first?.usernameFragment ?? ""}`, "m=video 9 RTP/AVP 0", "a=mid:0", ...lines, ""].join("\r\n");
}

/** What one picture of the synthetic camera says of itself (geometry: agent/strip.py). */
export interface Strip {
  counter: number;
  /** Low 32 bits of the capture time, unix milliseconds. */
  unixMs: number;
  /** Milliseconds from capture to the moment of reading, by this machine's clock. */
  ageMs: number;
}

const BLOCK = 8;
const BITS = 32;
const BLOCKS = BITS + 2;
const STRIP_WIDTH = BLOCKS * BLOCK;
const STRIP_HEIGHT = 2 * BLOCK;
const PICTURE_WIDTH = 1280;
const CONTRAST = 40;

let canvas: HTMLCanvasElement | null = null;

/** Read the burned-in strip of the frame on the screen; null when there is no such frame. */
export function readStrip(video: HTMLVideoElement): Strip | null {
  if (!video.srcObject || video.videoWidth < STRIP_WIDTH) return null;
  canvas ??= Object.assign(document.createElement("canvas"), { width: STRIP_WIDTH, height: STRIP_HEIGHT });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) return null;
  const scale = video.videoWidth / PICTURE_WIDTH;
  const [w, h] = [STRIP_WIDTH, STRIP_HEIGHT];
  context.drawImage(video, 0, 0, w * scale, h * scale, 0, 0, w, h);
  const now = Date.now();
  const numbers = stripNumbers(context.getImageData(0, 0, w, h).data);
  if (!numbers) return null;
  const [counter, unixMs] = numbers;
  return { counter, unixMs, ageMs: ((now % 2 ** 32) - unixMs) | 0 };
}

/** Counter and time from RGBA pixels of the strip alone, 272x16; null when they are not there. */
export function stripNumbers(pixels: ArrayLike<number>): [number, number] | null {
  const rows = [0, 1].map((row) => Array.from({ length: BLOCKS }, (_, block) => middle(pixels, row, block)));
  const numbers: number[] = [];
  for (const means of rows) {
    const [light = 0, dark = 0] = means.slice(BITS);
    if (light - dark < CONTRAST) return null;
    const limit = (light + dark) / 2;
    numbers.push(means.slice(0, BITS).reduce((sum, mean) => sum * 2 + (mean > limit ? 1 : 0), 0));
  }
  return [numbers[0] ?? 0, numbers[1] ?? 0];
}

/** Mean green of the inner 4x4 pixels of a block. */
function middle(pixels: ArrayLike<number>, row: number, block: number): number {
  let sum = 0;
  for (let y = 2; y < 6; y++) {
    for (let x = 2; x < 6; x++) {
      sum += pixels[((row * BLOCK + y) * STRIP_WIDTH + block * BLOCK + x) * 4 + 1] ?? 0;
    }
  }
  return sum / 16;
}
