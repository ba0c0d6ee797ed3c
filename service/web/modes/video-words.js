/** What is said of a video, and how large it is where the browser cannot tell. */

import { clock } from "../view/format.js";

/** @param {import("./frames.js").Summary} summary */
export function outcome({ duration_s: durationS, frames_analysed: frames, tracks }) {
  const faces = tracks.map((track) => `face ${track.track_id} mostly ${track.dominant} (${clock(track.from_s)} to ${clock(track.to_s)})`);
  return [`${frames} frames of ${clock(durationS)} read`, ...faces].join("; ");
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
