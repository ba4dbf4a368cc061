/** Small behaviour of every page: theme switch, menus that close, signing out. Pages work without it. */
import { forgetAll } from "./deployments/typed";
import { toggleTheme } from "./theme";

document.addEventListener("click", (event) => {
  const target = event.target instanceof Element ? event.target : null;
  if (target?.closest("[data-theme-switch]")) toggleTheme();
  for (const menu of document.querySelectorAll<HTMLDetailsElement>("details.menu[open]")) {
    if (!target || !menu.contains(target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll<HTMLDetailsElement>("details.menu[open]")) {
    menu.open = false;
    menu.querySelector("summary")?.focus();
  }
});

// Whoever signs out leaves nothing typed behind in this tab.
document.addEventListener("submit", (event) => {
  if (event.target instanceof HTMLFormElement && event.target.matches("form[data-sign-out]")) forgetAll(sessionStorage);
});

/** How long is left, where the page says until when; counted by a clock of this page from the server's word. */
function countDown(): void {
  for (const element of document.querySelectorAll<HTMLElement>("[data-left-s]")) {
    const left = Math.max(0, Math.round(Number(element.dataset["leftS"]) - performance.now() / 1000));
    const text = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    if (element.textContent !== text) element.textContent = text;
  }
}
countDown();
setInterval(countDown, 1000);

// The browser prints; without a script its own menu does.
for (const button of document.querySelectorAll<HTMLButtonElement>("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
