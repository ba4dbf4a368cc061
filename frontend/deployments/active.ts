/** A deployment that stands counts down; one that ended shows what its trailer confirms, as it comes. */
import { clock } from "../board/time";

interface Confirmed {
  sensors: { sensor: string; off_at: string | null }[];
  done: boolean;
}

const EVERY_MS = 1500;

/** "11 d 4 h", "3 h 12 min", and seconds in the last hour. */
export function left(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  const [days, hours, rest] = [Math.floor(minutes / 1440), Math.floor(minutes / 60) % 24, minutes % 60];
  if (days) return `${days} d ${hours} h`;
  if (hours) return `${hours} h ${String(rest).padStart(2, "0")} min`;
  return `${rest} min ${String(seconds % 60).padStart(2, "0")} s`;
}

/** Counts by a clock of this page from what the server said; at nought the page is asked for anew. */
function countDown(place: HTMLElement): void {
  const from = Number(place.dataset["untilS"]);
  const tick = () => {
    const seconds = Math.max(0, Math.round(from - performance.now() / 1000));
    const text = left(seconds);
    if (place.textContent !== text) place.textContent = text;
    if (seconds > 0) return;
    clearInterval(timer);
    setTimeout(() => window.location.reload(), 2000);
  };
  const timer = setInterval(tick, 1000);
  tick();
}

/** Puts one answer into the list; true once every sensor has confirmed. */
function show(list: HTMLElement, told: Confirmed): boolean {
  for (const one of told.sensors) {
    const row = list.querySelector<HTMLElement>(`[data-sensor="${one.sensor}"]`);
    const word = row?.querySelector<HTMLElement>("[data-word]");
    if (!row || !word || !one.off_at) continue;
    row.classList.add("dd-off");
    const text = `${list.dataset["off"] ?? ""} ${clock(one.off_at)}`;
    if (word.textContent?.trim() !== text) word.textContent = text;
  }
  const words = document.querySelector<HTMLElement>("[data-confirming-words]");
  const text = (told.done ? list.dataset["all"] : list.dataset["waiting"]) ?? "";
  if (words && words.textContent !== text) words.textContent = text;
  return told.done;
}

/** Asks until all have confirmed; an answer that fails is asked for again. */
async function follow(list: HTMLElement): Promise<void> {
  for (;;) {
    try {
      const answer = await fetch(list.dataset["confirmation"] ?? "", { headers: { Accept: "application/json" } });
      if (answer.ok && show(list, (await answer.json()) as Confirmed)) return;
      if ([401, 403, 404].includes(answer.status)) return;
    } catch {
      // The console is away for a moment; what is shown stays until it answers again.
    }
    await new Promise((resolve) => setTimeout(resolve, document.hidden ? 4 * EVERY_MS : EVERY_MS));
  }
}

/** Starts what this page has a place for. */
export function standing(): void {
  for (const place of document.querySelectorAll<HTMLElement>("[data-until-s]")) countDown(place);
  for (const list of document.querySelectorAll<HTMLElement>("[data-confirmation]")) void follow(list);
}
