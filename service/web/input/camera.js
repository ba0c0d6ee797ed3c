/** The camera: opened on request, read one frame at a time, and switched off when stopped. */

import { Problem } from "../remote/problem.js";

export const LONGEST_SIDE_PX = 640; // finds a face across the room; more pixels cost time and find no more

/** @type {Record<string, [title: string, detail: string]>} by the name of the browser's error */
const PROBLEMS = {
  NotFoundError: ["No camera was found", "Connect one and try again, or choose a picture instead."],
  NotAllowedError: [
    "The camera is not allowed",
    "Allow it for this page in the browser's address bar, then try again. A picture works without it.",
  ],
  NotReadableError: [
    "The camera is busy",
    "Another program or tab may be using it. Close that one, then try again.",
  ],
};

/** @param {unknown} given */
function cameraProblem(given) {
  const error = given instanceof Error ? given : new Error(String(given));
  const [title, detail] = PROBLEMS[error.name] ?? ["The camera did not start", `The browser says: ${error.message}`];
  return new Problem(title, detail);
}

/**
 * Asks for the camera and plays it in `video`.
 * @param {HTMLVideoElement} video
 * @param {AbortSignal} signal aborted when Stop is pressed while the browser asks for permission
 * @param {string | null} deviceId of the chosen camera; another is opened where it is gone
 * @returns {Promise<Camera | null>} null where `signal` came first; raises Problem
 */
export async function openCamera(video, signal, deviceId) {
  if (!window.isSecureContext || !navigator.mediaDevices?.getUserMedia) {
    throw new Problem(
      "The browser gives no camera to this address",
      "Cameras need a secure page: open this one over https, or as http://localhost on the machine that serves it.",
    );
  }
  /** @type {MediaStream | undefined} */
  let media;
  try {
    media = await mediaOf(deviceId);
    if (!signal.aborted) {
      video.srcObject = media;
      await video.play();
    }
  } catch (error) {
    release(media, video);
    if (!signal.aborted) throw cameraProblem(error);
  }
  if (signal.aborted || media === undefined) {
    release(media, video);
    return null;
  }
  return new Camera(video, media);
}

/** @param {string | null} deviceId */
async function mediaOf(deviceId) {
  if (deviceId) {
    try {
      return await ask({ deviceId: { exact: deviceId } }); // without `exact`, browsers do not always take it
    } catch (error) {
      if (!(error instanceof Error) || error.name !== "OverconstrainedError") throw error;
    }
  }
  return ask({ facingMode: "user" });
}

/** @param {MediaTrackConstraints} which */
const ask = (which) =>
  navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 }, height: { ideal: 720 }, ...which }, audio: false });

/** @param {MediaStream | undefined} media @param {HTMLVideoElement} video */
function release(media, video) {
  media?.getTracks().forEach((track) => track.stop());
  video.srcObject = null;
}

export class Camera {
  #video;
  #media;

  /** @param {HTMLVideoElement} video @param {MediaStream} media */
  constructor(video, media) {
    this.#video = video;
    this.#media = media;
    const [track] = media.getVideoTracks();
    // A front camera shows a face, which people know from the mirror; a rear camera's picture is not turned.
    const settings = track.getSettings();
    this.mirrored = settings.facingMode !== "environment";
    this.deviceId = settings.deviceId ?? "";
  }

  /** @param {() => void} callback called when the camera is unplugged or its permission withdrawn */
  set onended(callback) {
    this.#media.getVideoTracks()[0].onended = callback;
  }

  /** Resolves when the camera shows a new frame, with the time of its capture. @returns {Promise<number>} */
  nextFrame() {
    return new Promise((resolve) => {
      if ("requestVideoFrameCallback" in this.#video) {
        this.#video.requestVideoFrameCallback((now, frame) => resolve(Math.min(frame.captureTime ?? now, now)));
      } else {
        requestAnimationFrame(resolve);
      }
    });
  }

  /**
   * The frame in view.
   * @param {number} capturedAt
   * @returns {Promise<import("../types.d.ts").CameraFrame>}
   */
  async grab(capturedAt) {
    return { bitmap: await createImageBitmap(this.#video), capturedAt };
  }

  stop() {
    release(this.#media, this.#video);
  }
}
