/** Making elements without markup in strings: text from the wire is only ever text. */

type Child = Node | string | null | undefined | false;
type Props = Record<string, string | number | boolean | null | undefined | EventListener>;

export function h<K extends keyof HTMLElementTagNameMap>(tag: K, props: Props | string | null, ...children: Child[]): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  if (typeof props === "string") element.className = props;
  else if (props) setProps(element, props);
  element.append(...children.filter((child): child is Node | string => child !== null && child !== undefined && child !== false));
  return element;
}

function setProps(element: HTMLElement, props: Props): void {
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name.replace(/^on/, ""), value);
    else if (name === "class") element.className = String(value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
}

export function must<T extends Element>(selector: string): T {
  const found = document.querySelector<T>(selector);
  if (!found) throw new Error(`The page lacks ${selector}`);
  return found;
}

/** A part of the page that is rebuilt only when what it says has changed. */
export class Part {
  private said: string | null = null;

  constructor(readonly element: HTMLElement) {}

  show(sign: string, build: () => Child[]): void {
    if (this.said === sign) return;
    this.said = sign;
    const focus = this.element.contains(document.activeElement) ? (document.activeElement as HTMLElement).dataset["focus"] : undefined;
    this.element.replaceChildren(...build().filter((child): child is Node | string => Boolean(child)));
    if (focus) this.element.querySelector<HTMLElement>(`[data-focus="${focus}"]`)?.focus();
  }

  clear(): void {
    this.show("", () => []);
  }
}

/** Writes text only where it differs: ages tick every second in many places. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

export const key = (label: string): HTMLElement => h("kbd", "key", label);
export const spinner = (): HTMLElement => h("span", { class: "spinner", "aria-hidden": "true" });
