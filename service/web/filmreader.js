/** A film's faces, line by line as the server's /v1/predict/video gives them, from the server or from this browser. */

import { LONGEST_SIDE } from "./camera.js";
import { jsonLines } from "./lines.js";
import { pixelsOf } from "./picture.js";
import { Problem } from "./problem.js";
import { upload } from "./upload.js";

export const FPS = 5;

/** Lines of the server; raises Problem before the first one, and what the connection raises after it. */
export async function* linesOfServer(file, limitBytes, signal) {
  const response = await upload(`v1/predict/video?fps=${FPS}`, file, limitBytes, signal);
  yield* jsonLines(response.body);
}

/**
 * The same lines, made here. Raises Problem.
 * @param {string} source the film's address
 * @param {import("./local.js").LocalReader} reader
 * @param {AbortSignal} signal
 */
export async function* linesOfBrowser(source, reader, signal) {
  const video = await seekable(source);
  const { duration, videoWidth: width } = video;
  let index = 0;
  for (let time = 0; time < duration && !signal.aborted; time = index / FPS) {
    await seek(video, time);
    const pixels = pixelsOf(video, LONGEST_SIDE);
    const scale = width / pixels.width;
    const { faces } = await reader.read(pixels);
    yield { type: "frame", index, time_s: time, faces: faces.map((face) => enlarged(face, scale)) };
    index += 1;
  }
  yield { type: "summary", duration_s: duration, frames_read: index, frames_analysed: index, tracks: [] };
}

async function seekable(source) {
  const video = Object.assign(document.createElement("video"), { src: source, muted: true, preload: "auto" });
  await new Promise((resolve, reject) => {
    video.onloadeddata = resolve;
    video.onerror = () =>
      reject(new Problem("This browser cannot play the film", "Without that it cannot read it either. The server may."));
  });
  return video;
}

function seek(video, time) {
  return new Promise((resolve) => {
    if (video.currentTime === time) {
      resolve();
      return;
    }
    video.addEventListener("seeked", resolve, { once: true });
    video.currentTime = time;
  });
}

/** In pixels of the film; without heatmaps, which belong to one frame alone. */
function enlarged({ heatmaps, ...face }, scale) {
  const box = Object.fromEntries(Object.entries(face.box).map(([name, value]) => [name, Math.round(value * scale)]));
  return { ...face, box, explanations: [] };
}
