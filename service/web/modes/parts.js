/**
 * The reading of a whole video, part by part: where a person goes to a place that is not read, the reading goes on from
 * there, and comes back for the rest. One part at a time, as a client may have one video with the service.
 */

import { Problem } from "../remote/problem.js";

const REST_MS = 300; // a slider that is being moved is not followed to each place
const NEAR_S = 2; // so close, the reading is there soon
// The service may still be ending the part before: its place is free a little later.
const AGAIN_MS = 250;
const MOST_TRIES = 40;
const FULL = 503;

/**
 * @typedef {import("../types.d.ts").VideoLine} VideoLine
 * @typedef {import("./frames.js").Part} Part
 * @typedef {(part: Part, signal: AbortSignal) => AsyncGenerator<{value: VideoLine, text: string}>} Read
 */

export class Parts {
  #read;
  #frames;
  /** @type {number | null} where the reading is to go on */
  #wantedS = null;
  #abort = new AbortController(); // of the part that is being read
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {Read} read @param {import("./frames.js").VideoFrames} frames gets every line */
  constructor(read, frames) {
    this.#read = read;
    this.#frames = frames;
  }

  /**
   * Ends when all is read that is not among the frames. Raises Problem, and what the connection raises.
   * @param {AbortSignal} signal
   * @param {(line: VideoLine) => void} onLine it is among the frames already
   */
  async run(signal, onLine) {
    signal.addEventListener("abort", () => clearTimeout(this.#timer), { once: true });
    for (let part = this.#next(), isFirst = this.#frames.moments.length === 0; part && !signal.aborted; part = this.#next(), isFirst = false) {
      this.#frames.begin(part);
      this.#abort = new AbortController();
      try {
        await this.#readPart(part, AbortSignal.any([signal, this.#abort.signal]), isFirst ? 1 : MOST_TRIES, onLine);
      } catch (error) {
        if (!this.#abort.signal.aborted) throw error;
      }
    }
    clearTimeout(this.#timer);
  }

  /** A person has gone to a time that has not been read. @param {number} timeS */
  want(timeS) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#goTo(timeS), REST_MS);
  }

  /** @param {number} timeS */
  #goTo(timeS) {
    const aheadS = timeS - this.#frames.reachedS;
    if (this.#frames.isRead(timeS) || (aheadS >= 0 && aheadS < NEAR_S)) return;
    this.#wantedS = timeS;
    this.#abort.abort();
  }

  #next() {
    const wantedS = this.#wantedS;
    this.#wantedS = null;
    return (wantedS === null ? null : this.#frames.unreadFrom(wantedS)) ?? this.#frames.unreadFrom(0);
  }

  /** @param {Part} part @param {AbortSignal} signal @param {number} tries @param {(line: VideoLine) => void} onLine */
  async #readPart(part, signal, tries, onLine) {
    try {
      for await (const { value, text } of this.#read(part, signal)) {
        if (signal.aborted) return;
        this.#frames.add(value, text);
        onLine(value);
        if (value.type === "error") throw new Problem(value.title, value.detail);
        if (value.type === "summary") return;
      }
    } catch (error) {
      // Refused before its first line.
      if (tries <= 1 || !(error instanceof Problem) || error.status !== FULL || signal.aborted) throw error;
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      await this.#readPart(part, signal, tries - 1, onLine);
      return;
    }
    throw new Problem("The video's end is missing", "The server stopped before it had read all of it.");
  }
}
