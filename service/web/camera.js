/** The camera: opened on request, frames one at a time, and really off when stopped. */

import { Problem } from "./problem.js";

const LONGEST_SIDE = 640; // enough for a face across the room; more would only cost time
const JPEG_QUALITY = 0.8;

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
 */
export async function openCamera(video, signal) {
  if (!window.isSecureContext || !navigator.mediaDevices?.getUserMedia) {
    throw new Problem(
      "The browser gives no camera to this address",
      "Cameras need a secure page: open this one over https, or as http://localhost on the machine that serves it.",
    );
  }
  const wanted = { width: { ideal: 1280 }, height: { ideal: 720 }, facingMode: "user" };
  let media;
  try {
    media = await navigator.mediaDevices.getUserMedia({ video: wanted, audio: false });
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

function release(media, video) {
  media?.getTracks().forEach((track) => track.stop());
  video.srcObject = null;
}

/** @typedef {{bitmap: ImageBitmap, jpeg: ArrayBuffer, capturedAt: number}} Frame milliseconds of performance.now() */

class Camera {
  #video;
  #media;
  #canvas = document.createElement("canvas");

  constructor(video, media) {
    this.#video = video;
    this.#media = media;
    const [track] = media.getVideoTracks();
    // People know their own face from the mirror; what a rear camera sees must stay as it is.
    this.mirrored = track.getSettings().facingMode !== "environment";
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

  /**
   * The frame in view: the bitmap to paint when its answer comes, and the JPEG to send.
   * @returns {Promise<Frame>}
   */
  async grab(capturedAt) {
    const bitmap = await createImageBitmap(this.#video);
    const scale = Math.min(1, LONGEST_SIDE / Math.max(bitmap.width, bitmap.height));
    this.#canvas.width = Math.round(bitmap.width * scale);
    this.#canvas.height = Math.round(bitmap.height * scale);
    this.#canvas.getContext("2d").drawImage(bitmap, 0, 0, this.#canvas.width, this.#canvas.height);
    const file = await new Promise((resolve) => this.#canvas.toBlob(resolve, "image/jpeg", JPEG_QUALITY));
    return { bitmap, jpeg: await file.arrayBuffer(), capturedAt };
  }

  stop() {
    release(this.#media, this.#video);
  }
}
