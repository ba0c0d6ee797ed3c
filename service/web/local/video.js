/** A video read in this browser: the lines that the service would send. */

import { create } from "../dom.js";
import { LONGEST_SIDE_PX } from "../input/camera.js";
import { pixelsOf, sizeOf } from "../input/picture.js";
import { endOf, loadedZero, seek } from "../input/clock.js";
import { Problem } from "../remote/problem.js";

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
 * @param {{minFacePx?: number, fromS?: number, toS?: number}} [part] `minFacePx`: in pixels of the video; `fromS`, `toS`: by
 *   default the whole video
 * @returns {AsyncGenerator<{value: VideoLine, text: string}>}
 */
export async function* readVideo(source, reader, fps, signal, { minFacePx, fromS = 0, toS = Infinity } = {}) {
  const { video, zeroS } = await open(source);
  const durationS = (await endOf(video)) - zeroS;
  let index = 0;
  for (let timeS = fromS; timeS < Math.min(durationS, toS) && !signal.aborted; timeS = fromS + index / fps) {
    await seek(video, zeroS + timeS);
    const pixels = pixelsOf(video, LONGEST_SIDE_PX);
    const scale = sizeOf(video).width / pixels.width;
    const { faces, searched_from_px: searchedPx } = await reader.read(pixels, { minFacePx: minFacePx && minFacePx / scale });
    const searched = searchedPx ? Math.ceil(searchedPx * scale) : null;
    yield line({ type: "frame", index, time_s: timeS, faces: faces.map((face) => enlarged(face, scale)), searched_from_px: searched });
    index += 1;
  }
  yield line({ type: "summary", duration_s: durationS, frames_read: index, frames_analysed: index, tracks: [] });
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

/** In pixels of the video; without heatmaps, which fit this one frame only. @param {PageFace} face @param {number} scale @returns {PageFace} */
function enlarged({ heatmaps: _, heatmap_peaks: __, ...face }, scale) {
  const { x, y, width, height } = face.box;
  const box = { x: scaled(x), y: scaled(y), width: scaled(width), height: scaled(height) };
  return { ...face, box, explanations: [] };

  /** @param {number} value */
  function scaled(value) {
    return Math.round(value * scale);
  }
}
