/** Sends a plate list in pieces, each with its digest; goes on where it stopped. Small files work without it. */
import { digestHeader, remember, recalled } from "./lists/pieces";

interface Told {
  upload: string;
  next: number;
  chunk_bytes: number;
  state: string;
}

interface Problem {
  status: number;
  code: string;
  detail: string;
  next?: number;
  lines?: { line: number; code: string }[];
}

class Refused extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail);
  }
}

const AGAIN_MS = 2000;
const TRIES = 5;

class Upload {
  private readonly said: HTMLElement;
  private readonly progress: HTMLElement;
  private readonly refused: HTMLElement;

  constructor(private readonly form: HTMLFormElement) {
    this.said = form.querySelector<HTMLElement>("[data-list-said]") as HTMLElement;
    this.progress = form.querySelector<HTMLElement>("[data-list-progress]") as HTMLElement;
    this.refused = form.querySelector<HTMLElement>("[data-list-refused]") as HTMLElement;
    form.addEventListener("submit", (event) => {
      const [manifest, file] = this.files();
      // Nothing chosen: the form's own answer names the field.
      if (!manifest || !file) return;
      event.preventDefault();
      if (form.getAttribute("aria-busy") !== "true") void this.run(manifest, file);
    });
  }

  private files(): (File | undefined)[] {
    return ["manifest", "file"].map((name) => this.form.querySelector<HTMLInputElement>(`input[name=${name}]`)?.files?.[0]);
  }

  private async run(manifest: File, file: File): Promise<void> {
    this.form.setAttribute("aria-busy", "true");
    this.refused.hidden = true;
    this.progress.hidden = false;
    try {
      this.say("reading", 0);
      const words = await manifest.text();
      const began = await this.begin(words);
      await this.send(began, file);
      this.say("checking", 100);
      await this.call("POST", `${this.url(began.upload)}finish/`);
      remember(sessionStorage, words, null);
      window.location.assign(this.form.dataset["lists"] ?? "/");
    } catch (error) {
      this.show(error);
    } finally {
      this.form.removeAttribute("aria-busy");
      this.progress.hidden = true;
    }
  }

  /** The upload that was begun with this very manifest, or a new one. */
  private async begin(manifest: string): Promise<Told> {
    const known = recalled(sessionStorage, manifest);
    if (known) {
      try {
        const told = await this.call("GET", this.url(known));
        if (told.state === "receiving") return told;
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
      }
    }
    const told = await this.call("POST", this.form.dataset["uploads"] ?? "", manifest, { "Content-Type": "application/json" });
    remember(sessionStorage, manifest, told.upload);
    return told;
  }

  private async send(told: Told, file: File): Promise<void> {
    const size = told.chunk_bytes;
    for (let number = told.next; number * size < file.size; number++) {
      const piece = await file.slice(number * size, (number + 1) * size).arrayBuffer();
      const headers = { "Content-Type": "application/octet-stream", "Content-Digest": await digestHeader(piece) };
      await this.call("PUT", `${this.url(told.upload)}${number}/`, piece, headers);
      this.say("sending", Math.floor((100 * Math.min((number + 1) * size, file.size)) / file.size));
    }
  }

  private url(upload: string): string {
    return `${this.form.dataset["uploads"]}${upload}/`;
  }

  /** Asks, and asks again while the link is away; a refusal is thrown as one. */
  private async call(method: string, url: string, body?: BodyInit, headers: Record<string, string> = {}): Promise<Told> {
    const token = this.form.querySelector<HTMLInputElement>("input[name=csrfmiddlewaretoken]")?.value ?? "";
    for (let left = TRIES; ; left--) {
      try {
        const answer = await fetch(url, { method, body: body ?? null, headers: { ...headers, Accept: "application/json", "X-CSRFToken": token } });
        if (answer.ok) return (await answer.json()) as Told;
        if (answer.status !== 503 || left === 0) throw new Refused(await problemOf(answer));
      } catch (error) {
        if (error instanceof Refused || left === 0) throw error;
      }
      this.said.textContent = this.said.dataset["waiting"] ?? "";
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }

  private say(what: "reading" | "sending" | "checking", percent: number): void {
    this.said.textContent = (this.said.dataset[what] ?? "").replace("%s", String(percent));
    const bar = this.progress.querySelector("progress");
    if (bar) bar.value = percent;
  }

  private show(error: unknown): void {
    const sentence = this.refused.querySelector<HTMLElement>("[data-list-sentence]") as HTMLElement;
    const lines = this.refused.querySelector<HTMLElement>("[data-list-lines]") as HTMLElement;
    const problem = error instanceof Refused ? error.problem : null;
    sentence.textContent = problem?.detail ?? sentence.dataset["lost"] ?? "";
    lines.replaceChildren(
      ...(problem?.lines ?? []).map((row) => {
        const item = document.createElement("li");
        item.textContent = `${lines.dataset["line"]} ${row.line}: ${row.code}`;
        return item;
      }),
    );
    this.refused.hidden = false;
    this.refused.tabIndex = -1;
    this.refused.focus();
  }
}

async function problemOf(answer: Response): Promise<Problem> {
  try {
    return (await answer.json()) as Problem;
  } catch {
    return { status: answer.status, code: "", detail: `HTTP ${answer.status}` };
  }
}

for (const form of document.querySelectorAll<HTMLFormElement>("form[data-list-upload]")) new Upload(form);
