/** The switch "Run it in this browser", and what the page says about where pixels go. */

import { byId } from "../dom.js";

export class LocalSwitch {
  #input = byId("local", HTMLInputElement);
  /** @type {import("./reader.js").LocalReader | null} */
  #reader = null;
  #onChange;

  /** @param {() => void} onChange */
  constructor(onChange) {
    this.#onChange = onChange;
    this.#input.addEventListener("change", () => this.#change());
  }

  get element() {
    return this.#input;
  }

  /** What reads in this browser; null where the service is to read. */
  get reader() {
    return this.#input.checked ? this.#reader : null;
  }

  /** Shows the switch. @param {import("./reader.js").LocalReader} reader */
  offer(reader) {
    this.#reader = reader;
    byId("local-choice").hidden = false;
    // Browsers restore a switch after a reload; what was given to the page meanwhile is with the service.
    if (this.#input.checked) this.#change();
  }

  #change() {
    for (const part of document.querySelectorAll("[data-where]")) {
      if (part instanceof HTMLElement) part.hidden = (part.dataset.where === "browser") !== (this.reader !== null);
    }
    this.#onChange();
  }
}
