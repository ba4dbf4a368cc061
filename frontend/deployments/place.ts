/** The map of one place. The inputs are the truth: it reads them, and writes them when somebody points. */
import { drawBasemap } from "../board/basemap";
import { h, must } from "../board/dom";
import { destination, HOME, type Point } from "../board/geography";

const RING_M = 500;
/** How far a wedge reaches: the heading's and the forbidden ones'. */
const HEADING_M = 420;
const FORBIDDEN_M = 500;
const HEADING_WIDTH_DEG = 40;
const STEP_M = 5;
const STEP_DEG = 3;
const ASK_AFTER_MS = 400;
const TURN: Record<string, number> = { ArrowUp: 0, ArrowRight: 90, ArrowDown: 180, ArrowLeft: 270 };
const SVG = "http://www.w3.org/2000/svg";

interface Near { inside_area: boolean | null; places: { kind: string; label: string; name: string; lat: number; lon: number; distance_m: number }[] }

export class Place {
  private map!: L.Map;
  private readonly drawn = L.layerGroup();
  private readonly around = L.layerGroup();
  private timer = 0;
  private asked = "";
  /** Whether there was a point before: the first one brings the map near. */
  private placed = false;

  constructor(private readonly element: HTMLElement, private readonly form: HTMLFormElement) {}

  start(): void {
    this.element.hidden = false;
    this.element.tabIndex = 0;
    this.element.setAttribute("role", "application");
    this.element.setAttribute("aria-label", this.element.dataset["label"] ?? "");
    this.hatching();
    this.map = L.map(this.element, { attributionControl: false, keyboard: false, zoomAnimation: false, fadeAnimation: false, markerZoomAnimation: false, inertia: false, minZoom: 9, maxZoom: 18, scrollWheelZoom: false });
    this.map.setView(HOME.centre, HOME.zoom);
    drawBasemap(this.map);
    L.control.scale({ imperial: false, position: "bottomleft", maxWidth: 110 }).addTo(this.map);
    this.drawn.addTo(this.map);
    this.around.addTo(this.map);
    this.map.on("click", (event: L.LeafletMouseEvent) => this.put([event.latlng.lat, event.latlng.lng]));
    this.element.addEventListener("keydown", (event) => this.key(event));
    this.form.addEventListener("input", () => this.draw());
    new ResizeObserver(() => this.map.invalidateSize({ animate: false })).observe(this.element);
    this.sectors();
    this.draw();
    this.fit();
  }

  private input(name: string): HTMLInputElement {
    return must<HTMLInputElement>(`#f-${name}`);
  }

  private number(name: string): number | null {
    const text = this.input(name).value.trim().replace(",", ".").replace("\u2212", "-");
    return text !== "" && Number.isFinite(Number(text)) ? Number(text) : null;
  }

  private point(): Point | null {
    const lat = this.number("lat"), lon = this.number("lon");
    return lat === null || lon === null || Math.abs(lat) > 85 || Math.abs(lon) > 180 ? null : [lat, lon];
  }

  private put([lat, lon]: Point): void {
    this.input("lat").value = lat.toFixed(6);
    this.input("lon").value = lon.toFixed(6);
    this.input("lat").dispatchEvent(new Event("input", { bubbles: true }));
  }

  private key(event: KeyboardEvent): void {
    if (event.key === "+" || event.key === "=") { this.map.zoomIn(1); return; }
    if (event.key === "-") { this.map.zoomOut(1); return; }
    const turn = TURN[event.key];
    if (turn === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    const centre = this.map.getCenter();
    this.put(destination(this.point() ?? [centre.lat, centre.lng], turn, event.shiftKey ? STEP_M * 10 : STEP_M));
    const at = this.point();
    if (at && !this.map.getBounds().pad(-0.1).contains(at)) this.map.panTo(at, { animate: false });
  }

  private fit(): void {
    const at = this.point();
    if (at) this.map.fitBounds(L.latLng(at).toBounds(RING_M * 2.2), { animate: false });
  }

  private draw(): void {
    this.drawn.clearLayers();
    const at = this.point();
    if (!at) return;
    if (!this.placed || !this.map.getBounds().contains(at)) this.fit();
    this.placed = true;
    this.drawn.addLayer(L.circle(at, { radius: RING_M, className: "m-ring m-ring-selected", interactive: false }));
    const heading = this.number("heading_deg");
    if (heading !== null) this.drawn.addLayer(L.polygon(wedge(at, heading - HEADING_WIDTH_DEG / 2, heading + HEADING_WIDTH_DEG / 2, HEADING_M), { className: "m-heading", interactive: false }));
    for (let row = 0; document.querySelector(`#f-sector-${row}-from`); row++) this.forbid(at, this.number(`sector-${row}-from`), this.number(`sector-${row}-to`));
    this.drawn.addLayer(L.marker(at, { icon: L.divIcon({ className: "m-label", html: h("span", "pin pin-selected", h("span", "pin-dot"), h("span", "pin-label", h("b", "num", this.element.dataset["number"] ?? ""))), iconSize: [0, 0] }), interactive: false, keyboard: false }));
    const words = h("span", "m-tag", this.element.dataset["ring"] ?? "");
    this.drawn.addLayer(L.marker(destination(at, 312, RING_M), { icon: L.divIcon({ className: "m-label", html: words, iconSize: [0, 0] }), interactive: false, keyboard: false }));
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => { void this.ask(at); }, ASK_AFTER_MS);
  }

