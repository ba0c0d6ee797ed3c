/** The camera: opened on request, frames one at a time, and really off when stopped. */

import { Problem } from "./problem.js";

export const LONGEST_SIDE = 640; // enough for a face across the room; more would only cost time

const PROBLEMS = {
  NotFoundError: ["No camera was found", "Connect one and try again, or choose a picture instead."],
  NotAllowedError: [
    "The camera is not allowed",
    "Allow it for this page in the browser's address bar, then try again. A picture works without it.",
  ],
  NotReadableError: [
    "The camera is busy",
    "Another program or tab seems to hold it. Close that one, then try again.",
  ],
};

function asProblem(error) {
  const [title, detail] = PROBLEMS[error.name] ?? ["The camera did not start", `The browser says: ${error.message}`];
  return new Problem(title, detail);
}

/**
 * Asks for the camera and plays it in `video`.
 * @param {HTMLVideoElement} video
 * @param {AbortSignal} signal someone may press Stop while the browser still asks
 * @param {string | null} deviceId of the camera that was chosen; another is taken where it is gone
 */
export async function openCamera(video, signal, deviceId) {
  if (!window.isSecureContext || !navigator.mediaDevices?.getUserMedia) {
    throw new Problem(
      "The browser gives no camera to this address",
      "Cameras need a secure page: open this one over https, or as http://localhost on the machine that serves it.",
    );
  }
  let media;
  try {
    media = await mediaOf(deviceId);
    if (!signal.aborted) {
      video.srcObject = media;
      await video.play();
    }
  } catch (error) {
    release(media, video);
    if (!signal.aborted) throw asProblem(error);
  }
  if (signal.aborted) {
    release(media, video);
    return null;
  }
  return new Camera(video, media);
}

async function mediaOf(deviceId) {
  if (deviceId) {
    try {
      return await ask({ deviceId: { exact: deviceId } }); // a mere wish is not always heard
    } catch (error) {
      if (error.name !== "OverconstrainedError") throw error;
    }
  }
  return ask({ facingMode: "user" });
}

const ask = (which) =>
  navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 }, height: { ideal: 720 }, ...which }, audio: false });

function release(media, video) {
  media?.getTracks().forEach((track) => track.stop());
  video.srcObject = null;
}

/** @typedef {{bitmap: ImageBitmap, capturedAt: number}} Frame milliseconds of performance.now() */

class Camera {
  #video;
  #media;

  constructor(video, media) {
    this.#video = video;
    this.#media = media;
    const [track] = media.getVideoTracks();
    // People know their own face from the mirror; what a rear camera sees must stay as it is.
    const settings = track.getSettings();
    this.mirrored = settings.facingMode !== "environment";
    this.deviceId = settings.deviceId;
  }

  /** @param {() => void} callback the camera went away by itself (unplugged, permission withdrawn) */
  set onended(callback) {
    this.#media.getVideoTracks()[0].onended = callback;
  }

  /** Resolves when the camera shows a new frame, with the moment it was captured. */
  nextFrame() {
    return new Promise((resolve) => {
      if (this.#video.requestVideoFrameCallback) {
        this.#video.requestVideoFrameCallback((now, frame) => resolve(Math.min(frame.captureTime ?? now, now)));
      } else {
        requestAnimationFrame(resolve);
      }
    });
  }

  /** The frame in view: the bitmap to paint when its answer comes. @returns {Promise<Frame>} */
  async grab(capturedAt) {
    return { bitmap: await createImageBitmap(this.#video), capturedAt };
  }

  stop() {
    release(this.#media, this.#video);
  }
}
