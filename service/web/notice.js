/** The one message above the view: what is wrong, and what can be done. */

const byId = (id) => document.getElementById(id);

export class Notice {
  #element = byId("notice");
  #action = byId("notice-action");
  #topic = null;

  constructor() {
    byId("notice-close").addEventListener("click", () => this.clear());
  }

  /**
   * @param {{title: string, detail: string}} problem
   * @param {{topic?: string, action?: [string, () => void]}} [more] `topic`: what `clear` can name
   */
  show({ title, detail }, { topic = null, action } = {}) {
    this.#topic = topic;
    // The same words again would be read out again, at every attempt to reach a server that is gone.
    const shown = [byId("notice-title").textContent, byId("notice-detail").textContent];
    if (!this.#element.hidden && shown[0] === title && shown[1] === detail) return;
    byId("notice-title").textContent = title;
    byId("notice-detail").textContent = detail;
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
