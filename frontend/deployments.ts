/** The pages of deployments. Every page works without it; here typing is kept, scores add up, maps are drawn. */
import { standing } from "./deployments/active";
import { keepTyping } from "./deployments/keep";
import { followLink } from "./deployments/link";
import { drawList } from "./deployments/list";
import { Place } from "./deployments/place";
import { addUp } from "./deployments/score";
import { judgeSize } from "./deployments/upload";

document.documentElement.classList.add("scripted");

const form = document.querySelector<HTMLFormElement>("form#answers[data-keep]");
if (form) {
  const paper = form.querySelector<HTMLInputElement>("input[data-most-bytes]");
  if (paper) judgeSize(form, paper);
  const score = addUp(form);
  keepTyping(form, (told) => score?.told(told));
}
const place = document.querySelector<HTMLElement>("#place-map");
if (place && form) new Place(place, form).start();
const list = document.querySelector<HTMLElement>("#list-map");
if (list) drawList(list);
const link = document.querySelector<HTMLElement>("#link-state");
if (link) void followLink(link);
standing();

// What is wrong, or which of two texts, comes first: also for who hears the page.
document.querySelector<HTMLElement>("#conflict:not([hidden]), #summary")?.focus();
