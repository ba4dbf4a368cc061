/** The map: trailers with the age of their fix, alerts as shape and digit, the selection shared with the queue. */
import { drawBasemap } from "./basemap";
import { h, must, setText } from "./dom";
import { destination, distanceM, HOME, type Point } from "./geography";
import { mark } from "./icons";
import type { Link } from "./link";
import { M } from "./messages";
import { type Store, trailerNumber } from "./store";
import { ageSeconds, clock, duration, zonedClock } from "./time";
import { LOW_BATTERY_PCT } from "./strip";
import type { Alert, Trailer } from "./wire";

const RING_M = 500;
const MOST_MARKS = 150;
const AUTO = { animate: false } as const;

interface Pin { marker: L.Marker; age: HTMLElement; sign: string; ring: L.Circle }

export class BoardMap {
  private map: L.Map | null = null;
  private pins = new Map<string, Pin>();
  private alertPins = new Map<string, { marker: L.Marker; sign: string }>();
  private extras = L.layerGroup();
  private extrasSign = "";
  private viewFor: string | null | undefined = undefined;
  private moved = false;
  private readonly element = must<HTMLElement>("#map");

  constructor(private readonly store: Store, private readonly link: Link,
              private readonly selectAlert: (id: string) => void) {}

  /** False if the map cannot be made; the table takes its place. */
  start(): boolean {
    try {
      const map = L.map(this.element, {
        attributionControl: false, zoomControl: false, zoomSnap: 0.25, zoomDelta: 0.5, wheelPxPerZoomLevel: 120, minZoom: 8, maxZoom: 18,
        zoomAnimation: false, fadeAnimation: false, markerZoomAnimation: false, inertia: false,
      });
      map.setView(HOME.centre, HOME.zoom);
      this.map = map;
      drawBasemap(map);
      L.control.scale({ imperial: false, position: "bottomleft", maxWidth: 110 }).addTo(map);
      map.createPane("rings").style.zIndex = "350";
      this.extras.addTo(map);
      map.on("mousedown wheel touchstart", () => { this.moved = true; });
      this.element.addEventListener("wheel", () => { this.moved = true; }, { passive: true });
      new ResizeObserver(() => { map.invalidateSize(AUTO); if (!this.moved) this.fit(); }).observe(this.element);
      return true;
    } catch {
      this.map = null;
      return false;
    }
  }

  /** M: the whole picture again, or the selected alert's surroundings. */
  recentre(): void {
    this.moved = false;
    this.fit();
    this.element.focus();
  }

  /** Puts a trailer without an alert in the middle. */
  centreOn(trailer: Trailer): void {
    const at = position(trailer);
    if (!at || !this.map) return;
    this.moved = true;
    this.map.fitBounds(L.latLng(at).toBounds(RING_M * 2.4), AUTO);
  }

  render(): void {
    if (!this.map) return;
    const lost = this.link.state() === "lost" || this.link.state() === "ended";
    this.element.parentElement?.classList.toggle("drained", lost);
    const asOf = must<HTMLElement>("#map-as-of");
    asOf.hidden = !lost;
    if (lost && this.link.lastWordAt) setText(must("#map-as-of-text"), M.mapAsOf(zonedClock(this.link.lastWordAt)));
    for (const trailer of this.store.trailers.values()) this.pin(trailer, lost);
    for (const [id, pin] of this.pins) if (!this.store.trailers.has(id)) this.unpin(id, pin);
    this.alerts(lost);
    this.surroundings();
    if (this.viewFor !== this.store.selected || (this.viewFor === null && !this.moved && this.fitSign() !== this.fitted)) {
      if (this.viewFor !== this.store.selected) this.moved = false;
      this.viewFor = this.store.selected;
      this.fit();
    }
  }

  tick(): void {
    if (this.link.state() === "lost" || this.link.state() === "ended") return;
    for (const [id, pin] of this.pins) setText(pin.age, fixAge(this.store.trailers.get(id)!, false));
  }

