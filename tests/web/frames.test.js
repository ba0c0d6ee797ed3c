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

test("what was read ahead is known where the reading has not come to, and nothing between", () => {
  const frames = read(frame(0, 0, face("happy", 0)), frame(1, 0.2, face("happy", 20)));
  frames.addAhead(frame(0, 5, face("angry", 100)));
  frames.addAhead(frame(1, 5.2, face("angry", 120)));
  frames.addAhead(frame(0, 9, face("angry", 200)));
  assert.deepEqual(places(frames, 0.1, 1, 4.9, 5, 5.1, 5.3, 5.5, 9.1, 9.5), [10, null, null, 100, 110, 120, null, 200, null]);
  assert.equal(frames.facesAt(5)?.[0]?.track_id, null);
  assert.deepEqual(frames.moments.length, 2);
  frames.add(frame(2, 5.1, face("happy", 0)));
  assert.deepEqual(frames.ahead.map(({ time_s: timeS }) => timeS), [5.2, 9]);
});
