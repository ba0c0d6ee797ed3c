import assert from "node:assert/strict";
import { test } from "node:test";

import { endOf } from "../../service/web/input/clock.js";

/** A video of which another part is loaded with each seek; it ends at the last of `known`. */
class Loading extends EventTarget {
  #known;
  #timeS = 0;

  /** @param {number[]} known */
  constructor(known) {
    super();
    this.#known = known;
  }

  get duration() {
    return this.#known[0];
  }

  get currentTime() {
    return this.#timeS;
  }

  set currentTime(timeS) {
    this.#timeS = Math.min(timeS, this.#known[0] ?? 0);
    if (this.#known.length > 1) this.#known.shift();
    queueMicrotask(() => this.dispatchEvent(new Event("seeked")));
  }
}

test("the end is looked for until the browser knows of no later one", async () => {
  const video = /** @type {HTMLVideoElement} */ (/** @type {unknown} */ (new Loading([2.44, 2.92, 3.56, 4.04])));
  assert.equal(await endOf(video), 4.04);
});
