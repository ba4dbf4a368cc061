/** All deployments that the list shows, on the map: a dot, its ring to scale, its trailer's number. */
import { drawBasemap } from "../board/basemap";
import { h, must } from "../board/dom";
import { HOME } from "../board/geography";

interface Shown { name: string; site: string; lat: number; lon: number; state: string; word: string; trailer: number }

const RING_M = 500;
const STANDS = new Set(["active", "authorised"]);

export function drawList(element: HTMLElement): void {
  const rows = JSON.parse(must("#points").textContent ?? "[]") as Shown[];
  element.hidden = false;
  element.setAttribute("role", "group");
  element.setAttribute("aria-label", element.dataset["label"] ?? "");
  const map = L.map(element, { attributionControl: false, zoomAnimation: false, fadeAnimation: false, markerZoomAnimation: false, inertia: false, minZoom: 8, maxZoom: 18, scrollWheelZoom: false });
  map.setView(HOME.centre, HOME.zoom);
  drawBasemap(map);
  L.control.scale({ imperial: false, position: "bottomleft", maxWidth: 110 }).addTo(map);
  for (const row of rows) {
    if (STANDS.has(row.state)) L.circle([row.lat, row.lon], { radius: RING_M, className: "m-ring", interactive: false }).addTo(map);
    const label = h("span", "pin-label", h("b", "num", String(row.trailer).padStart(2, "0")), ` ${row.word}`);
    const pin = h("span", { class: `pin pin-${row.state}`, title: `${row.name} ${row.site}` }, h("span", "pin-dot"), label);
    // For the pointer only: pins lie over each other, and the list below has the same links.
    const marker = L.marker([row.lat, row.lon], { icon: L.divIcon({ className: "m-label", html: pin, iconSize: [0, 0] }), keyboard: false });
    marker.on("click", () => location.assign(`/deployments/${encodeURIComponent(row.name)}/`)).addTo(map);
  }
  if (rows.length) map.fitBounds(L.latLngBounds(rows.map((row) => [row.lat, row.lon])), { padding: [60, 60], maxZoom: 14, animate: false });
}
