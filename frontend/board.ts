/** The live board: wires its parts together. State in store.ts, the line in link.ts, one part a file. */
import { Acts } from "./board/acts";
import { setCsrf, getJson } from "./board/api";
import { Alarm } from "./board/audio";
import { Banner } from "./board/banner";
import { Bar } from "./board/bar";
import { DetailPanel } from "./board/detail";
import { must, setText } from "./board/dom";
import { FleetWord } from "./board/fleet";
import { HandOffDesk } from "./board/handoff";
import { listen } from "./board/keys";
import { Link } from "./board/link";
import { BoardMap } from "./board/map";
import { M } from "./board/messages";
import { Queue } from "./board/queue";
import { ShiftPanel } from "./board/shift";
import { Store } from "./board/store";
import { Strip } from "./board/strip";
import { TableTwin } from "./board/table";
import { clock } from "./board/time";
import { VideoDesk } from "./board/video";
import type { Alert, Boot, Message, Status, Trailer } from "./board/wire";
import { titleOf, where } from "./board/words";

const STATUS_EVERY_MS = 30_000;
/** After a selection that the page made by itself, A waits until a person can have seen it. */
const SEEN_MS = 500;

const boot = JSON.parse(must("#boot").textContent ?? "{}") as Boot;
setCsrf(boot.csrf);
const store = new Store();
const link = new Link(boot, store);
const acts = new Acts(store, link);
const alarm = new Alarm(store, boot.urls.shift);
const video = new VideoDesk(store, boot);
const handOff = new HandOffDesk(store, link, boot, () => detail.focusNote());
const detail: DetailPanel = new DetailPanel(store, link, boot, acts, video, handOff);
const queue = new Queue(store, link, boot, select);
const map = new BoardMap(store, link, select);
const table = new TableTwin(store, link, chooseTrailer);
const strip = new Strip(store, link, chooseTrailer);
const shift = new ShiftPanel(store, link, alarm);
const banner = new Banner(store, link, alarm, video, boot);
const bar = new Bar(store, link, alarm);
const fleetWord = new FleetWord(store, link);
let selectedByPageAt = -SEEN_MS;
let before: Map<string, number> | null = null;
/** What the page selected by itself, until the person has moved. */
let offered: string | null = null;

function select(id: string | null): void {
  selectedByPageAt = -SEEN_MS;
  offered = null;
  store.selected = id;
  store.changed();
  if (id) queueMicrotask(() => queue.reveal(id));
}

function chooseTrailer(trailer: Trailer): void {
  const alert = store.alertOf(trailer.id);
  if (alert) return select(alert.id);
  showTable(false);
  map.centreOn(trailer);
}

/** The selected alert as it was last painted: when it leaves its section, J goes on to what still waits. */
let last: { id: string; state: string } | null = null;
let finished: string | null = null;

function noteFinished(): void {
  const current = store.current();
  if (current && last?.id === current.id && last.state !== current.state) finished = current.id;
  last = current && { id: current.id, state: current.state };
}

function move(step: 1 | -1): void {
  // The only one that waits is already shown: the J meant for it must not lead past it.
  if (step === 1 && offered !== null && offered === store.selected && store.waiting().length === 1 && store.current()?.state === "unacknowledged") {
    return select(store.selected);
  }
  const next = step === 1 && finished !== null && finished === store.selected ? store.waiting()[0]?.id : undefined;
  const id = next ?? queue.neighbour(step);
  finished = null;
  if (id) select(id);
}

function acknowledge(): void {
  if (performance.now() - selectedByPageAt >= SEEN_MS) detail.acknowledge();
}

function showTable(on: boolean): void {
  must<HTMLElement>("#table").hidden = !on;
  must<HTMLElement>("#map-box").hidden = on;
  must("#show-table").setAttribute("aria-pressed", String(on));
  must("#show-map").setAttribute("aria-pressed", String(!on));
  store.changed();
}

function showMap(): void {
  showTable(false);
  map.recentre();
}

