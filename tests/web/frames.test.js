import assert from "node:assert/strict";
import { test } from "node:test";

import { VideoFrames } from "../../service/web/modes/frames.js";
import { face, frame, summary, voted } from "./faces.js";

const FPS = 5;

/** @param {Parameters<VideoFrames["add"]>[0][]} lines */
function read(...lines) {
  const frames = new VideoFrames(FPS);
  for (const line of lines) frames.add(line);
  return frames;
}

/** Where the first face is at each time; null where nothing is known. @param {VideoFrames} frames @param {number[]} times */
const places = (frames, ...times) =>
  times.map((timeS) => {
    const x = frames.facesAt(timeS)?.[0]?.box.x ?? null;
    return x === null ? null : Math.round(x);
  });

test("a box moves in a straight line from frame to frame", () => {
  const frames = read(frame(0, 0.2, face("happy", 40)), frame(1, 0.4, face("happy", 60)));
  assert.deepEqual(places(frames, 0.1, 0.2, 0.25, 0.3, 0.4), [40, 40, 45, 50, 60]);
});

test("the label is that of the largest share on the way", () => {
  const frames = read(frame(0, 0, face("happy", 0)), frame(1, 0.2, face("angry", 0)));
  assert.deepEqual([0.05, 0.15].map((timeS) => frames.facesAt(timeS)?.[0]?.emotion), ["happy", "angry"]);
  const half = frames.facesAt(0.1)?.[0];
  assert.ok(half && Math.abs(half.confidence - 0.45) < 1e-9);
  assert.ok(Math.abs(Object.values(half.emotions).reduce((a, b) => a + b) - 1) < 1e-9);
});

test("votes change along with the shares, and stay null where there are none", () => {
  const frames = read(frame(0, 0, voted(face("happy", 0), [0, 1, 0])), frame(1, 0.2, voted(face("happy", 0), [1, 0, 0])));
  assert.deepEqual(frames.facesAt(0.1)?.[0]?.votes, { angry: 0.5, happy: 0.5, neutral: 0 });
  assert.equal(read(frame(0, 0, face("happy", 0)), frame(1, 0.2, face("angry", 0))).facesAt(0.1)?.[0]?.votes, null);
});

test("where frames lie far apart, the picture and its faces stand still", () => {
  const frames = read(frame(0, 0, face("happy", 40)), frame(1, 5, face("happy", 60)));
  assert.deepEqual(places(frames, 1, 4.9, 5), [40, 40, 60]);
});

test("what has not been read is null, not empty", () => {
  assert.equal(read().facesAt(0), null);
  const frames = read(frame(0, 0));
  assert.deepEqual(frames.facesAt(0), []);
  assert.deepEqual(frames.facesAt(0.19), []);
  assert.equal(frames.facesAt(0.21), null);
  assert.equal(frames.facesAt(60), null);
});

test("a video that was read to its end shows its last frame's faces until then", () => {
  const frames = read(frame(0, 0, face("happy", 40)), summary(2));
  assert.deepEqual(places(frames, 0.2, 1, 2), [40, 40, 40]);
  assert.equal(frames.readS, 2);
});

test("a video without a frame stays unread", () => {
  assert.equal(read(summary(2)).facesAt(0), null);
});

test("faces are told apart by track, and by place where there is none", () => {
  const crossing = read(frame(0, 0, face("happy", 0, 1), face("angry", 100, 2)), frame(1, 0.2, face("angry", 0, 2), face("happy", 100, 1)));
  assert.deepEqual(crossing.facesAt(0.1)?.map(({ box }) => box.x), [50, 50]);
  const local = read(frame(0, 0, face("happy", 0, null)), frame(1, 0.2, face("angry", 500, null), face("happy", 20, null)));
  assert.deepEqual(places(local, 0.1), [10]);
});

test("a part that is read out of turn is known, and nothing between", () => {
  const frames = read(frame(0, 0, face("happy", 0)), frame(1, 0.2, face("happy", 20)));
  assert.deepEqual(frames.unreadFrom(5.1), { fromS: 5 }, "on the grid of a reading from the start");
  frames.begin({ fromS: 5 });
  for (const line of [frame(0, 5, face("angry", 100)), frame(1, 5.2, face("angry", 120))]) frames.add(line);
  assert.deepEqual(places(frames, 0.1, 1, 4.9, 5, 5.1, 5.3, 5.5), [10, null, null, 100, 110, 120, null]);
  const rounded = (/** @type {[number, number][]} */ gaps) => gaps.map((gap) => gap.map((timeS) => Number(timeS.toFixed(3))));
  assert.deepEqual(rounded(frames.unread(10)), [[0.4, 5], [5.4, 10]]);
  assert.deepEqual([frames.isRead(5.3), frames.isRead(0.5), frames.summary], [true, false, null]);
  assert.equal(frames.readS.toFixed(3), "0.600", "how long the last frame lasts is not known");
});

/** Two faces that move apart, in ten frames. @param {number} from @param {number} to */
const apart = (from, to) =>
  Array.from({ length: to - from }, (_, i) => {
    const [index, x] = [i, 20 * (from + i)];
    return frame(index, (from + i) / FPS, face("happy", x, 1), face("angry", 1000 - x, 2));
  });

test("parts become what one reading from the start gives: frames, numbers of faces, summary", () => {
  const whole = new VideoFrames(FPS);
  for (const line of apart(0, 10)) whole.add(line);
  const parts = new VideoFrames(FPS);
  for (const line of apart(0, 3)) parts.add(line);
  parts.begin({ fromS: 1.4 });
  // Another reading counts from the beginning again.
  for (const { faces, ...line } of apart(7, 10)) parts.add({ ...line, faces: faces.map((one) => ({ ...one, track_id: 3 - (one.track_id ?? 0) })) });
  assert.deepEqual(parts.moments.at(-1)?.faces.map(({ track_id: track }) => track), [1, 2], "known again at once");
  parts.add(summary(2));
  const half = parts.summary;
  assert.equal(half, null);
  const gap = parts.unreadFrom(0);
  assert.deepEqual([gap?.fromS.toFixed(3), gap?.toS], ["0.600", 1.4]);
  assert.ok(gap);
  parts.begin(gap);
  for (const line of apart(3, 7)) parts.add(line);
  parts.add(summary(2));
  assert.deepEqual(parts.moments, whole.moments.map((moment, index) => ({ ...moment, index })));
  assert.deepEqual(parts.summary?.tracks.map(({ track_id: track, from_s: fromS, to_s: toS, dominant }) => [track, fromS, toS, dominant]), [
    [1, 0, 1.8, "happy"],
    [2, 0, 1.8, "angry"],
  ]);
  assert.deepEqual([parts.summary?.frames_analysed, parts.readS, parts.unread(2)], [10, 2, []]);
  assert.equal(parts.texts.length, 11);
});
