import assert from "node:assert/strict";
import { test } from "node:test";
import { tooLarge } from "../deployments/upload";

test("a file is judged by its size before it is sent", () => {
  assert.equal(tooLarge([{ size: 5_000_001 }], 5_000_000), 5_000_001);
  assert.equal(tooLarge([{ size: 5_000_000 }], 5_000_000), 0);
  assert.equal(tooLarge([], 5_000_000), 0);
  assert.equal(tooLarge(null, 5_000_000), 0);
});
