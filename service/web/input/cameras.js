/** The choice between several cameras, kept while the tab is open. */

import { create } from "../dom.js";

const KEY = "camera";

export class Cameras {
  #select;

  /** @param {HTMLSelectElement} select @param {() => void} onChange */
  constructor(select, onChange) {
    this.#select = select;
    select.addEventListener("change", () => {
      store(select.value);
      onChange();
    });
  }

  get chosen() {
    return stored();
  }

  /** Lists the cameras; browsers give their names only after one was opened. @param {string} current id of the open one */
  async refresh(current) {
    const devices = await navigator.mediaDevices.enumerateDevices();
    const cameras = devices.filter(({ kind }) => kind === "videoinput");
    this.#select.replaceChildren(...cameras.map(({ deviceId, label }, i) => create("option", { textContent: label || `Camera ${i + 1}`, value: deviceId })));
    this.#select.value = current;
    const parent = this.#select.parentElement;
    if (parent) parent.hidden = cameras.length < 2;
  }
}

/** A browser may refuse to store anything; the choice is lost then. @param {string} id */
function store(id) {
  try {
    sessionStorage.setItem(KEY, id);
  } catch {
    // as above
  }
}

function stored() {
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null;
  }
}
