/** A live session: the camera's frames to the stream, as fast as answers come back and no faster. */

import { openCamera } from "./camera.js";
import { Stream } from "./stream.js";

/**
 * @typedef {import("./stream.js").Listener & {onCameraEnded: () => void}} LiveListener
 */

export class Live {
  #listener;
  #options;
  #abort = new AbortController();
  #camera = null;
  #stream = null;

  /**
   * @param {LiveListener} listener
   * @param {object} options the stream's configuration
   */
  constructor(listener, options) {
    this.#listener = listener;
    this.#options = options;
  }

  get mirrored() {
    return this.#camera?.mirrored ?? true;
  }

  /** Raises Problem. @returns {Promise<boolean>} false where stop() came first */
  async start(video) {
    this.#camera = await openCamera(video, this.#abort.signal);
    if (this.#camera === null) return false;
    this.#camera.onended = () => this.#listener.onCameraEnded();
    this.#stream = new Stream(this.#listener, this.#options);
    this.#run();
    return true;
  }

  update(options) {
    this.#options = { ...this.#options, ...options };
    this.#stream?.update(options);
  }

  wake() {
    this.#stream?.wake();
  }

  stop() {
    this.#abort.abort();
    this.#camera?.stop();
    this.#stream?.end();
  }

  async #run() {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      const capturedAt = await this.#camera.nextFrame();
      if (signal.aborted || document.hidden || !this.#stream.hasCredit) continue;
      try {
        this.#stream.send(await this.#camera.grab(capturedAt));
      } catch {
        // A camera that is just going away has no frame to give; the next one tells.
      }
    }
  }
}
