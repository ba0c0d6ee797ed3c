/** Frames of a live session, read by this browser; used like a session with the service. */

import { LONGEST_SIDE_PX } from "../input/camera.js";
import { pixelsOf } from "../input/picture.js";
import { Problem } from "../remote/problem.js";
import { Tracker } from "./tracker.js";

/**
 * @typedef {import("../types.d.ts").CameraFrame} CameraFrame
 * @typedef {import("../contract.d.ts").StreamOptions} StreamOptions
 * @typedef {Partial<Pick<StreamOptions, "detector" | "min_face_px">>} Options those of the service that mean something here
 */

export class LocalStream {
  #listener;
  #reader;
  #tracker = new Tracker();
  /** @type {Options} */
  #options;
  #frameId = 0;
  #busy = true;
  #ended = false;

  /**
   * @param {import("../types.d.ts").StreamListener} listener @param {import("./reader.js").LocalReader} reader
   * @param {Options} options
   */
  constructor(listener, reader, options) {
    this.#listener = listener;
    this.#reader = reader;
    this.#options = options;
    this.#open();
  }

  get hasCredit() {
    return !this.#busy && !this.#ended;
  }

  /** @param {CameraFrame} frame */
  async send(frame) {
    this.#busy = true;
    this.#frameId += 1;
    const frameId = this.#frameId;
    const { detector, min_face_px: minFacePx } = this.#options;
    try {
      const pixels = pixelsOf(frame.bitmap, LONGEST_SIDE_PX);
      const reading = await this.#reader.read(pixels, { detector: detector ?? undefined, minFacePx: minFacePx ?? undefined });
      const faces = this.#tracker.follow(reading.faces, frame.capturedAt / 1000);
      if (this.#ended) frame.bitmap.close();
      else this.#listener.onResult({ ...reading, faces, frame_id: frameId }, frame);
    } catch (error) {
      frame.bitmap.close();
      this.#tellTrouble(error);
    } finally {
      this.#busy = false;
    }
  }

  /** Every answer holds the heatmaps of all labels. @param {Options} options those that change */
  update(options) {
    this.#options = { ...this.#options, ...options };
  }

  wake() {}

  end() {
    this.#ended = true;
  }

  async #open() {
    try {
      await this.#reader.open();
      if (this.#ended) return;
      this.#listener.onSession({ labels: this.#reader.description.labels });
      this.#busy = false;
    } catch (error) {
      this.#tellTrouble(error);
    }
  }

  /** @param {unknown} error */
  #tellTrouble(error) {
    if (!this.#ended) this.#listener.onTrouble("local", error instanceof Problem ? error.detail : String(error));
  }
}
