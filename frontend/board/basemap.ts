/** Draws the sketch map and the graticule in panes below everything that is true right now. */
import { h } from "./dom";
import { ARTERIALS, BOUNDARIES, HIGHWAYS, LAKE, PLACES, SHORE, smooth, type Point } from "./geography";

const STREET_ZOOM = 13.5;

export function drawBasemap(map: L.Map): void {
  const pane = map.createPane("base");
  pane.style.zIndex = "150";
  pane.setAttribute("aria-hidden", "true");
  const labels = map.createPane("baselabels");
  labels.style.zIndex = "160";
  labels.setAttribute("aria-hidden", "true");
  const renderer = L.svg({ pane: "base", padding: 0.5 });
  const line = (points: Point[], className: string): L.Polyline =>
    L.polyline(points, { renderer, pane: "base", className, interactive: false, smoothFactor: 0.5 }).addTo(map);

  L.polygon(LAKE, { renderer, pane: "base", className: "m-water", interactive: false }).addTo(map);
  const shore = smooth(SHORE);
  for (const band of ["m-band3", "m-band2", "m-band1"]) line(shore, band);
  line(shore, "m-shore");
  for (const road of ARTERIALS) line(road.line, "m-road");
  for (const boundary of BOUNDARIES) line(boundary, "m-municipal");
  const highways = HIGHWAYS.map((highway) => smooth(highway.line));
  for (const highway of highways) line(highway, "m-highway-case");
  for (const highway of highways) line(highway, "m-highway");
  for (const place of PLACES) label(map, place.at, `m-place m-${place.kind}`, place.name);
  for (const highway of HIGHWAYS) for (const at of highway.at) label(map, at, "m-shield", highway.name);
  const graticule = new Graticule(map, renderer);
  const streets = new StreetNames(map);
  const redraw = (): void => {
    map.getContainer().classList.toggle("m-street", map.getZoom() >= STREET_ZOOM);
    graticule.draw();
    streets.draw();
  };
  map.on("zoomend moveend", redraw);
  redraw();
}

function label(map: L.Map, at: Point, className: string, text: string): L.Marker {
  const icon = L.divIcon({ className: "m-label", html: h("span", className, text), iconSize: [0, 0] });
  return L.marker(at, { icon, pane: "baselabels", interactive: false, keyboard: false }).addTo(map);
}

/** Parallels and meridians at a round step, so that a place can be read off without any tiles. */
class Graticule {
  private layer = L.layerGroup();
  private drawn = "";

  constructor(private readonly map: L.Map, private readonly renderer: L.Renderer) {
    this.layer.addTo(map);
  }

  draw(): void {
    const zoom = this.map.getZoom();
    const step = zoom < 9.5 ? 0.5 : zoom < 11 ? 0.1 : zoom < 13 ? 0.05 : zoom < 14.5 ? 0.01 : 0.005;
    const bounds = this.map.getBounds().pad(0.5);
    const edges = [bounds.getSouth(), bounds.getNorth(), bounds.getWest(), bounds.getEast()].map((v) => Math.round(v / step));
    const sign = `${step}:${edges.join()}:${zoom >= STREET_ZOOM ? this.map.getBounds().toBBoxString() : ""}`;
    if (sign === this.drawn) return;
    this.drawn = sign;
    this.layer.clearLayers();
    const [south, north, west, east] = edges as [number, number, number, number];
    const options: L.PolylineOptions = { renderer: this.renderer, pane: "base", className: "m-graticule", interactive: false };
    for (let i = south; i <= north; i++) this.layer.addLayer(L.polyline([[i * step, west * step], [i * step, east * step]], options));
    for (let i = west; i <= east; i++) this.layer.addLayer(L.polyline([[south * step, i * step], [north * step, i * step]], options));
    if (zoom >= STREET_ZOOM) this.degrees([south, north, west, east], step);
  }

  /** Names the lines where they leave the picture. */
  private degrees([south, north, west, east]: [number, number, number, number], step: number): void {
    const view = this.map.getBounds();
    const size = this.map.getSize();
    // Clear of the buttons at the top left and of the scale at the bottom.
    const free = (at: Point, axis: "x" | "y", from: number, to: number): boolean => {
      const v = this.map.latLngToContainerPoint(at)[axis];
      return v > from && v < to;
    };
    for (let i = south; i <= north; i++) {
      if (free([i * step, view.getEast()], "y", 30, size.y - 40)) this.layer.addLayer(label(this.map, [i * step, view.getEast()], "m-degree m-degree-east", `${(i * step).toFixed(3)}° N`));
    }
    for (let i = west; i <= east; i++) {
      if (free([view.getNorth(), i * step], "x", 290, size.x - 90)) this.layer.addLayer(label(this.map, [view.getNorth(), i * step], "m-degree m-degree-north", `${(-i * step).toFixed(3)}° W`));
    }
  }
}

/** Street names lie along their street, where it crosses the middle of the picture. */
class StreetNames {
  private layer = L.layerGroup();

  constructor(private readonly map: L.Map) {
    this.layer.addTo(map);
  }

  draw(): void {
    this.layer.clearLayers();
    if (this.map.getZoom() < STREET_ZOOM) return;
    const box = this.map.getPixelBounds();
    for (const street of ARTERIALS) {
      const [a, b] = street.line.map((p) => this.map.project(p)) as [L.Point, L.Point];
      const visible = clip(a, b, box);
      if (!visible || visible[0].distanceTo(visible[1]) < 160) continue;
      const at = visible[0].add(visible[1].subtract(visible[0]).multiplyBy(0.2));
      let degrees = (Math.atan2(b.y - a.y, b.x - a.x) * 180) / Math.PI;
      if (degrees > 90) degrees -= 180;
      if (degrees < -90) degrees += 180;
      const name = h("span", "m-streetname", street.name);
      name.style.transform = `translate(-50%, -50%) rotate(${degrees.toFixed(1)}deg)`;
      const icon = L.divIcon({ className: "m-label", html: name, iconSize: [0, 0] });
      this.layer.addLayer(L.marker(this.map.unproject(at), { icon, pane: "baselabels", interactive: false, keyboard: false }));
    }
  }
}

/** The part of a segment inside a box (Liang-Barsky), or null. */
function clip(a: L.Point, b: L.Point, box: L.Bounds): [L.Point, L.Point] | null {
  const d = b.subtract(a);
  let from = 0, to = 1;
  const edges: [number, number][] = [
    [-d.x, a.x - box.min!.x], [d.x, box.max!.x - a.x], [-d.y, a.y - box.min!.y], [d.y, box.max!.y - a.y],
  ];
  for (const [p, q] of edges) {
    if (p === 0 && q < 0) return null;
    if (p < 0) from = Math.max(from, q / p);
    if (p > 0) to = Math.min(to, q / p);
  }
  return from < to ? [a.add(d.multiplyBy(from)), a.add(d.multiplyBy(to))] : null;
}
