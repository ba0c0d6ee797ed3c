/** The headline once more, at the top of a phone's screen, while the headline itself is above it. */

import { byId, create } from "../dom.js";

export class Pinned {
  #bar = byId("pinned");

  /** @param {HTMLElement} headline */
  constructor(headline) {
    const observer = new IntersectionObserver((entries) => {
      const last = entries.at(-1);
      // Of a headline that is not shown at all, every side is 0.
      this.#bar.hidden = !last || last.isIntersecting || last.boundingClientRect.bottom >= 0;
    });
    observer.observe(headline);
  }

  /** @param {string} title @param {string} [share] */
  show(title, share = "") {
    this.#bar.replaceChildren(create("span", { textContent: title }), create("span", { textContent: share }));
  }
}
