import assert from "node:assert/strict";
import { test } from "node:test";

import { Timeline } from "../../service/web/local/timeline.js";
import { Tracker } from "../../service/web/local/tracker.js";
import { face, voted } from "./faces.js";

/** The numbers of faces at these places, frame after frame, five frames a second. @param {number[][]} frames */
function numbers(frames) {
  const tracker = new Tracker();
  return frames.map((places, i) => tracker.follow(places.map((x) => face("happy", x, null)), i / 5).map(({ track_id: id }) => id));
}

/** The same places as numbers.
 * @type {Record<string, {frames: number[][], tracks: (number | null)[][]}>} */
const cases = {
  "a face that moves is one": { frames: [[0], [20], [45]], tracks: [[1], [1], [1]] },
  "a face far away is another": { frames: [[0], [200]], tracks: [[1], [2]] },
  "two faces keep their numbers when their order changes": { frames: [[0, 200], [205, 5]], tracks: [[1, 2], [2, 1]] },
  "a face that is missed three times is the same": { frames: [[0], [], [], [], [0]], tracks: [[1], [], [], [], [1]] },
  "a face that is missed four times is new": { frames: [[0], [], [], [], [], [0]], tracks: [[1], [], [], [], [], [2]] },
  "two faces that cross keep their directions": {
    frames: [[0, 240], [60, 180], [120, 120], [180, 60], [240, 0]],
    tracks: [[1, 2], [1, 2], [1, 2], [1, 2], [1, 2]],
  },
  "of two boxes on one face the older track goes on": { frames: [[0], [0], [1, 0]], tracks: [[1], [1], [2, 1]] },
};

for (const [name, { frames, tracks }] of Object.entries(cases)) {
  test(name, () => assert.deepEqual(numbers(frames), tracks));
}

test("a frame that claims an earlier time is treated as one of the same time", () => {
  const tracker = new Tracker();
  tracker.follow([face("happy", 0, null)], 10);
  assert.deepEqual(tracker.follow([face("happy", 10, null)], 3).map(({ track_id: id }) => id), [1]);
});

test("the summary has each track's span, mean and dominant label", () => {
  const timeline = new Timeline();
  timeline.add([face("angry", 0, 1)], 0);
  timeline.add([face("happy", 0, 1), voted(face("neutral", 200, 2), [0.2, 0.3, 0.5])], 0.2);
  timeline.add([face("happy", 0, 1), voted(face("neutral", 200, 2), [0.4, 0.1, 0.5])], 0.4);
  const [first, second] = timeline.tracks;
  assert.deepEqual({ ...first, mean: Object.values(first?.mean ?? {}).map((share) => share.toFixed(3)) }, {
    track_id: 1, from_s: 0, to_s: 0.4, dominant: "happy", mean_votes: null, mean: ["0.333", "0.567", "0.100"],
  });
  assert.deepEqual([second?.track_id, second?.from_s, second?.dominant], [2, 0.2, "neutral"]);
  assert.deepEqual(Object.values(second?.mean_votes ?? {}).map((share) => share.toFixed(1)), ["0.3", "0.2", "0.5"]);
});
