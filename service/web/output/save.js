/** The menu of what can be saved. */

import { byId, create } from "../dom.js";

/** @typedef {import("../types.d.ts").SaveChoice} SaveChoice */

const DOWNLOAD_MS = 1000; // by then the browser has begun to read it
const SLOW_MS = 300; // what takes longer is said to be under way
const [GAP_PX, EDGE_PX] = [8, 12]; // to its button, to the window

export class SaveMenu {
  #menu = byId("save", HTMLDetailsElement);
  #list = byId("save-list");
  #button = byId("save-button");

  #onError;

  /** @param {() => SaveChoice[]} choices called when the menu opens @param {(error: unknown) => void} onError */
  constructor(choices, onError) {
    this.#onError = onError;
    this.#menu.addEventListener("toggle", () => {
      // A list that is still empty is not shown: it would be seen in its last place first.
      this.#list.replaceChildren(...(this.#menu.open ? choices() : []).map((choice) => this.#item(choice)));
      if (this.#menu.open) this.#place();
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
      const timer = setTimeout(() => (this.#button.textContent = "Saving…"), SLOW_MS);
      try {
        download(await content(), name);
      } catch (error) {
        // Left for something else by the person who asked for it.
        if (!(error instanceof DOMException && error.name === "AbortError")) this.#onError(error);
      } finally {
        clearTimeout(timer);
        this.#button.textContent = "Save";
      }
    });
    item.append(button);
    return item;
  }

  /** Below the button where all of it fits there; else on the side with more room. Never past the window's edge. */
  #place() {
    const list = this.#list;
    list.style.removeProperty("--room");
    const { clientHeight: height, clientWidth: width } = document.documentElement;
    const { top, bottom, left } = this.#menu.getBoundingClientRect();
    const covered = parseFloat(getComputedStyle(document.documentElement).scrollPaddingTop) || 0; // by the headline, on phones
    const [above, below] = [top - covered, height - bottom].map((room) => room - GAP_PX - EDGE_PX);
    const isAbove = list.offsetHeight > below && above > below;
    list.classList.toggle("above", isAbove);
    list.style.setProperty("--room", `${isAbove ? above : below}px`);
    list.style.setProperty("--shift", `${Math.min(0, width - EDGE_PX - left - list.offsetWidth)}px`);
  }

  #close() {
    this.#menu.open = false;
    this.#button.focus();
  }
}

/** @param {Blob} blob @param {string} name */
function download(blob, name) {
  const link = create("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), DOWNLOAD_MS);
}
