/** One key, one act. Held keys never repeat an act, and typing is typing. */

export type Keymap = Record<string, () => void>;

/** Keys that may repeat while held: moving is not acting. */
const MOVES = new Set(["j", "k"]);

/** Anywhere in a form counts, on a choice as well: letters meant as words must never move on to another alert and act on it. */
export function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.closest("form, input, textarea, select") !== null || target.isContentEditable;
}

export function listen(keymap: Keymap): void {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (isTyping(event.target) && name !== "Escape") return;
    if (document.querySelector("dialog[open]") && name !== "Escape" && name !== "?") return;
    const act = keymap[name];
    if (!act) return;
    if (event.repeat && !MOVES.has(name)) { event.preventDefault(); return; }
    event.preventDefault();
    act();
  });
}
