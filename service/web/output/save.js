/** The menu of what can be saved. */

import { byId, create } from "../dom.js";

/** @typedef {import("../types.d.ts").SaveChoice} SaveChoice */

const DOWNLOAD_MS = 1000; // by then the browser has begun to read it

export class SaveMenu {
  #menu = byId("save", HTMLDetailsElement);
  #list = byId("save-list");

  #onError;

  /** @param {() => SaveChoice[]} choices called when the menu opens @param {(error: unknown) => void} onError */
  constructor(choices, onError) {
    this.#onError = onError;
    this.#menu.addEventListener("toggle", () => {
      if (this.#menu.open) this.#list.replaceChildren(...choices().map((choice) => this.#item(choice)));
    });
    this.#menu.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.#close();
    });
    document.addEventListener("pointerdown", (event) => {
      if (!(event.target instanceof Node && this.#menu.contains(event.target))) this.#menu.open = false;
    });
  }

  /** @param {SaveChoice} choice */
  #item([words, name, content]) {
    const item = create("li");
    const button = create("button", { type: "button", textContent: words });
    button.addEventListener("click", async () => {
      this.#close();
      try {
        download(await content(), name);
      } catch (error) {
        this.#onError(error);
      }
    });
    item.append(button);
    return item;
  }

  #close() {
    this.#menu.open = false;
    this.#menu.querySelector("summary")?.focus();
  }
}

/** @param {Blob} blob @param {string} name */
function download(blob, name) {
  const link = create("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), DOWNLOAD_MS);
}