  private fitted = "";

  private fitSign(): string {
    return [...this.store.trailers.values()].filter((t) => position(t)).map((t) => t.id).sort().join();
  }

  private fit(): void {
    if (!this.map) return;
    const alert = this.store.current();
    const trailer = alert ? this.store.trailers.get(alert.trailer) : undefined;
    const centre = (trailer && position(trailer)) ?? (alert && placeOf(alert));
    if (centre) {
      const bounds = L.latLng(centre).toBounds(RING_M * 2.3);
      const place = alert && placeOf(alert);
      if (place && distanceM(place, centre) < 5000) bounds.extend(place);
      this.map.fitBounds(bounds, AUTO);
      return;
    }
    const all = [...this.store.trailers.values()].map(position).filter((p): p is Point => p !== null);
    this.fitted = this.fitSign();
    if (all.length) this.map.fitBounds(L.latLngBounds(all), { paddingTopLeft: [48, 72], paddingBottomRight: [110, 56], maxZoom: 13, ...AUTO });
    else this.map.setView(HOME.centre, HOME.zoom, AUTO);
  }

  private pin(trailer: Trailer, lost: boolean): void {
    const at = position(trailer);
    const known = this.pins.get(trailer.id);
    if (!at) { if (known) this.unpin(trailer.id, known); return; }
    const selected = this.store.current()?.trailer === trailer.id;
    const low = (trailer.battery_soc_pct ?? 100) < LOW_BATTERY_PCT || trailer.faults.length > 0 || trailer.state === "fault" || trailer.state === "lost";
    const sign = [at.join(), trailer.state, low, selected, lost, lost ? trailer.fix_at : ""].join("|");
    if (known?.sign === sign) return;
    if (known) this.unpin(trailer.id, known);
    const age = h("span", "num pin-age", fixAge(trailer, lost));
    const classes = ["pin", low ? "pin-low" : "", selected ? "pin-selected" : "", lost ? "pin-lost" : "", trailer.state === "off" ? "pin-off" : ""].join(" ");
    const html = h("span", classes, h("span", "pin-dot"), h("span", "pin-label", h("b", "num", trailerNumber(trailer.id)), age));
    const marker = L.marker(at, {
      icon: L.divIcon({ className: "m-label", html, iconSize: [0, 0] }), alt: M.trailer(trailerNumber(trailer.id)), keyboard: false, riseOnHover: true,
      zIndexOffset: selected ? 400 : 0,
    });
    marker.on("click", () => this.choose(trailer));
    const ring = L.circle(at, { radius: RING_M, pane: "rings", className: selected ? "m-ring m-ring-selected" : "m-ring", interactive: false });
    if (trailer.state !== "off") ring.addTo(this.map!);
    marker.addTo(this.map!);
    this.pins.set(trailer.id, { marker, age, sign, ring });
  }

  private choose(trailer: Trailer): void {
    const alert = this.store.alertOf(trailer.id);
    if (alert) this.selectAlert(alert.id);
    else this.centreOn(trailer);
  }

  private unpin(id: string, pin: Pin): void {
    pin.marker.remove();
    pin.ring.remove();
    this.pins.delete(id);
  }

