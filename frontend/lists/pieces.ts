/** What a piece carries, and which upload a manifest began: nothing of the list itself is remembered. */

/** The Content-Digest of RFC 9530 for these bytes. */
export async function digestHeader(bytes: ArrayBuffer): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return `sha-256=:${btoa(String.fromCharCode(...digest))}:`;
}

/** The manifest names its file by digest, so the same text means the same file. */
function place(manifest: string): string {
  return `list-upload:${/"sha256"\s*:\s*"([0-9a-f]{64})"/.exec(manifest)?.[1] ?? manifest.length}`;
}

/** Keep, for this tab, which upload this manifest began; null forgets it. */
export function remember(store: Storage, manifest: string, upload: string | null): void {
  if (upload) store.setItem(place(manifest), upload);
  else store.removeItem(place(manifest));
}

/** The upload that this manifest began in this tab, if one is known. */
export function recalled(store: Storage, manifest: string): string | null {
  return store.getItem(place(manifest));
}
