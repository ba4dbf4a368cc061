/**
 * A coarse sketch of Peel's lakeshore, drawn by hand for this console: no tile server is asked where trailers
 * stand. Points are [lat, lon] in WGS 84, good to some hundreds of metres; it orients, it does not navigate.
 */
export type Point = [number, number];

export const SHORE: Point[] = [
  [43.30, -79.80], [43.322, -79.785], [43.365, -79.732], [43.405, -79.695], [43.440, -79.664], [43.462, -79.640], [43.481, -79.622],
  [43.494, -79.613], [43.503, -79.606], [43.512, -79.603], [43.520, -79.600], [43.530, -79.597], [43.541, -79.592],
  [43.549, -79.586], [43.551, -79.580], [43.556, -79.573], [43.563, -79.563], [43.570, -79.552], [43.577, -79.545], [43.583, -79.541],
  [43.586, -79.534], [43.589, -79.524], [43.594, -79.510], [43.600, -79.498], [43.612, -79.489], [43.622, -79.478],
  [43.631, -79.470], [43.636, -79.458], [43.634, -79.440], [43.629, -79.415], [43.637, -79.385], [43.646, -79.350], [43.662, -79.310], [43.69, -79.24],
];
/** Closes the lake far outside of the picture. */
export const LAKE: Point[] = [...smooth(SHORE), [43.69, -78.6], [42.9, -78.6], [42.9, -79.8]];

export const HIGHWAYS: { name: string; at: Point[]; line: Point[] }[] = [
  { name: "QEW", at: [[43.5505, -79.6165], [43.582, -79.578]], line: [[43.36, -79.80], [43.42, -79.73], [43.470, -79.686], [43.505, -79.662], [43.528, -79.638], [43.544, -79.624], [43.565, -79.602], [43.582, -79.578], [43.597, -79.560], [43.613, -79.546], [43.621, -79.525], [43.627, -79.487], [43.634, -79.47], [43.636, -79.41], [43.646, -79.37]] },
  { name: "403", at: [[43.5545, -79.7005], [43.612, -79.632]], line: [[43.470, -79.686], [43.490, -79.712], [43.515, -79.722], [43.540, -79.711], [43.560, -79.694], [43.577, -79.671], [43.592, -79.652], [43.604, -79.637], [43.615, -79.630], [43.626, -79.637], [43.6385, -79.655]] },
  { name: "410", at: [[43.643, -79.6595], [43.716, -79.731]], line: [[43.6385, -79.655], [43.652, -79.669], [43.668, -79.683], [43.684, -79.697], [43.702, -79.715], [43.722, -79.738], [43.737, -79.766], [43.748, -79.800], [43.765, -79.836], [43.80, -79.90]] },
  { name: "401", at: [[43.6045, -79.744], [43.690, -79.561]], line: [[43.50, -79.91], [43.545, -79.845], [43.578, -79.797], [43.600, -79.753], [43.614, -79.718], [43.627, -79.685], [43.6385, -79.655], [43.650, -79.628], [43.664, -79.601], [43.680, -79.581], [43.698, -79.548], [43.712, -79.515], [43.725, -79.47], [43.757, -79.36], [43.79, -79.20]] },
  { name: "407", at: [[43.6335, -79.752], [43.700, -79.664]], line: [[43.41, -79.84], [43.47, -79.80], [43.52, -79.785], [43.556, -79.790], [43.590, -79.787], [43.620, -79.770], [43.642, -79.742], [43.660, -79.712], [43.676, -79.690], [43.700, -79.664], [43.728, -79.634], [43.752, -79.612], [43.769, -79.565], [43.776, -79.51], [43.80, -79.42], [43.84, -79.25]] },
  { name: "427", at: [[43.640, -79.5555], [43.710, -79.617]], line: [[43.613, -79.546], [43.632, -79.553], [43.652, -79.567], [43.674, -79.588], [43.697, -79.608], [43.720, -79.624], [43.752, -79.633], [43.785, -79.647], [43.86, -79.68]] },
];

/** Municipal lines: dash-dot, as on paper. */
export const BOUNDARIES: Point[][] = [
  [[43.495, -79.612], [43.520, -79.655], [43.545, -79.700], [43.572, -79.745], [43.598, -79.790], [43.612, -79.812]],
  [[43.612, -79.812], [43.632, -79.778], [43.651, -79.741], [43.667, -79.709], [43.687, -79.683], [43.712, -79.655], [43.735, -79.632]],
  [[43.583, -79.541], [43.598, -79.556], [43.617, -79.566], [43.640, -79.578], [43.668, -79.600], [43.700, -79.617], [43.735, -79.632]],
  [[43.735, -79.632], [43.772, -79.664], [43.810, -79.702], [43.846, -79.739]],
  [[43.846, -79.739], [43.815, -79.782], [43.775, -79.826], [43.745, -79.857], [43.705, -79.905]],
  [[43.612, -79.812], [43.640, -79.845], [43.672, -79.878], [43.705, -79.905]],
];

