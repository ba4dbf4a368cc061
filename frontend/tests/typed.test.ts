import assert from "node:assert/strict";
import { test } from "node:test";
import { answers, drop, forgetAll, recall, remember, same } from "../deployments/typed";

/** A tab's store, as far as it is used: its keys are its own properties. */
function tab(): Storage {
  return Object.create({
    getItem(key: string): string | null { return (this as Record<string, string>)[key] ?? null; },
    setItem(key: string, value: string): void { (this as Record<string, string>)[key] = value; },
    removeItem(key: string): void { delete (this as Record<string, string>)[key]; },
  }) as Storage;
}

const typed = { base: "b1", who: "Priya Venn", fields: [["aim", "To protect"]] as [string, string][], sent: null };

test("the same person gets it back at the same address, until the server has it", () => {
  const store = tab();
  remember(store, "/a/", typed);
  assert.deepEqual(recall(store, "/a/", "Priya Venn"), typed);
  assert.equal(recall(store, "/b/", "Priya Venn"), null);
  drop(store, "/a/");
  assert.equal(recall(store, "/a/", "Priya Venn"), null);
});

test("what is personal leaves only that something is on its way", () => {
  const store = tab();
  remember(store, "/a/", { ...typed, fields: null });
  assert.equal(recall(store, "/a/", "Priya Venn")?.fields, null);
});

test("another person gets nothing, and it is gone", () => {
  const store = tab();
  remember(store, "/a/", typed);
  assert.equal(recall(store, "/a/", "Dana Okafor"), null);
  assert.equal(recall(store, "/a/", "Priya Venn"), null);
});

test("signing out leaves nothing typed, and lets the rest be", () => {
  const store = tab();
  store.setItem("theme", "dark");
  remember(store, "/a/", typed);
  remember(store, "/b/", typed);
  forgetAll(store);
  assert.deepEqual(Object.keys(store), ["theme"]);
});

test("what cannot be read or written is no trouble", () => {
  const store = tab();
  store.setItem("typed:/a/", "{");
  assert.equal(recall(store, "/a/", "Priya Venn"), null);
  const full = { setItem() { throw new Error("full"); } } as unknown as Storage;
  remember(full, "/a/", typed);
});

test("no file, no token and no base is an answer", () => {
  const pairs: [string, FormDataEntryValue][] = [["csrfmiddlewaretoken", "t"], ["base", "b"], ["aim", "one\r\ntwo"], ["document", new File(["x"], "signed.pdf")]];
  assert.deepEqual(answers(pairs), [["aim", "one\ntwo"]]);
  assert.ok(same(answers(pairs), [["aim", "one\ntwo"]]));
});
