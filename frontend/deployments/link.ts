/** The line of a link that waits for its owner follows by itself; whatever is typed beside it stays. */

interface Told { state: string; words: string; tone: string; open: boolean }

const SOON_MS = 2000;
const LATER_MS = 15_000;

/** A mail goes within seconds, an answer takes its time. */
export function pause(state: string): number {
  return state === "waiting" ? SOON_MS : LATER_MS;
}

async function asked(url: string): Promise<Told | null> {
  try {
    const answer = await fetch(url, { headers: { Accept: "application/json" }, cache: "no-store" });
    return answer.ok && !answer.redirected ? ((await answer.json()) as Told) : null;
  } catch {
    return null;
  }
}

/** Follows until nothing more comes of it; then "Read again" leads to what the answer changed on the page. */
export async function followLink(line: HTMLElement): Promise<void> {
  const words = line.querySelector<HTMLElement>("[role=status]");
  let state = line.dataset["state"] ?? "";
  for (let open = true; open && words; ) {
    await new Promise((resolve) => setTimeout(resolve, document.hidden ? LATER_MS : pause(state)));
    const told = await asked(line.dataset["url"] ?? "");
    if (!told?.words) continue;
    if (words.textContent !== told.words) [words.textContent, words.className] = [told.words, told.tone];
    [state, open] = [told.state, told.open];
  }
}