  private forbid(at: Point, from: number | null, to: number | null): void {
    if (from === null || to === null || from % 360 === to % 360) return;
    const shape = L.polygon(wedge(at, from, to <= from ? to + 360 : to, FORBIDDEN_M), { className: "m-forbidden", interactive: false });
    this.drawn.addLayer(shape);
    const path = shape.getElement() as SVGPathElement | undefined;
    if (path) { path.style.fill = "url(#forbidden)"; path.style.fillOpacity = "1"; }
  }

  /** The hatching of a forbidden sector, once in the page. */
  private hatching(): void {
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("width", "0");
    svg.setAttribute("height", "0");
    svg.setAttribute("aria-hidden", "true");
    const pattern = document.createElementNS(SVG, "pattern");
    for (const [name, value] of Object.entries({ id: "forbidden", width: "8", height: "8", patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" })) pattern.setAttribute(name, value);
    const line = document.createElementNS(SVG, "line");
    for (const [name, value] of Object.entries({ x1: "0", y1: "0", x2: "0", y2: "8", class: "m-hatch" })) line.setAttribute(name, value);
    pattern.append(line);
    svg.append(pattern);
    document.body.append(svg);
  }

  private async ask(at: Point): Promise<void> {
    const sign = at.map((x) => x.toFixed(6)).join();
    if (sign === this.asked) return;
    this.asked = sign;
    try {
      const answer = await fetch(`${this.element.dataset["near"]}?lat=${at[0].toFixed(6)}&lon=${at[1].toFixed(6)}`, { headers: { Accept: "application/json" }, credentials: "same-origin" });
      if (!answer.ok) throw new Error(String(answer.status));
      const near = (await answer.json()) as Near;
      if (sign === this.asked) this.tell(near);
    } catch {
      this.asked = "";
      must("#near").replaceChildren(h("li", "t3", this.element.dataset["unknown"] ?? ""));
    }
  }

  private tell(near: Near): void {
    const outside = must<HTMLElement>("#outside-area");
    outside.hidden = near.inside_area !== false;
    outside.textContent = near.inside_area === false ? (this.element.dataset["outside"] ?? "") : "";
    const metres = this.element.dataset["metres"] ?? "%s m";
    const rows = near.places.map((one) => h("li", null, h("span", null, h("b", null, h("bdi", null, one.name)), h("span", "small t3", one.label)), h("span", "push num", metres.replace("%s", String(one.distance_m)))));
    must("#near").replaceChildren(...(rows.length ? rows : [h("li", "t3", this.element.dataset["none"] ?? "")]));
    this.around.clearLayers();
    for (const one of near.places) {
      const html = h("span", "m-near-tag", h("span", "m-near"), h("span", "m-near-name", h("bdi", null, one.name)));
      this.around.addLayer(L.marker([one.lat, one.lon], { icon: L.divIcon({ className: "m-label", html, iconSize: [0, 0] }), interactive: false, keyboard: false }));
    }
  }

  /** One empty row at a time: the rest waits behind its button. */
  private sectors(): void {
    const more = must<HTMLButtonElement>("#more-sectors");
    const spare = (): HTMLElement[] => [...this.form.querySelectorAll<HTMLElement>(".sector[data-spare]")];
    more.hidden = spare().length === 0;
    more.addEventListener("click", () => {
      const next = spare()[0];
      next?.removeAttribute("data-spare");
      next?.querySelector("input")?.focus();
      more.hidden = spare().length === 0;
    });
  }
}

/** A wedge from `from` to `to`, clockwise, degrees true. */
function wedge(at: Point, from: number, to: number, metres: number): Point[] {
  const edge: Point[] = [at];
  for (let turn = from; turn < to; turn += STEP_DEG) edge.push(destination(at, turn, metres));
  edge.push(destination(at, to, metres));
  return edge;
}
