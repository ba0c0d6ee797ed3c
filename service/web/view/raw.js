/** The last answer as it was received, as JSON. */

import { byId } from "../dom.js";
import { asJson, asShortJson } from "../output/json.js";

const REFRESH_MS = 500; // faster could not be read
const COPIED_MS = 2000;

export class Raw {
  #details = byId("raw", HTMLDetailsElement);
  #copy = byId("raw-copy", HTMLButtonElement);
  #text = byId("raw-text");
  /** @type {object | null} */
  #answer = null;
  #shownAt = -Infinity;

  constructor() {
    this.#details.addEventListener("toggle", () => this.#write());
    // Browsers give no clipboard to a page without https.
    this.#copy.hidden = !navigator.clipboard;
    this.#copy.addEventListener("click", async () => {
      await navigator.clipboard.writeText(asJson(this.#answer));
      this.#copy.textContent = "Copied";
      setTimeout(() => (this.#copy.textContent = "Copy"), COPIED_MS);
    });
  }

  /** @param {object | null} answer */
  show(answer) {
    this.#answer = answer;
    this.#details.hidden = answer === null;
    if (performance.now() - this.#shownAt > REFRESH_MS) this.#write();
  }

  #write() {
    if (!this.#details.open || this.#answer === null) return;
    this.#shownAt = performance.now();
    this.#text.textContent = asShortJson(this.#answer);
  }
}
