/** Times as people read them: local with the zone, 24 hours, tabular. The server's clock is the clock. */

const zoneName = typeof document === "undefined" ? "" : document.documentElement.dataset["timeZone"] ?? "";
const zone = zoneName ? { timeZone: zoneName } : {};
const LOCALE = "en-CA";
const parts = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" } as const;
const toSecond = new Intl.DateTimeFormat(LOCALE, { ...parts, ...zone });
const toMinute = new Intl.DateTimeFormat(LOCALE, { hour: "2-digit", minute: "2-digit", hourCycle: "h23", ...zone });
const withZone = new Intl.DateTimeFormat(LOCALE, { timeZoneName: "short", ...zone });
const day = new Intl.DateTimeFormat(LOCALE, { weekday: "short", day: "numeric", month: "short", ...zone });

let offsetMs = 0;

/** Takes the server's word for now, from a message that has just arrived. */
export function setServerTime(at: string): void {
  const server = Date.parse(at);
  if (Number.isFinite(server)) offsetMs = server - Date.now();
}

/** Server time, milliseconds since the epoch. */
export const now = (): number => Date.now() + offsetMs;
/** How far this computer's clock is from the server's, seconds. */
export const skewSeconds = (): number => Math.abs(offsetMs) / 1000;

type Moment = string | number;
const ms = (at: Moment): number => (typeof at === "number" ? at : Date.parse(at));

/** `23:14:08` */
export const clock = (at: Moment): string => toSecond.format(ms(at));
/** `23:14` */
export const shortClock = (at: Moment): string => toMinute.format(ms(at));
/** `23:14:08.412` */
export const preciseClock = (at: Moment): string => `${clock(at)}.${String(Math.floor(ms(at)) % 1000).padStart(3, "0")}`;
/** `EDT` */
export const zoneAbbreviation = (at: Moment): string =>
  withZone.formatToParts(ms(at)).find((part) => part.type === "timeZoneName")?.value ?? "UTC";
/** `23:14:08 EDT` */
export const zonedClock = (at: Moment): string => `${clock(at)} ${zoneAbbreviation(at)}`;
/** `Tue 28 Apr` */
export const dayName = (at: Moment): string => day.format(ms(at));

/** Seconds since `at`, never negative. */
export const ageSeconds = (at: Moment): number => Math.max(0, (now() - ms(at)) / 1000);

/** `4 s`, `12 min`, `3 h 12 min`, `2 d 4 h` */
export function duration(seconds: number): string {
  const s = Math.max(0, Math.floor(seconds));
  if (s < 100) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 172_800) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86_400)} d ${Math.floor((s % 86_400) / 3600)} h`;
}

/** `4:29` */
export function countdown(seconds: number): string {
  const s = Math.max(0, Math.ceil(seconds));
  return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
}
