/** What is said of a video, and how large it is where the browser cannot tell. */

import { Problem } from "../remote/problem.js";
import { clock } from "../view/format.js";

/** @param {import("./frames.js").Summary} summary */
export function outcome({ duration_s: durationS, frames_analysed: frames, tracks }) {
  const faces = tracks.map((track) => `face ${track.track_id} mostly ${track.dominant} (${clock(track.from_s)} to ${clock(track.to_s)})`);
  return [`${frames} frames of ${clock(durationS)} read`, ...faces].join("; ");
}

/** How far the reading is, such as "0:06 of 1:00". @param {number} readS @param {number} lengthS 0: not known */
export const reached = (readS, lengthS) => (lengthS > 0 ? `${clock(readS)} of ${clock(lengthS)}` : clock(readS));

/** What is said where nothing was read. @param {boolean} isEnded @param {boolean} isStopped before its end @param {string} asFarAs */
export function unread(isEnded, isStopped, asFarAs) {
  if (isEnded) return { title: "Not read", detail: "No frame of this video was read." };
  return isStopped
    ? { title: "Not read", detail: `Not read: the reading stopped at ${asFarAs}` }
    : { title: "Still reading", detail: `Reading: ${asFarAs}` };
}

/** Why the reading stopped after its first frame. @param {unknown} error */
export function stoppedBy(error) {
  const { title, detail } =
    error instanceof Problem ? error : new Problem("The server does not answer", "Check that it is running, then try again.");
  return new Problem(title, `${detail} What was read before is kept.`);
}

/** A face in the captions over the video. @param {import("../types.d.ts").PageFace} face */
export const caption = ({ track_id: track, emotion }) => (track === null ? emotion : `face ${track}: ${emotion}`);

/** The part of a video's frame that holds all its faces. @param {import("../types.d.ts").Moment[]} moments */
export function extent(moments) {
  const boxes = moments.flatMap(({ faces }) => faces.map(({ box }) => box));
  return {
    width: Math.max(1, ...boxes.map(({ x, width }) => x + width)),
    height: Math.max(1, ...boxes.map(({ y, height }) => y + height)),
  };
}
