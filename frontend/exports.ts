/** Shows how far exports are, while they are built. Pages work without it: reloading shows the same. */

interface Progress {
  state: string;
  words: string;
  next: string;
  percent: number | null;
}

const EVERY_MS = 1500;
const UNDER_WAY = new Set(["approved", "building"]);

/** Puts one answer into its place; false once there is nothing more to follow. */
function show(place: HTMLElement, told: Progress): boolean {
  if (!UNDER_WAY.has(told.state)) {
    window.location.reload();
    return false;
  }
  const text = (name: string, words: string) => {
    const element = place.querySelector(`[data-${name}]`);
    if (element && element.textContent !== words) element.textContent = words;
  };
  text("words", told.words);
  text("next", told.next);
  const bar = place.querySelector<HTMLProgressElement>("[data-progress]");
  if (bar) {
    bar.hidden = told.percent === null;
    if (told.percent !== null) bar.value = told.percent;
  }
  return true;
}

/** Asks until it is done; an answer that fails is asked for again. */
async function follow(place: HTMLElement): Promise<void> {
  const url = place.dataset.export ?? "";
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    if (document.hidden) continue;
    try {
      const answer = await fetch(url, { headers: { Accept: "application/json" } });
      if (answer.ok && !show(place, (await answer.json()) as Progress)) return;
      if (answer.status === 401 || answer.status === 403) return;
    } catch {
      // The console is away for a moment; what is shown stays until it answers again.
    }
  }
}

for (const place of document.querySelectorAll<HTMLElement>("[data-export]")) void follow(place);