/** Esc: the innermost open thing first, the selection last. */
function back(): void {
  if (must<HTMLDialogElement>("#keys").open) return must<HTMLDialogElement>("#keys").close();
  if (handOff.close() || detail.closeForm() || queue.closeFilter()) return;
  if (document.activeElement instanceof HTMLInputElement) return document.activeElement.blur();
  select(null);
}

function toggleKeys(): void {
  const dialog = must<HTMLDialogElement>("#keys");
  if (dialog.open) dialog.close();
  else dialog.showModal();
}

/** Nothing selected and something new waits: show the first that waits. Never moves a selection that exists. */
function offer(): void {
  const first = store.waiting()[0];
  if (store.selected !== null || !first) return;
  select(first.id);
  offered = first.id;
  selectedByPageAt = performance.now();
}

const known = new Map<string, string>();

function announce(alert: Alert): void {
  const fresh = alert.state === "unacknowledged" && known.get(alert.id) !== "unacknowledged";
  known.set(alert.id, alert.state);
  if (!fresh) return;
  alarm.arrived(alert);
  setText(must("#announce"), M.announce(titleOf(alert, store), where(alert, store), clock(alert.occurred_at)));
  offer();
}

function paint(): void {
  for (const alert of store.alerts.values()) if (known.get(alert.id) !== alert.state) announce(alert);
  noteFinished();
  const state = link.state();
  if (state === "lost") { link.markLost(); before ??= new Map([...store.alerts].map(([id, alert]) => [id, alert.version])); }
  if (state === "ended") video.blank(M.bannerRight);
  if (document.body.dataset["link"] !== state) document.body.dataset["link"] = state;
  for (const part of [video, bar, fleetWord, banner, queue, detail, shift, strip, map, table]) part.render();
}

function tick(): void {
  bar.tick();
  banner.render();
  if (link.state() === "lost") store.changed();
  queue.tick();
  map.tick();
  detail.tick();
  table.render();
}

async function fetchStatus(): Promise<void> {
  if (document.hidden || !link.usable()) return;
  const status = await getJson<Status>(boot.urls.status).catch(() => null);
  if (status) store.applyStatus(status);
}

link.onMessage = (message: Message) => {
  video.onMessage(message);
  if (message.type === "media") detail.mediaCame(message.alert);
  if (message.type === "hand-off") { handOff.heard(message.alert); void fetchStatus(); }
  if (message.type === "break-glass") void fetchStatus();
  queueMicrotask(() => alarm.heartbeat());
};

link.onRestored = (since) => {
  const was = before ?? new Map<string, number>();
  before = null;
  const changed = [...store.alerts.values()].filter((a) => was.get(a.id) !== a.version).length
    + [...was.keys()].filter((id) => !store.alerts.has(id)).length;
  banner.noteRestored(since, changed);
  void fetchStatus();
};

handOff.onChange = () => detail.refreshTimeline();
video.onChange = () => detail.refreshTimeline();
store.onChange(paint);
if (!map.start()) { showTable(true); must<HTMLElement>("#show-map").hidden = true; }
must("#show-map").addEventListener("click", showMap);
must("#show-table").addEventListener("click", () => showTable(must("#table").hasAttribute("hidden")));
must("#keys-button").addEventListener("click", toggleKeys);
must("#keys-close").addEventListener("click", toggleKeys);
listen({
  j: () => move(1), k: () => move(-1), a: acknowledge, v: () => detail.openVideo(), p: () => detail.playClip(), y: () => detail.decide("confirm"), r: () => detail.decide("reject"),
  c: () => handOff.start(), n: () => detail.focusNote(), m: showMap, t: () => showTable(must("#table").hasAttribute("hidden")), "/": () => queue.openFilter(), "?": toggleKeys, Escape: back,
});
setInterval(tick, 1000);
setInterval(() => { if (!document.hidden) bar.tick(); }, 200);
setInterval(() => void fetchStatus(), STATUS_EVERY_MS);
setTimeout(() => void fetchStatus(), 300);
link.start();
tick();
paint();
