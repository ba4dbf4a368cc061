/** The log's pages work without this: keys, the strip that stays true, copying, completion of fields. */

const STRIP_EVERY_MS = 5_000;
const FIELD = /(^|\s)(-?(?:verb|object|actor|flag|outcome|reason|cad|agency|since|until):?\S*)$/;

// -- the strip -------------------------------------------------------------------------------------

let countdown = 0;

async function refreshStrip(): Promise<void> {
  const strip = document.querySelector<HTMLElement>("[data-strip]");
  // A broken line on this page outweighs what the log as a whole says: that strip stays.
  if (!strip || document.hidden || document.querySelector(".audit-broken, .audit-trust-broken")) return;
  try {
    const answer = await fetch(strip.dataset.strip ?? "", { headers: { Accept: "text/html" }, redirect: "error" });
    if (!answer.ok) throw new Error(String(answer.status));
    const next = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-strip]");
    if (!next) throw new Error("no strip");
    // A live region speaks when its words change; only then is it replaced.
    if (next.textContent !== strip.textContent) strip.replaceWith(document.adoptNode(next));
  } catch {
    strip.classList.remove("banner-ok");
    strip.classList.add("banner-caution");
    const said = strip.querySelector("b");
    const words = strip.dataset.lost;
    if (said && words) said.textContent = words;
  }
}

function tick(): void {
  const left = document.querySelector<HTMLElement>("[data-countdown]");
  if (!left) return;
  countdown = Math.max(0, Number.parseInt(left.textContent ?? "0", 10) - 1);
  if (countdown > 0) left.textContent = `${countdown} s`;
  else if (left.parentElement) left.parentElement.textContent = left.dataset.now ?? "";
}

// -- keys: / to ask, j and k through the rows, Enter is the link's own --------------------------------

function rows(): HTMLAnchorElement[] {
  return [...document.querySelectorAll<HTMLAnchorElement>(".audit-table tbody tr:not(.audit-day) td:first-child a")];
}

function walk(step: number): void {
  const all = rows();
  const here = all.findIndex((link) => link === document.activeElement);
  const chosen = all.findIndex((link) => link.closest("tr")?.getAttribute("aria-selected") === "true");
  const from = here >= 0 ? here : chosen;
  const next = all[Math.min(all.length - 1, Math.max(0, from + step))];
  if (!next) return;
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}

function typing(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest("input, textarea, select") !== null;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const field = document.querySelector<HTMLInputElement>("#q");
  if (event.key === "Escape" && event.target === field) field?.blur();
  if (typing(event.target)) return;
  if (event.key === "/" && field) {
    event.preventDefault();
    field.focus();
    field.setSelectionRange(field.value.length, field.value.length);
  } else if (event.key === "j" || event.key === "k") {
    event.preventDefault();
    walk(event.key === "j" ? 1 : -1);
  }
});

// -- copying a line and its proof ------------------------------------------------------------------

async function copy(link: HTMLAnchorElement): Promise<void> {
  const words = link.textContent ?? "";
  try {
    const answer = await fetch(link.dataset.copy ?? link.href, { redirect: "error" });
    if (!answer.ok) throw new Error(String(answer.status));
    const text = await answer.text();
    await navigator.clipboard.writeText(text);
    link.textContent = link.dataset.copied ?? words;
    link.classList.remove("btn-failed");
    setTimeout(() => (link.textContent = words), 4_000);
  } catch {
    link.textContent = link.dataset.failed ?? words;
    link.classList.add("btn-failed");
  }
}

document.addEventListener("click", (event) => {
  const link = event.target instanceof Element ? event.target.closest<HTMLAnchorElement>("[data-copy]") : null;
  if (!link || !navigator.clipboard) return;
  event.preventDefault();
  void copy(link);
});

// -- verifying again: the panel is replaced, the list stays ----------------------------------------------

document.addEventListener("submit", (event) => {
  const form = event.target instanceof HTMLFormElement && event.target.matches("[data-again]") ? event.target : null;
  if (!form) return;
  event.preventDefault();
  void verify(form);
});

async function verify(form: HTMLFormElement): Promise<void> {
  try {
    const answer = await fetch(form.action, { method: "POST", body: new FormData(form), redirect: "error" });
    if (!answer.ok) throw new Error(String(answer.status));
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const next = page.querySelector("#audit-panel");
    if (!next) throw new Error("no panel");
    document.querySelector("#audit-panel")?.replaceWith(document.adoptNode(next));
    document.querySelector(".audit-again")?.scrollIntoView({ block: "nearest" });
    document.querySelector<HTMLElement>("[data-again] button")?.focus({ preventScroll: true });
  } catch {
    form.submit();
  }
}

// -- completion: the browser's own list, for the last word of the question ---------------------------------

const question = document.querySelector<HTMLInputElement>("#q");
const list = document.querySelector<HTMLDataListElement>("#audit-words");
const offered = list ? [...list.options].map((option) => ({ value: option.value, label: option.label })) : [];

function complete(): void {
  if (!question || !list) return;
  const match = FIELD.exec(question.value);
  const before = match ? question.value.slice(0, match.index + (match[1]?.length ?? 0)) : "";
  if (match && !before) return list.replaceChildren(...offered.map((one) => new Option(one.label, one.value)));
  if (!match && question.value.trim()) return list.replaceChildren();
  const part = (match?.[2] ?? "").toLowerCase();
  const fitting = offered.filter((one) => one.value.startsWith(part) && !one.value.includes(" ")).slice(0, 40);
  list.replaceChildren(...fitting.map((one) => new Option(one.label, before + one.value)));
}

question?.addEventListener("input", complete);
setInterval(refreshStrip, STRIP_EVERY_MS);
setInterval(tick, 1_000);
