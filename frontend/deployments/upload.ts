/** A file that the console would refuse for its size is refused before it is sent: the page and its words stay. */

/** The first chosen file's size, above what the field takes; 0 when it fits. */
export function tooLarge(files: ArrayLike<{ size: number }> | null, most: number): number {
  const size = files?.[0]?.size ?? 0;
  return size > most ? size : 0;
}

/** Judges at the choice and again before the form leaves, ahead of everybody else who listens. */
export function judgeSize(form: HTMLFormElement, input: HTMLInputElement): void {
  const error = document.getElementById(`${input.id}-large`);
  const most = Number(input.dataset["mostBytes"]);
  if (!error || !most) return;
  const judge = (): boolean => {
    const bad = tooLarge(input.files, most) > 0;
    error.hidden = !bad;
    input.setAttribute("aria-invalid", String(bad));
    input.closest(".field")?.classList.toggle("field-bad", bad);
    return bad;
  };
  input.addEventListener("change", judge);
  form.addEventListener("submit", (event) => {
    if (!judge()) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    input.focus();
  }, { capture: true });
}
