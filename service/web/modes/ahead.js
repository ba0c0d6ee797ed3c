/** Reads a few seconds of a video where a person has gone to, while the reading is still on its way there. */

const REST_MS = 300; // a slider that is being moved is not followed to each place
const NEAR_S = 2; // so close, the reading is there soon
const WINDOW_S = 5;
const PAUSE_MS = 4000; // after a refusal: the service may have no second place for this page

/** @typedef {import("../types.d.ts").VideoLine} VideoLine */

export class Ahead {
  #read;
  #frames;
  #onFrame;
  #wantedS = 0;
  #from = NaN; // of the window that is being read, or was
  #isOver = false;
  #notBefore = 0; // performance.now()
  #abort = new AbortController();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {(fromS: number, toS: number, signal: AbortSignal) => AsyncGenerator<{value: VideoLine}>} read
   * @param {import("./frames.js").VideoFrames} frames gets what is read
   * @param {() => void} onFrame another frame is there
   */
  constructor(read, frames, onFrame) {
    this.#read = read;
    this.#frames = frames;
    this.#onFrame = onFrame;
  }

  /** A time is shown that has not been read. @param {number} timeS */
  want(timeS) {
    const isUnderWay = timeS >= this.#from && timeS < this.#from + WINDOW_S;
    if (isUnderWay || this.#isOver || timeS < this.#frames.readS + NEAR_S || performance.now() < this.#notBefore) return;
    this.#wantedS = timeS;
    this.#timer ??= setTimeout(() => this.#start(), REST_MS);
  }

  stop() {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#abort.abort();
  }

  async #start() {
    this.#timer = undefined;
    this.#abort.abort();
    const abort = new AbortController();
    this.#abort = abort;
    this.#from = this.#wantedS;
    try {
      for await (const { value } of this.#read(this.#from, this.#from + WINDOW_S, abort.signal)) {
        if (abort.signal.aborted) return;
        if (value.type !== "frame") continue;
        this.#frames.addAhead(value);
        this.#onFrame();
      }
    } catch {
      // Nothing is lost: the reading comes here later.
      if (abort.signal.aborted) return;
      this.#from = NaN;
      this.#notBefore = performance.now() + PAUSE_MS;
    }
  }
}
