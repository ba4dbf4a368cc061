/**
 * Keeps the owner's page true: asks for a digest of what may still change, and loads it again when it did.
 * What was typed is there again after a change of the language, in this tab alone and until it is sent.
 */
export {};

const EVERY_MS = 2000;
const SLOW_MS = 15_000;
const FAST_FOR_MS = 180_000;

const page = document.querySelector<HTMLMetaElement>('meta[name="progress"]');
const began = performance.now();

async function look(url: string, known: string): Promise<void> {
  try {
    const answer = await fetch(url, { headers: { Accept: "application/json" }, cache: "no-store" });
    if (answer.redirected || !answer.ok) return;
    const told: unknown = await answer.json();
    const digest = (told as { digest?: unknown }).digest;
    if (typeof digest === "string" && digest !== known) location.reload();
  } catch {
    // No network for a moment: the next look tells.
  }
}

function next(url: string, known: string): void {
  const soon = performance.now() - began < FAST_FOR_MS;
  setTimeout(() => void look(url, known).finally(() => next(url, known)), soon ? EVERY_MS : SLOW_MS);
}

const url = page?.dataset["url"];
if (page && url) next(url, page.content);

for (const text of document.querySelectorAll<HTMLTextAreaElement>("textarea[data-typed]")) {
  const kept = `typed:${location.pathname}`;
  if (!text.value) text.value = sessionStorage.getItem(kept) ?? "";
  text.addEventListener("input", () => sessionStorage.setItem(kept, text.value));
  text.form?.addEventListener("submit", () => sessionStorage.removeItem(kept));
}
