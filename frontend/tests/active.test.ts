import assert from "node:assert/strict";
import { test } from "node:test";
import { left } from "../deployments/active";

test("what is left is said in the two units that matter", () => {
  assert.equal(left(11 * 86_400 + 4 * 3600 + 59 * 60), "11 d 4 h");
  assert.equal(left(86_400), "1 d 0 h");
  assert.equal(left(86_399), "23 h 59 min");
  assert.equal(left(3 * 3600 + 2 * 60), "3 h 02 min");
  assert.equal(left(3600), "1 h 00 min");
  assert.equal(left(3599), "59 min 59 s");
  assert.equal(left(61), "1 min 01 s");
  assert.equal(left(0), "0 min 00 s");
});
