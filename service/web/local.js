/** "Run it in this browser": the same model on this machine, so that no pixel leaves it. */

import { address } from "./address.js";
import { LONGEST_SIDE } from "./camera.js";
import { pixelsOf } from "./picture.js";
import { Problem } from "./problem.js";

/** The model in a worker, loaded when it is first needed. */
export class LocalReader {
  #given;
  /** @type {Worker | null} */
  #worker = null;
  #opened = null;
  #tasks = new Map();
  #id = 0;

  /** @param {string} runtime address of ONNX Runtime @param {object} description GET /v1/model's answer */
  constructor(runtime, description) {
    const addresses = { runtime, model: "v1/model/file", cascade: "cascade.xml" };
    const absolute = Object.entries(addresses).map(([name, path]) => [name, address(path).href]);
    this.#given = { ...Object.fromEntries(absolute), description };
    this.description = description;
  }

  /** Raises Problem. */
  open() {
    this.#opened ??= this.#start();
    return this.#opened;
  }

  /**
   * A Result like the server's. Raises Problem.
   * @param {ImageData} pixels
   * @param {{whole?: boolean, minFacePx?: number}} [options]
   */
  async read(pixels, options = {}) {
    await this.open();
    return this.#ask({ pixels, options }, [pixels.data.buffer]);
  }

  async #start() {
    this.#worker = new Worker(new URL("reader.worker.js", import.meta.url), { type: "module" });
    this.#worker.onmessage = ({ data: { id, result, error } }) => {
      const { resolve, reject } = this.#tasks.get(id);
      this.#tasks.delete(id);
      if (error === undefined) resolve(result);
      else reject(new Problem("This browser could not run the model", error));
    };
    this.#worker.onerror = (event) => {
      const problem = new Problem("This browser could not run the model", event.message ?? "Its worker did not start.");
      this.#tasks.forEach(({ reject }) => reject(problem));
      this.#tasks.clear();
    };
    try {
      await this.#ask({ open: this.#given });
    } catch (error) {
      this.#opened = null; // the next one tries again
      this.#worker.terminate();
      throw error;
    }
  }

  #ask(task, transfer = []) {
    this.#id += 1;
    return new Promise((resolve, reject) => {
      this.#tasks.set(this.#id, { resolve, reject });
      this.#worker.postMessage({ id: this.#id, ...task }, transfer);
    });
  }
}

/** Frames of a live session to a LocalReader; to be used as a Stream is. */
export class LocalStream {
  #listener;
  #reader;
  #minFacePx;
  #frameId = 0;
  #busy = true;
  #ended = false;

  /**
   * @param {import("./stream.js").Listener} listener
   * @param {LocalReader} reader
   * @param {number} minFacePx
   */
  constructor(listener, reader, minFacePx) {
    this.#listener = listener;
    this.#reader = reader;
    this.#minFacePx = minFacePx;
    this.#open();
  }

  get hasCredit() {
    return !this.#busy && !this.#ended;
  }

  /** @param {import("./camera.js").Frame} frame */
  async send(frame) {
    this.#busy = true;
    this.#frameId += 1;
    const frameId = this.#frameId;
    try {
      const result = await this.#reader.read(pixelsOf(frame.bitmap, LONGEST_SIDE), { minFacePx: this.#minFacePx });
      if (this.#ended) frame.bitmap.close();
      else this.#listener.onResult({ ...result, frame_id: frameId }, frame);
    } catch (error) {
      frame.bitmap.close();
      this.#tell(error);
    } finally {
      this.#busy = false;
    }
  }

  /** Heatmaps of all labels come with every answer; there is nothing to ask for. */
  update() {}

  wake() {}

  end() {
    this.#ended = true;
  }

  async #open() {
    try {
      await this.#reader.open();
      if (this.#ended) return;
      const { labels, crop_margin } = this.#reader.description;
      this.#listener.onSession({ labels, model: { crop_margin } });
      this.#busy = false;
    } catch (error) {
      this.#tell(error);
    }
  }

  #tell(error) {
    if (!this.#ended) this.#listener.onTrouble("local", error.detail ?? String(error));
  }
}
