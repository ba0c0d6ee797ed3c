import assert from "node:assert/strict";
import { test } from "node:test";

import { tenths } from "../../service/web/view/format.js";
import { longest, pointAt, seriesOf, ticks } from "../../service/web/view/series.js";
import { face, frame } from "./faces.js";

const GAP_S = 0.5;

/** The times of each run of each series. @param {import("../../service/web/view/series.js").Series[]} all */
const times = (all) => all.map(({ track, runs }) => [track, runs.map((run) => run.map(({ timeS }) => timeS))]);

test("no moments are no series", () => {
  assert.deepEqual(seriesOf([], GAP_S), []);
});

test("each face has its series, with a gap where it was away", () => {
  const moments = [frame(0, 0, face("happy", 0, 2)), frame(1, 0.4, face("happy", 0, 2), face("angry", 90, 1)), frame(2, 2, face("happy", 0, 2))];
  assert.deepEqual(times(seriesOf(moments, GAP_S)), [
    [1, [[0.4]]],
    [2, [[0, 0.4], [2]]],
  ]);
});

test("of faces that nobody followed, the largest is taken", () => {
  const [series] = seriesOf([frame(0, 0, face("happy", 0, null), face("angry", 90, null))], GAP_S);
  assert.deepEqual(series?.track, 0);
  assert.equal(series?.runs[0]?.[0]?.emotions.happy, 0.8);
});

test("those that were seen longest are kept, in their order", () => {
  const moments = [0, 1, 2].map((at) => frame(at, at, ...[1, 2, 3].filter((track) => track !== 2 || at === 0).map((track) => face("sad", 0, track))));
  assert.deepEqual(longest(seriesOf(moments, 9), 2).map(({ track }) => track), [1, 3]);
});

test("a point is shown until the next one, and not in a gap", () => {
  const [series] = seriesOf([frame(0, 1, face("happy", 0)), frame(1, 1.2, face("angry", 0)), frame(2, 9, face("neutral", 0))], GAP_S);
  assert.ok(series);
  const at = [0.9, 1, 1.19, 1.3, 1.5, 9.1].map((timeS) => pointAt(series, timeS, 0.2)?.timeS);
  assert.deepEqual(at, [undefined, 1, 1, 1.2, undefined, 9]);
});

test("an axis is marked at whole steps, never more often than asked", () => {
  assert.deepEqual(ticks(0, 6, 5), [0, 2, 4, 6]);
  assert.deepEqual(ticks(-30, 0, 5), [-30, -20, -10, 0]);
  assert.deepEqual(ticks(0, 0, 5), [0]);
  for (const lengthS of [0.3, 1, 7, 59, 1000, 1e6]) assert.ok(ticks(0, lengthS, 5).length <= 6, `${lengthS}`);
});

test("tenths are told where there are some", () => {
  assert.deepEqual([0, 7.04, 7.26, 59.98, 67.5].map(tenths), ["0:00", "0:07", "0:07.3", "1:00", "1:07.5"]);
});
