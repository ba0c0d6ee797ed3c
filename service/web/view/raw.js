/** The last answer as it was received, as JSON. */

import { byId } from "../dom.js";
import { asJson, asShortJson } from "../output/json.js";
import { wireCopy } from "./copy.js";

const REFRESH_MS = 500; // faster could not be read

export class Raw {
  #section = byId("raw");
  #details = byId("details", HTMLDetailsElement);
  #text = byId("raw-text");
  /** @type {object | null} */
  #answer = null;
  #shownAt = -Infinity;
  /** @type {ReturnType<typeof setTimeout> | undefined} of an answer that follows another too closely */
  #timer;

  constructor() {
    this.#details.addEventListener("toggle", () => this.#write());
    wireCopy(byId("raw-copy", HTMLButtonElement), () => asJson(this.#answer));
  }

  /** @param {object | null} answer */
  show(answer) {
    this.#answer = answer;
    this.#section.hidden = answer === null;
    const restMs = this.#shownAt + REFRESH_MS - performance.now();
    if (restMs <= 0) this.#write();
    else this.#timer ??= setTimeout(() => this.#write(), restMs);
  }

  #write() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#details.open || this.#answer === null) return;
    this.#shownAt = performance.now();
    this.#text.textContent = asShortJson(this.#answer);
  }
}
