/** A video read in this browser: the lines that the service would send. */

import { create } from "../dom.js";
import { pixelsOf } from "../input/picture.js";
import { endOf, loadedZero, seekFrame } from "../input/clock.js";
import { Problem } from "../remote/problem.js";
import { Timeline } from "./timeline.js";
import { Tracker } from "./tracker.js";

/**
 * @typedef {import("../types.d.ts").PageFace} PageFace
 * @typedef {import("../types.d.ts").VideoLine} VideoLine
 */

/**
 * The lines of a video's reading. Raises Problem.
 * @param {string} source the video's address
 * @param {import("./reader.js").LocalReader} reader
 * @param {number} fps frames to read per second
 * @param {AbortSignal} signal
 * @param {import("./worker.js").Options & {fromS?: number, toS?: number}} [options] `fromS`, `toS`: by default the whole video
 * @returns {AsyncGenerator<{value: VideoLine, text: string}>}
 */
export async function* readVideo(source, reader, fps, signal, { fromS = 0, toS = Infinity, ...options } = {}) {
  const { video, zeroS } = await open(source);
  let durationS = (await endOf(video)) - zeroS;
  const [tracker, timeline] = [new Tracker(), new Timeline()];
  let index = 0;
  for (let timeS = fromS; timeS < toS && !signal.aborted; timeS = fromS + index / fps) {
    // More of the file may be loaded by now.
    if (timeS >= durationS) durationS = (await endOf(video)) - zeroS;
    if (timeS >= durationS) break;
    await seekFrame(video, zeroS + timeS);
    const { faces: found, searched_from_px: searchedPx = null } = await reader.read(pixelsOf(video), options);
    const faces = tracker.follow(found, timeS).map(plain);
    timeline.add(faces, timeS);
    yield line({ type: "frame", index, time_s: timeS, faces, searched_from_px: searchedPx });
    index += 1;
  }
  yield line({ type: "summary", duration_s: durationS, frames_read: index, frames_analysed: index, tracks: timeline.tracks });
}

/** @param {VideoLine} value */
const line = (value) => ({ value, text: JSON.stringify(value) });

/** @param {string} source */
async function open(source) {
  const video = create("video", { muted: true, preload: "auto" });
  const zero = loadedZero(video);
  video.src = source;
  const zeroS = await zero;
  if (Number.isNaN(zeroS)) throw new Problem("This browser cannot play the video", "So it cannot read it either. The server may.");
  return { video, zeroS };
}

/** Without heatmaps, which fit this one frame only. @param {PageFace} face @returns {PageFace} */
const plain = ({ heatmaps: _, ...face }) => ({ ...face, explanations: [] });
