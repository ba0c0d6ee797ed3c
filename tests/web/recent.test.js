import assert from "node:assert/strict";
import { test } from "node:test";

import { Recent, SPAN_MS } from "../../service/web/modes/recent.js";
import { face } from "./faces.js";

test("what is older than the span is forgotten", () => {
  const recent = new Recent();
  for (const atMs of [0, 1000, SPAN_MS + 500]) recent.add({ atMs, faces: [], chosen: 0 });
  assert.deepEqual(recent.instants.map(({ atMs }) => atMs), [1000, SPAN_MS + 500]);
});

test("as frames of a video, times begin with the oldest", () => {
  const recent = new Recent();
  for (const atMs of [5000, 5250]) recent.add({ atMs, faces: [face("happy", 0)], chosen: 0 });
  assert.deepEqual(recent.moments.map(({ index, time_s: timeS }) => [index, timeS]), [[0, 0], [1, 0.25]]);
});

test("the mean is that of the faces that were shown", () => {
  const recent = new Recent();
  assert.equal(recent.mean, null);
  recent.add({ atMs: 0, faces: [face("happy", 0), face("angry", 200)], chosen: 1 });
  recent.add({ atMs: 1, faces: [face("happy", 0)], chosen: 0 });
  recent.add({ atMs: 2, faces: [], chosen: 0 });
  const mean = recent.mean ?? {};
  assert.deepEqual(Object.entries(mean).map(([label, share]) => [label, share.toFixed(2)]), [
    ["angry", "0.45"],
    ["happy", "0.45"],
    ["neutral", "0.10"],
  ]);
  recent.clear();
  assert.equal(recent.mean, null);
});
