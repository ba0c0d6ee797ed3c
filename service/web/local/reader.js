/** "Run it in this browser": the same model on this machine, so that no pixel leaves it. */

import { LONGEST_SIDE_PX } from "../input/camera.js";
import { pixelsOf } from "../input/picture.js";
import { address } from "../remote/address.js";
import { keyHeaders } from "../remote/key.js";
import { Problem } from "../remote/problem.js";

/**
 * @typedef {import("../types.d.ts").Reading} Reading
 * @typedef {import("../types.d.ts").CameraFrame} CameraFrame
 * @typedef {import("../types.d.ts").StreamListener} StreamListener
 * @typedef {import("../contract.d.ts").ModelDescription} ModelDescription
 * @typedef {import("./worker.js").Options} Options
 * @typedef {import("./worker.js").Task} Task
 */

const FAILED = "This browser could not run the model";

/** The model in a worker, which is started when it is first needed. */
export class LocalReader {
  #setup;
  /** @type {Worker | null} */
  #worker = null;
  /** @type {Promise<void> | null} */
  #opened = null;
  /** @type {Map<number, {resolve: (result: any) => void, reject: (problem: Problem) => void}>} */
  #tasks = new Map();
  #id = 0;

  /**
   * @param {string} runtime address of ONNX Runtime @param {ModelDescription} description
   * @param {import("../contract.d.ts").Limits} limits
   */
  constructor(runtime, description, { defaults, smallest_face_share: leastShare }) {
    this.#setup = {
      runtime: address(runtime).href,
      model: address("v1/model/file").href,
      cascade: address("cascade.xml").href,
      description,
      maxFaces: defaults.max_faces,
      leastShare,
    };
    this.description = description;
  }

  /** Raises Problem. */
  open() {
    this.#opened ??= this.#start();
    return this.#opened;
  }

  /** The faces of an image. Raises Problem. @param {ImageData} pixels @param {Options} [options] @returns {Promise<Reading>} */
  async read(pixels, options = {}) {
    await this.open();
    return this.#ask({ pixels, options }, [pixels.data.buffer]);
  }

  async #start() {
    const worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
    this.#worker = worker;
    worker.onmessage = ({ data: { id, result, error } }) => {
      const task = this.#tasks.get(id);
      this.#tasks.delete(id);
      if (error === undefined) task?.resolve(result);
      else task?.reject(new Problem(FAILED, error));
    };
    worker.onerror = (event) => {
      const problem = new Problem(FAILED, event.message ?? "Its worker did not start.");
      this.#tasks.forEach(({ reject }) => reject(problem));
      this.#tasks.clear();
    };
    try {
      await this.#ask({ open: { ...this.#setup, headers: keyHeaders() } });
    } catch (error) {
      this.#opened = null; // the next call tries again
      worker.terminate();
      throw error;
    }
  }

  /** @param {Task} task @param {Transferable[]} [transfer] @returns {Promise<any>} */
  #ask(task, transfer = []) {
    this.#id += 1;
    return new Promise((resolve, reject) => {
      this.#tasks.set(this.#id, { resolve, reject });
      this.#worker?.postMessage({ id: this.#id, ...task }, transfer);
    });
  }
}

/** Frames of a live session, read by a LocalReader; used like a Stream. */
export class LocalStream {
  #listener;
  #reader;
  #minFacePx;
  #frameId = 0;
  #busy = true;
  #ended = false;

  /** @param {StreamListener} listener @param {LocalReader} reader @param {number} minFacePx */
  constructor(listener, reader, minFacePx) {
    this.#listener = listener;
    this.#reader = reader;
    this.#minFacePx = minFacePx;
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
    try {
      const reading = await this.#reader.read(pixelsOf(frame.bitmap, LONGEST_SIDE_PX), { minFacePx: this.#minFacePx });
      if (this.#ended) frame.bitmap.close();
      else this.#listener.onResult({ ...reading, frame_id: frameId }, frame);
    } catch (error) {
      frame.bitmap.close();
      this.#tellTrouble(error);
    } finally {
      this.#busy = false;
    }
  }

  /** Every answer holds the heatmaps of all labels. @param {{min_face_px?: number}} options */
  update({ min_face_px: minFacePx = this.#minFacePx }) {
    this.#minFacePx = minFacePx;
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
