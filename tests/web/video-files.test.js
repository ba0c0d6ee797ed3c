import assert from "node:assert/strict";
import { test } from "node:test";

import { VideoFrames } from "../../service/web/modes/frames.js";
import { videoChoices } from "../../service/web/modes/video-files.js";
import { face, frame, summary } from "./faces.js";

/** The names of the files that are offered. @param {{isRead: boolean, isLocal: boolean, isBeingMade?: boolean}} given */
function names({ isRead, isLocal, isBeingMade = false }) {
  const page = /** @type {any} */ ({ stage: { scene: null }, local: { reader: isLocal ? {} : null } });
  const frames = new VideoFrames(5);
  frames.add(frame(0, 0, face("happy", 20)));
  if (isRead) frames.add(summary(1));
  return videoChoices(page, frames, null, isBeingMade ? null : async () => new Blob()).map(([, name]) => name);
}

const READINGS = ["video.ndjson", "video.csv", "video.vtt"];

test("the annotated video is offered of a video that the service has read", () => {
  assert.deepEqual(names({ isRead: true, isLocal: false }), [...READINGS, "video.mp4"]);
});

test("it is not offered while the video is read, or while it is being made", () => {
  assert.deepEqual(names({ isRead: false, isLocal: false }), READINGS);
  assert.deepEqual(names({ isRead: true, isLocal: false, isBeingMade: true }), READINGS);
});

test("it is not offered where the browser reads, and the file is not sent", () => {
  assert.deepEqual(names({ isRead: true, isLocal: true }), READINGS);
});
