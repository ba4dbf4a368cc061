import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { sha256Hex } from "../board/sha256";
import { sounds, Store, trailerNumber, warnedTrailers } from "../board/store";
import type { Alert, Snapshot } from "../board/wire";

function alert(id: string, version: number, more: Partial<Alert> = {}): Alert {
  return {
    id, version, kind: "gunshot", state: "unacknowledged", priority: 1, trailer: "TRL-0007", deployment: "DEP-2026-0001", lat: 43.6, lon: -79.6,
    uncertainty_m: 45, occurred_at: "2026-04-28T03:14:08.412Z", received_at: "2026-04-28T03:14:08.604Z", late: false, flags: [],
    acknowledged_by: null, acknowledged_at: null, closed_at: null, outcome: null, ...more,
  };
}

const snapshot = (alerts: Alert[]): Snapshot => ({ digest: "", at: "2026-04-28T03:14:09.000Z", alerts, trailers: [] });

test("the digest is SHA-256 as everybody else computes it, for every padding length", () => {
  for (let n = 0; n < 200; n++) {
    const text = "é".repeat(n % 3) + "x".repeat(n);
    assert.equal(sha256Hex(text), createHash("sha256").update(text).digest("hex"));
  }
});

test("the digest covers id:version, sorted, joined by a line feed", () => {
  const store = new Store();
  store.applySnapshot(snapshot([alert("b", 2), alert("a", 10)]));
  assert.equal(store.digest(), createHash("sha256").update("a:10\nb:2").digest("hex"));
  store.applySnapshot(snapshot([]));
  assert.equal(store.digest(), createHash("sha256").update("").digest("hex"));
});

test("an older or equal version never replaces a newer one", () => {
  const store = new Store();
  assert.equal(store.applyAlert(alert("a", 2, { state: "acknowledged" })), true);
  assert.equal(store.applyAlert(alert("a", 1)), false);
  assert.equal(store.applyAlert(alert("a", 2)), false);
  assert.equal(store.alerts.get("a")?.state, "acknowledged");
});

test("a closed alert does not come back by a late message", () => {
  const store = new Store();
  store.applyAlert(alert("a", 3, { state: "closed", closed_at: "2026-04-28T03:20:00.000Z" }));
  store.applyAlert(alert("a", 2, { state: "acknowledged" }));
  assert.equal(store.alerts.size, 0);
  assert.equal(store.closed.size, 1);
});

test("snapshot plus events equals a fresh snapshot, in any order and with repeats", () => {
  const events = [alert("a", 1), alert("b", 1), alert("a", 2, { state: "acknowledged" }), alert("c", 1), alert("b", 2, { state: "closed" }), alert("c", 2, { state: "acknowledged" })];
  const truth = new Store();
  truth.applySnapshot(snapshot([alert("a", 2, { state: "acknowledged" }), alert("c", 2, { state: "acknowledged" })]));
  for (let cut = 0; cut <= events.length; cut++) {
    for (let seed = 1; seed < 20; seed++) {
      const store = new Store();
      const first = new Store();
      for (const event of events.slice(0, cut)) first.applyAlert(event);
      store.applySnapshot(snapshot([...first.alerts.values()]));
      const late = [...events, ...events.slice(cut)].map((event, i) => ({ event, at: (i * 7919 * seed) % 101 })).sort((x, y) => x.at - y.at);
      for (const { event } of late) store.applyAlert(event);
      // A snapshot without b cannot know that b was closed before it: replay only what came since, as the link does.
      if (cut === events.length) store.applySnapshot(snapshot([...first.alerts.values()]));
      assert.equal(store.digest(), truth.digest(), `cut ${cut}, seed ${seed}`);
    }
  }
});

test("what a snapshot does not list is no longer open", () => {
  const store = new Store();
  store.applyAlert(alert("a", 1));
  store.applySnapshot(snapshot([alert("b", 1)]));
  assert.deepEqual([...store.alerts.keys()], ["b"]);
});

test("an answer that is newer than the snapshot on its way stays", () => {
  const store = new Store();
  store.applyAlert(alert("a", 2, { state: "acknowledged" }));
  store.applyAlert(alert("b", 3, { state: "closed" }));
  store.applySnapshot(snapshot([alert("a", 1), alert("b", 2)]));
  assert.equal(store.alerts.get("a")?.version, 2);
  assert.equal(store.alerts.has("b"), false);
});

test("gunshots on top, then the longest waiting", () => {
  const store = new Store();
  const at = (second: number): Partial<Alert> => ({ received_at: `2026-04-28T03:14:${String(second).padStart(2, "0")}.000Z` });
  store.applySnapshot(snapshot([alert("young", 1, at(9)), alert("hit", 1, { ...at(1), priority: 3 }), alert("old", 1, at(3))]));
  assert.deepEqual(store.waiting().map((a) => a.id), ["old", "young", "hit"]);
});

test("late and look-alike alerts make no alarm, acknowledged ones neither", () => {
  assert.equal(sounds(alert("a", 1)), true);
  assert.equal(sounds(alert("a", 1, { late: true })), false);
  assert.equal(sounds(alert("a", 1, { flags: ["lookalike"] })), false);
  assert.equal(sounds(alert("a", 1, { flags: ["drill"] })), false);
  assert.equal(sounds(alert("a", 1, { priority: 3 })), false);
  assert.equal(sounds(alert("a", 2, { state: "acknowledged" })), false);
});

test("a trailer's number is what people say", () => {
  assert.equal(trailerNumber("TRL-0007"), "07");
  assert.equal(trailerNumber("TRL-0123"), "123");
});

test("trailers with a warning are named to who may see the fleet, and only while the line stands", () => {
  const status = (warned: number | null) => ({ trailers: { deployed: 8, reporting: 8, warned } });
  assert.equal(warnedTrailers(status(2), false), 2);
  assert.equal(warnedTrailers(status(2), true), 0, "without a line nothing is known");
  assert.equal(warnedTrailers(status(null), false), 0, "who may not see the fleet is told nothing");
  assert.equal(warnedTrailers(null, false), 0);
});