  private alerts(lost: boolean): void {
    // In a flood the queue and the table list all; the map carries the worst.
    const worst = [...this.store.waiting(), ...this.store.acknowledged()].slice(0, MOST_MARKS);
    const shown = new Map(worst.map((alert) => [alert.id, alert]));
    const current = this.store.current();
    if (current) shown.set(current.id, current);
    for (const [id, pin] of this.alertPins) if (!shown.has(id)) { pin.marker.remove(); this.alertPins.delete(id); }
    for (const alert of shown.values()) {
      const at = this.alertPlace(alert);
      const known = this.alertPins.get(alert.id);
      const selected = current?.id === alert.id;
      const waiting = alert.state === "unacknowledged";
      const sign = at ? [at.point.join(), at.beside, alert.state, selected, lost].join("|") : "";
      if (known?.sign === sign) continue;
      known?.marker.remove();
      this.alertPins.delete(alert.id);
      if (!at) continue;
      const html = h("span", `alert-pin${selected ? " alert-pin-selected" : ""}${at.beside ? " alert-pin-beside" : ""}`, mark(alert.priority, !waiting || lost, 26));
      if (waiting && !lost && ageSeconds(alert.received_at) < 4) html.classList.add("alert-pin-new");
      const marker = L.marker(at.point, { icon: L.divIcon({ className: "m-label", html, iconSize: [0, 0] }), zIndexOffset: waiting ? 900 : 600, keyboard: false });
      marker.on("click", () => this.selectAlert(alert.id));
      marker.addTo(this.map!);
      this.alertPins.set(alert.id, { marker, sign });
    }
  }

  /** A shot has its own place. A hit stands at its trailer, beside the dot rather than on it. */
  private alertPlace(alert: Alert): { point: Point; beside: boolean } | null {
    const own = placeOf(alert);
    const trailer = this.store.trailers.get(alert.trailer);
    const base = trailer ? position(trailer) : null;
    if (own && (!base || distanceM(own, base) > 15)) return { point: own, beside: false };
    const point = base ?? own;
    return point ? { point, beside: true } : null;
  }

  /** Uncertainty and bearing of the selected alert. */
  private surroundings(): void {
    const alert = this.store.current();
    const detail = alert ? this.store.details.get(alert.id) : undefined;
    const sign = alert ? `${alert.id}:${alert.state}:${detail ? "d" : ""}:${alert.uncertainty_m}` : "";
    if (sign === this.extrasSign) return;
    this.extrasSign = sign;
    this.extras.clearLayers();
    if (!alert) return;
    const trailer = this.store.trailers.get(alert.trailer);
    const from = trailer ? position(trailer) : null;
    const place = placeOf(alert);
    if (from) this.ringLabel(from);
    if (place && alert.uncertainty_m) {
      this.extras.addLayer(L.circle(place, { radius: alert.uncertainty_m, pane: "rings", className: `m-uncertain m-uncertain-${alert.priority}`, interactive: false }));
      const side = from && from[1] > place[1] ? "m-tag-left" : "m-tag-side";
      this.tag(place, `m-tag ${side}`, M.uncertainty(Math.round(alert.uncertainty_m)));
    }
    if (from && detail && "kind" in detail && detail.kind === "gunshot" && detail.bearing) {
      const reach = Math.min(RING_M, place ? distanceM(from, place) * 1.8 : RING_M);
      for (const side of [-1, 1]) {
        const end = destination(from, detail.bearing.deg_true + side * detail.bearing.error_deg, Math.max(reach, 150));
        this.extras.addLayer(L.polyline([from, end], { pane: "rings", className: `m-ray m-ray-${alert.priority}`, interactive: false }));
      }
    }
  }

  private ringLabel(from: Point): void {
    // Due west: on the small map over a picture the corners belong to the buttons and the scale.
    this.tag(destination(from, 270, RING_M), "m-tag", M.ring);
  }

  private tag(at: Point, className: string, text: string): void {
    const html = h("span", className, text);
    this.extras.addLayer(L.marker(at, { icon: L.divIcon({ className: "m-label", html, iconSize: [0, 0] }), interactive: false, keyboard: false, zIndexOffset: 500 }));
  }
}

function position(trailer: Trailer): Point | null {
  return trailer.lat === null || trailer.lon === null ? null : [trailer.lat, trailer.lon];
}

function placeOf(alert: Alert): Point | null {
  return alert.lat === null || alert.lon === null ? null : [alert.lat, alert.lon];
}

function fixAge(trailer: Trailer, lost: boolean): string {
  if (!trailer.fix_at) return "";
  return ` ${lost ? clock(trailer.fix_at) : duration(ageSeconds(trailer.fix_at))}`;
}
