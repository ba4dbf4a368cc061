import assert from "node:assert/strict";
import { test } from "node:test";
import { backoffMs, freshness } from "../board/link";

test("live under 5 s on an open line, delayed to 15 s, then lost", () => {
  assert.equal(freshness(0.4, true), "live");
  assert.equal(freshness(4.99, true), "live");
  assert.equal(freshness(0.4, false), "delayed");
  assert.equal(freshness(5, true), "delayed");
  assert.equal(freshness(14.9, false), "delayed");
  assert.equal(freshness(15, true), "lost");
});

test("full jitter: from nothing to a capped double, so that a restored line is live within 3 s", () => {
  assert.equal(backoffMs(0, () => 0), 0);
  assert.equal(backoffMs(0, () => 1), 300);
  assert.equal(backoffMs(2, () => 1), 1200);
  for (let tries = 0; tries < 50; tries++) assert.ok(backoffMs(tries, () => 1) <= 2500);
});
