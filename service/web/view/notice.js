/** The message above the view: what is wrong, and what can be done. */

import { byId } from "../dom.js";

export class Notice {
  #element = byId("notice");
  #title = byId("notice-title");
  #detail = byId("notice-detail");
  #action = byId("notice-action", HTMLButtonElement);
  /** @type {string | undefined} */
  #topic;

  constructor() {
    byId("notice-close").addEventListener("click", () => this.clear());
  }

  /**
   * @param {{title: string, detail: string}} problem
   * @param {{topic?: string, action?: [words: string, run: () => void]}} [more] `topic`: what `clear` can name
   */
  show({ title, detail }, { topic, action } = {}) {
    this.#topic = topic;
    // A screen reader would read the same words again at every attempt to connect.
    if (!this.#element.hidden && this.#title.textContent === title && this.#detail.textContent === detail) return;
    this.#title.textContent = title;
    this.#detail.textContent = detail;
    this.#action.hidden = !action;
    [this.#action.textContent, this.#action.onclick] = action ?? ["", null];
    this.#element.hidden = false;
    this.#element.scrollIntoView({ block: "nearest" });
  }

  /** @param {string} [topic] only a message of this topic */
  clear(topic) {
    if (topic === undefined || topic === this.#topic) this.#element.hidden = true;
  }
}
