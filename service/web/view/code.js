/** "Code": what is on screen as a request, for curl, Python and JavaScript. */

import { byId } from "../dom.js";
import { snippets } from "../output/snippets.js";
import { address } from "../remote/address.js";
import { key } from "../remote/key.js";
import { wireCopy } from "./copy.js";

/** @typedef {import("../output/snippets.js").Request} Request */

export class Code {
  #section = byId("code");
  #text = byId("code-text");
  #choice = byId("code-language", HTMLSelectElement);
  #request;

  /** @param {() => Request | null} request what is on screen; null: nothing */
  constructor(request) {
    this.#request = request;
    this.#choice.addEventListener("change", () => this.refresh());
    wireCopy(byId("code-copy", HTMLButtonElement), () => this.#text.textContent ?? "");
  }

  /** Something on screen has changed. */
  refresh() {
    const request = this.#request();
    this.#section.hidden = request === null;
    if (request === null) return;
    const { curl, python, javascript } = snippets(request, address(".").href.replace(/\/$/, ""), key() !== null);
    const text = { curl, python, javascript }[this.#choice.value] ?? curl;
    if (this.#text.textContent !== text) this.#text.textContent = text; // a selection in it stays
  }
}
