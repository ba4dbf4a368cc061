/**
 * The fleet, kept up to date: asks for the page again now and then and puts in the parts that differ. Says when
 * it could not. The page stands without it. Sound is for warnings only, apart from the board's, and off until asked for.
 */
export {};

const EVERY_MS = 10_000;
const LATE_MS = 30_000;

const chip = document.querySelector<HTMLElement>("#fleet-live");
const sound = document.querySelector<HTMLButtonElement>("#fleet-sound");
let freshAt = performance.now();
let context: AudioContext | null = null;

function parts(root: ParentNode): Map<string, HTMLElement> {
  return new Map([...root.querySelectorAll<HTMLElement>("[data-part]")].map((part) => [part.dataset["part"] ?? "", part]));
}

/** Warnings that nobody has taken on, by trailer and kind, as far as this page tells. */
function waiting(root: ParentNode): number {
  const listed = [...root.querySelectorAll<HTMLElement>("tr[data-waiting]")].reduce((sum, row) => sum + Number(row.dataset["waiting"]), 0);
  return listed + root.querySelectorAll("[data-part=warnings] [data-warning] form").length;
}

/** Whether somebody is at work inside a part: it is left alone until they are done. */
function busy(part: HTMLElement): boolean {
  return part.contains(document.activeElement) && document.activeElement !== document.body;
}

function put(fresh: Document): void {
  const before = waiting(document);
  const coming = parts(fresh);
  for (const [name, part] of parts(document)) {
    const other = coming.get(name);
    if (!other || part.innerHTML === other.innerHTML || busy(part)) continue;
    const open = [...part.querySelectorAll("details")].map((one) => one.open);
    part.innerHTML = other.innerHTML;
    part.querySelectorAll("details").forEach((one, i) => { one.open = open[i] ?? false; });
  }
  if (waiting(fresh) > before) tone();
}

async function refresh(): Promise<void> {
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, redirect: "error" });
    if (!answer.ok) throw new Error(String(answer.status));
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const time = fresh.querySelector("#fleet-live time");
    if (!time) throw new Error("another page");
    put(fresh);
    freshAt = performance.now();
    chip?.querySelector("time")?.replaceWith(document.adoptNode(time));
  } catch {
    // The chip says since when; the next round asks again.
  }
  tell();
}

function tell(): void {
  if (!chip) return;
  const late = performance.now() - freshAt > LATE_MS;
  chip.classList.toggle("fleet-late", late);
  const words = chip.querySelector<HTMLElement>("[data-words]");
  const text = (late ? chip.dataset["late"] : chip.dataset["live"]) ?? "";
  if (words && words.textContent !== text) words.textContent = text;
}

/** Two low notes: nothing like the alarm for shots. */
function tone(): void {
  if (!context || context.state !== "running") return;
  [330, 262].forEach((hertz, i) => {
    const note = new OscillatorNode(context!, { type: "triangle", frequency: hertz });
    const volume = new GainNode(context!, { gain: 0.12 });
    note.connect(volume).connect(context!.destination);
    note.start(context!.currentTime + i * 0.3);
    note.stop(context!.currentTime + i * 0.3 + 0.22);
  });
}

if (sound) {
  sound.hidden = false;
  sound.addEventListener("click", async () => {
    const on = sound.getAttribute("aria-pressed") !== "true";
    if (on) {
      context ??= new AudioContext();
      await context.resume();
      tone();
    } else await context?.suspend();
    sound.setAttribute("aria-pressed", String(on));
    const words = sound.querySelector("span");
    if (words) words.textContent = (on ? sound.dataset["on"] : sound.dataset["off"]) ?? "";
  });
}
tell();
setInterval(() => void refresh(), EVERY_MS);
setInterval(tell, 1000);