export const PLACES: { name: string; at: Point; kind: "city" | "beside" | "water" }[] = [
  { name: "Brampton", at: [43.7115, -79.775], kind: "city" },
  { name: "Mississauga", at: [43.586, -79.640], kind: "city" },
  { name: "Toronto", at: [43.655, -79.535], kind: "beside" },
  { name: "Oakville", at: [43.468, -79.70], kind: "beside" },
  { name: "Lake Ontario", at: [43.568, -79.511], kind: "water" },
];

/* The arterial grid is close to a lattice turned by 44°: along Hurontario from the lake, and across it. */
const ORIGIN: Point = [43.5515, -79.5865];
const ALONG: Point = [0.00647, -0.00861];
const ACROSS: Point = [0.00626, 0.00888];
const lattice = (along: number, across: number): Point =>
  [ORIGIN[0] + along * ALONG[0] + across * ACROSS[0], ORIGIN[1] + along * ALONG[1] + across * ACROSS[1]];

const CROSS_STREETS: [string, number, number, number][] = [
  ["Dundas St", 4.1, -9.6, 7.0], ["Burnhamthorpe Rd", 6.3, -9.6, 7.0], ["Eglinton Ave", 8.7, -9.6, 7.6], ["Britannia Rd", 11.8, -9.6, 4.2],
  ["Derry Rd", 14.6, -9.6, 11.0], ["Steeles Ave", 17.4, -9.6, 11.0], ["Queen St", 20.6, -9.6, 11.0], ["Bovaird Dr", 23.6, -9.6, 11.0],
  ["Sandalwood Pkwy", 26.6, -8.2, 8.2],
];
const LONG_STREETS: [string, number, number, number][] = [
  ["Winston Churchill Blvd", -8.2, 0.2, 23.6], ["Mississauga Rd", -5.5, 2.0, 26.6], ["Creditview Rd", -4.1, 6.3, 26.6], ["Mavis Rd", -2.7, 4.1, 23.6],
  ["McLaughlin Rd", -1.37, 8.7, 29], ["Hurontario St", 0, 0, 29], ["Kennedy Rd", 1.37, 8.7, 29], ["Dixie Rd", 4.1, 1.4, 29],
  ["Bramalea Rd", 5.5, 12.8, 29], ["Torbram Rd", 6.9, 12.8, 29], ["Airport Rd", 8.2, 11.8, 29], ["Goreway Dr", 9.6, 13.5, 29],
];

export const ARTERIALS: { name: string; line: Point[] }[] = [
  ...CROSS_STREETS.map(([name, along, from, to]) => ({ name, line: [lattice(along, from), lattice(along, to)] })),
  ...LONG_STREETS.map(([name, across, from, to]) => ({ name, line: [lattice(from, across), lattice(to, across)] })),
];

/** What to show when no trailer has a position yet. */
export const HOME: { centre: Point; zoom: number } = { centre: [43.64, -79.68], zoom: 11 };

/** A soft line through coarse points (Catmull-Rom). */
export function smooth(points: Point[], steps = 6): Point[] {
  const out: Point[] = [];
  for (let i = 0; i < points.length - 1; i++) {
    const [a, b, c, d] = [points[Math.max(0, i - 1)]!, points[i]!, points[i + 1]!, points[Math.min(points.length - 1, i + 2)]!];
    for (let k = 0; k < steps; k++) out.push([spline(a[0], b[0], c[0], d[0], k / steps), spline(a[1], b[1], c[1], d[1], k / steps)]);
  }
  out.push(points[points.length - 1]!);
  return out;
}

function spline(a: number, b: number, c: number, d: number, t: number): number {
  return 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t * t + (3 * b - a - 3 * c + d) * t * t * t);
}

const EARTH_M = 6_371_008.8;

/** The point `metres` from `from` towards `bearing` (degrees true), on a sphere: fine for some kilometres. */
export function destination(from: Point, bearing: number, metres: number): Point {
  const rad = Math.PI / 180;
  const d = metres / EARTH_M;
  const lat = from[0] * rad;
  const turn = bearing * rad;
  const lat2 = Math.asin(Math.sin(lat) * Math.cos(d) + Math.cos(lat) * Math.sin(d) * Math.cos(turn));
  const lon2 = from[1] * rad + Math.atan2(Math.sin(turn) * Math.sin(d) * Math.cos(lat), Math.cos(d) - Math.sin(lat) * Math.sin(lat2));
  return [lat2 / rad, lon2 / rad];
}

/** Metres between two points, on a sphere. */
export function distanceM(a: Point, b: Point): number {
  const rad = Math.PI / 180;
  const u = Math.sin(((b[0] - a[0]) * rad) / 2);
  const v = Math.sin(((b[1] - a[1]) * rad) / 2);
  return 2 * EARTH_M * Math.asin(Math.sqrt(u * u + Math.cos(a[0] * rad) * Math.cos(b[0] * rad) * v * v));
}

/** Bearing from `a` to `b`, degrees true, 0 to 360. */
export function bearingDeg(a: Point, b: Point): number {
  const rad = Math.PI / 180;
  const y = Math.sin((b[1] - a[1]) * rad) * Math.cos(b[0] * rad);
  const x = Math.cos(a[0] * rad) * Math.sin(b[0] * rad) - Math.sin(a[0] * rad) * Math.cos(b[0] * rad) * Math.cos((b[1] - a[1]) * rad);
  return (Math.atan2(y, x) / rad + 360) % 360;
}
