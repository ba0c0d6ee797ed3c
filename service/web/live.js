/** A live session: the camera's frames to what reads them, as fast as answers come back and no faster. */

import { openCamera } from "./camera.js";

/**
 * @typedef {import("./stream.js").Stream | import("./local.js").LocalStream} FrameReader
 */

export class Live {
  #onCameraEnded;
  #open;
  #abort = new AbortController();
  #camera = null;
  /** @type {FrameReader | null} */
  #reader = null;

  /**
   * @param {() => FrameReader} open called once the camera is there
   * @param {() => void} onCameraEnded
   */
  constructor(open, onCameraEnded) {
    this.#open = open;
    this.#onCameraEnded = onCameraEnded;
  }

  /** What the camera's picture should be by default, and which camera it is. */
  get camera() {
    return this.#camera;
  }

  /** Raises Problem. @returns {Promise<boolean>} false where stop() came first */
  async start(video, deviceId) {
    this.#camera = await openCamera(video, this.#abort.signal, deviceId);
    if (this.#camera === null) return false;
    this.#camera.onended = this.#onCameraEnded;
    this.#reader = this.#open();
    this.#run();
    return true;
  }

  update(options) {
    this.#reader?.update(options);
  }

  wake() {
    this.#reader?.wake();
  }

  stop() {
    this.#abort.abort();
    this.#camera?.stop();
    this.#reader?.end();
  }

  async #run() {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      const capturedAt = await this.#camera.nextFrame();
      if (signal.aborted || document.hidden || !this.#reader.hasCredit) continue;
      try {
        await this.#reader.send(await this.#camera.grab(capturedAt));
      } catch {
        // A camera that is just going away has no frame to give; the next one tells.
      }
    }
  }
}
