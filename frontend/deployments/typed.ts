/**
 * What was typed in a form and may not have reached the server when its page went away, in this tab alone. A reload
 * asks for the page before the last words are kept; these bring them back. Never a file.
 */

export type Fields = [string, string][];
/**
 * `fields`: null where they are personal: a tab keeps them in the clear, so it only knows that they are on their way.
 * `base`: the text that the form was filled in over. `who`: only the same person gets it back. `sent`: what was on
 * its way to the server when the page went; once there, it is the text that `base` no longer names.
 */
export interface Typed { base: string; who: string; fields: Fields | null; sent: Fields | null }

const PREFIX = "typed:";
/** What a form carries besides its answers. */
const CARRIED = new Set(["csrfmiddlewaretoken", "base"]);

export function remember(store: Storage, address: string, typed: Typed): void {
  try {
    store.setItem(PREFIX + address, JSON.stringify(typed));
  } catch {
    // A full or forbidden store: the request that leaves with the page is what is left.
  }
}

/** What this person typed at this address; what another person left behind is gone with that. */
export function recall(store: Storage, address: string, who: string): Typed | null {
  const told = parse(store.getItem(PREFIX + address));
  if (told?.who === who) return told;
  drop(store, address);
  return null;
}

function parse(text: string | null): Typed | null {
  try {
    const told = JSON.parse(text ?? "null") as Typed | null;
    return told && (told.fields === null || Array.isArray(told.fields)) ? told : null;
  } catch {
    return null;
  }
}

export function drop(store: Storage, address: string): void {
  store.removeItem(PREFIX + address);
}

/** Nothing of it outlives a session. */
export function forgetAll(store: Storage): void {
  for (const key of Object.keys(store)) if (key.startsWith(PREFIX)) store.removeItem(key);
}

/** The answers of a form, in its order; files and what it carries besides are left out. */
export function answers(pairs: Iterable<[string, FormDataEntryValue]>): Fields {
  const told: Fields = [];
  for (const [name, value] of pairs) if (typeof value === "string" && !CARRIED.has(name)) told.push([name, lines(value)]);
  return told;
}

/** A form's data has the line ends of the wire, its fields those of the page. */
const lines = (text: string): string => text.replaceAll("\r\n", "\n");

export const same = (one: Fields, other: Fields): boolean => JSON.stringify(one) === JSON.stringify(other);

/** Puts answers back into their fields; a choice that is not among them is not chosen. */
export function putBack(form: HTMLFormElement, fields: Fields): void {
  const told = new Map<string, string[]>();
  for (const [name, value] of fields) told.set(name, [...(told.get(name) ?? []), value]);
  for (const one of form.elements) {
    if (one instanceof HTMLTextAreaElement || one instanceof HTMLSelectElement) one.value = told.get(one.name)?.shift() ?? one.value;
    if (!(one instanceof HTMLInputElement) || one.type === "file" || CARRIED.has(one.name)) continue;
    if (one.type === "radio" || one.type === "checkbox") one.checked = told.get(one.name)?.includes(one.value) ?? false;
    else one.value = told.get(one.name)?.shift() ?? one.value;
    if (one.value !== "") one.closest("[data-spare]")?.removeAttribute("data-spare");
  }
}
