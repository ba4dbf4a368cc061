/** Adds the scores up beside the form while they are chosen; how firm the sum is, the server says. */
import { must, setText } from "../board/dom";
import type { Kept } from "./keep";

interface Explained { complete: boolean; firmness: string[] }
interface Row { weight: number; steps: HTMLElement; points: HTMLElement; dot: HTMLElement; piece: SVGRectElement; tone: number }

const GAP = 2;

export function addUp(form: HTMLFormElement): { told(kept: Kept): void } | null {
  const factors = form.querySelector<HTMLElement>(".factors");
  const panel = document.querySelector<HTMLElement>("#score");
  if (!factors || !panel) return null;
  const score = new Score(factors, panel);
  form.addEventListener("change", () => {
    score.draw();
    // It spoke of the score that was saved; the panel speaks of the one that is chosen now.
    document.querySelector("#stopped")?.remove();
  });
  score.draw();
  return score;
}

class Score {
  private readonly rows: Row[];
  private readonly threshold: number;
  private readonly unit: number;

  constructor(factors: HTMLElement, private readonly panel: HTMLElement) {
    const pieces = [...panel.querySelectorAll<SVGRectElement>(".score-piece")];
    const dots = [...panel.querySelectorAll<HTMLElement>(".score-dot")];
    const width = Number(panel.querySelector("svg.score-bar")?.getAttribute("viewBox")?.split(" ")[2] ?? 260);
    this.threshold = Number(factors.dataset["threshold"]);
    this.unit = width / Math.max(1, Number(factors.dataset["highest"]));
    this.rows = [...factors.querySelectorAll<HTMLElement>(".factor")].map((steps, index) => ({
      weight: Number(steps.dataset["weight"]), steps, dot: dots[index]!, piece: pieces[index]!, tone: index % 6,
      points: must<HTMLElement>(`[data-points="${CSS.escape(steps.dataset["factor"] ?? "")}"]`),
    }));
  }

  draw(): void {
    let total = 0;
    let open = false;
    for (const row of this.rows) {
      const chosen = row.steps.querySelector<HTMLInputElement>(".steps input:checked");
      open ||= !chosen;
      const points = row.weight * Number(chosen?.value ?? 0);
      row.piece.setAttribute("x", (total * this.unit).toFixed(1));
      row.piece.setAttribute("width", Math.max(0, points * this.unit - GAP).toFixed(1));
      row.dot.className = points ? `score-dot tone-${row.tone}` : "score-dot";
      setText(row.points, String(points));
      total += points;
    }
    setText(must("#score-total"), String(total));
    const meets = !open && total >= this.threshold;
    this.panel.classList.toggle("score-meets", meets);
    const words = must<HTMLElement>("#score-verdict");
    setText(words, (open ? words.dataset["open"] : meets ? words.dataset["meets"] : words.dataset["below"]) ?? "");
  }

  told(kept: Kept): void {
    const explained = kept.explained as Explained | undefined;
    if (explained?.complete) setText(must("#score-firm"), explained.firmness.slice(0, 2).join(" "));
  }
}
