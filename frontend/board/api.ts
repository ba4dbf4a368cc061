/** HTTP to the console: JSON, the CSRF token, problem documents as errors. */

let csrfToken = "";

export function setCsrf(token: string): void {
  csrfToken = token;
}

/** A refusal in the server's words. `code` is the last part of the problem's type; status 0: no answer came. */
export class Problem extends Error {
  constructor(readonly status: number, readonly code: string, detail: string, readonly extra: Record<string, unknown> = {}) {
    super(detail);
  }
}

interface Options { method?: string; body?: unknown; key?: string; timeoutMs?: number }

async function call(url: string, options: Options): Promise<Response> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (options.body !== undefined) headers["Content-Type"] = "application/json";
  if (options.method === "POST") headers["X-CSRFToken"] = csrfToken;
  if (options.key) headers["Idempotency-Key"] = options.key;
  const init: RequestInit = { method: options.method ?? "GET", headers, credentials: "same-origin", cache: "no-store" };
  if (options.body !== undefined) init.body = JSON.stringify(options.body);
  if (options.timeoutMs) init.signal = AbortSignal.timeout(options.timeoutMs);
  try {
    return await fetch(url, init);
  } catch {
    throw new Problem(0, "no-answer", "");
  }
}

async function read<T>(response: Response): Promise<T> {
  if (response.status === 204) return undefined as T;
  const body: unknown = await response.json().catch(() => null);
  if (response.ok) return body as T;
  const problem = (body ?? {}) as Record<string, unknown>;
  const code = String(problem["type"] ?? "").split("/").pop() ?? "";
  throw new Problem(response.status, code, String(problem["detail"] ?? problem["title"] ?? ""), problem);
}

export async function getJson<T>(url: string, timeoutMs = 8000): Promise<T> {
  return read<T>(await call(url, { timeoutMs }));
}

export async function postJson<T>(url: string, body: unknown, key?: string): Promise<T> {
  const options: Options = { method: "POST", body };
  if (key) options.key = key;
  return read<T>(await call(url, options));
}

/** A fresh key for one intent: the same press repeated carries the same key. */
export function intentKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((b) => b.toString(16).padStart(2, "0")).join("");
}

export const alertUrl = (id: string, verb: string): string => `/api/v1/alerts/${encodeURIComponent(id)}/${verb}/`;
export const liveUrl = (session: string, verb = ""): string => `/api/v1/live/${encodeURIComponent(session)}/${verb ? `${verb}/` : ""}`;
