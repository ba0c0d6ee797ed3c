/** Single frames of a video, beside the video that is being shown. */

import { create } from "../dom.js";
import { loadedZero, seekFrame } from "./clock.js";

export class Stills {
  #video = create("video", { muted: true, preload: "auto" });
  #zeroS;
  /** @type {Promise<unknown>} the frame that was asked for last */
  #last = Promise.resolve();

  /** @param {string} source the video's address */
  constructor(source) {
    this.#zeroS = loadedZero(this.#video);
    this.#video.src = source;
  }

  /**
   * Calls `use` while the element shows the frame of a time, one such time after the other; never where the browser
   * cannot play the video.
   * @param {number} timeS @param {(video: HTMLVideoElement) => void} use
   */
  at(timeS, use) {
    this.#last = this.#last.then(async () => {
      const zeroS = await this.#zeroS;
      if (Number.isNaN(zeroS)) return;
      await seekFrame(this.#video, zeroS + timeS);
      use(this.#video);
    });
  }
}
