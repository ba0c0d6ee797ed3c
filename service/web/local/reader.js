/** "Run it in this browser": the same model on this machine, so that no pixel leaves it. */

import { address } from "../remote/address.js";
import { keyHeaders } from "../remote/key.js";
import { Problem } from "../remote/problem.js";

/**
 * @typedef {import("../types.d.ts").Reading} Reading
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
      files: { haar: address("cascade.xml").href, centerface: address("centerface.onnx").href },
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
