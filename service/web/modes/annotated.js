/** The video with its faces drawn, which the service makes while it reads the file once more. */

import { drawVideo } from "../remote/upload.js";
import { megabytes } from "../view/format.js";

export class Annotated {
  isBeingMade = false;
  #service;
  #file;
  #signal;

  /** @param {import("../remote/service.js").Service} service @param {File} file @param {AbortSignal} signal */
  constructor(service, file, signal) {
    this.#service = service;
    this.#file = file;
    this.#signal = signal;
  }

  /** Raises Problem. @param {import("../remote/upload.js").Options} options @param {(progress: string) => void} onProgress */
  async make(options, onProgress) {
    const tell = (/** @type {number} */ bytes) => onProgress(`Making the annotated video: ${megabytes(bytes)} so far`);
    this.isBeingMade = true;
    tell(0);
    try {
      const limits = await this.#service.requireLimits();
      return await drawVideo(this.#file, limits.max_video_bytes, this.#signal, options, tell);
    } finally {
      this.isBeingMade = false;
    }
  }
}
