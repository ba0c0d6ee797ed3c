/** A video read in this browser: the lines that the service would send. */

import { create } from "../dom.js";
import { pixelsOf } from "../input/picture.js";
import { endOf, lastFrame, loadedZero, seekFrame } from "../input/clock.js";
import { Problem } from "../remote/problem.js";
import { FirstFrames, SLACK_S } from "./first-frames.js";
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
  const frames = new FirstFrames(async (timeS) => {
    const shownS = await seekFrame(video, zeroS + timeS);
    return shownS === null ? null : shownS - zeroS;
  });
  const [tracker, timeline] = [new Tracker(), new Timeline()];
  let [durationS, lastS, index] = [0, -Infinity, 0];
  for (let place = 0, fromPlaceS = fromS; fromPlaceS < toS && !signal.aborted; fromPlaceS = fromS + ++place / fps) {
    // More of the file may be loaded by now.
    if (fromPlaceS > lastS + SLACK_S) {
      const endS = await endOf(video);
      [durationS, lastS] = [endS - zeroS, (await lastFrame(video, endS)) - zeroS];
      if (fromPlaceS > lastS + SLACK_S) break; // though sound may go on
    }
    const foundS = await frames.find(fromPlaceS, Math.min(toS, fromS + (place + 1) / fps));
    if (foundS === null) continue;
    const timeS = microseconds(foundS);
    const { faces: found, searched_from_px: searchedPx = null } = await reader.read(pixelsOf(video), options);
    const faces = tracker.follow(found, timeS).map(plain);
    timeline.add(faces, timeS);
    yield line({ type: "frame", index, time_s: timeS, faces, searched_from_px: searchedPx });
    index += 1;
  }
  yield line({ type: "summary", duration_s: durationS, frames_read: index, frames_analysed: index, tracks: timeline.tracks });
}

/** As exactly as the service tells times. @param {number} timeS */
const microseconds = (timeS) => Math.round(timeS * 1e6) / 1e6;

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
