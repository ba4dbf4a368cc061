/** Lucide glyphs and the three priority marks. The glyphs come with the bundle; no request is made. */
import ban from "lucide-static/icons/circle-slash-2.svg";
import battery from "lucide-static/icons/battery-low.svg";
import check from "lucide-static/icons/check.svg";
import clock from "lucide-static/icons/clock-alert.svg";
import clockPlain from "lucide-static/icons/clock.svg";
import eye from "lucide-static/icons/eye.svg";
import file from "lucide-static/icons/file-down.svg";
import filter from "lucide-static/icons/list-filter.svg";
import lock from "lucide-static/icons/lock.svg";
import play from "lucide-static/icons/play.svg";
import picture from "lucide-static/icons/image-off.svg";
import radio from "lucide-static/icons/radio-tower.svg";
import purge from "lucide-static/icons/shredder.svg";
import scan from "lucide-static/icons/scan-search.svg";
import siren from "lucide-static/icons/siren.svg";
import square from "lucide-static/icons/square.svg";
import triangle from "lucide-static/icons/triangle-alert.svg";
import unplug from "lucide-static/icons/unplug.svg";
import userCheck from "lucide-static/icons/user-check.svg";
import video from "lucide-static/icons/video.svg";
import volume from "lucide-static/icons/volume-2.svg";
import mute from "lucide-static/icons/volume-x.svg";
import x from "lucide-static/icons/x.svg";

const GLYPHS = { ban, battery, check, clock, clockPlain, eye, file, filter, lock, picture, play, purge, radio, scan, siren, square, triangle, unplug, userCheck, video, volume, mute, x };
export type Glyph = keyof typeof GLYPHS;

const parsed = new Map<Glyph, SVGElement>();

/** A fresh copy of a glyph, hidden from readers because a word stands beside it. */
export function icon(name: Glyph, size = 16): SVGElement {
  let original = parsed.get(name);
  if (!original) {
    original = new DOMParser().parseFromString(GLYPHS[name], "image/svg+xml").documentElement as unknown as SVGElement;
    parsed.set(name, original);
  }
  const copy = document.importNode(original, true);
  copy.setAttribute("width", String(size));
  copy.setAttribute("height", String(size));
  copy.setAttribute("aria-hidden", "true");
  return copy;
}

const NS = "http://www.w3.org/2000/svg";
const SHAPES: Record<1 | 2 | 3, [string, number]> = {
  1: ["M7.6 1.4h8.8l6.2 6.2v8.8l-6.2 6.2H7.6l-6.2-6.2V7.6z", 16.3],
  2: ["M12 2.2 22.8 21H1.2z", 18.6],
  3: ["M4 2h16a2 2 0 0 1 2 2v16a2 2 0 0 1-2 2H4a2 2 0 0 1-2-2V4a2 2 0 0 1 2-2z", 16.3],
};

/** Octagon 1, triangle 2, square 3; filled while unacknowledged, outline after. */
export function mark(priority: 1 | 2 | 3, acknowledged: boolean, size = 24): SVGElement {
  const svg = document.createElementNS(NS, "svg");
  svg.setAttribute("class", `mark mark-${priority}${acknowledged ? " mark-ack" : ""}`);
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("width", String(size));
  svg.setAttribute("height", String(size));
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `P${priority}`);
  const path = document.createElementNS(NS, "path");
  path.setAttribute("d", SHAPES[priority][0]);
  const text = document.createElementNS(NS, "text");
  text.setAttribute("x", "12");
  text.setAttribute("y", String(SHAPES[priority][1]));
  text.textContent = String(priority);
  svg.append(path, text);
  return svg;
}
