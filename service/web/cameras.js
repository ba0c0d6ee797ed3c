/** Which camera: a choice where there are several, kept for as long as the page is open. */

const KEY = "camera";

export class Cameras {
  #select;

  /** @param {HTMLSelectElement} select @param {() => void} onChange */
  constructor(select, onChange) {
    this.#select = select;
    select.addEventListener("change", () => {
      remember(select.value);
      onChange();
    });
  }

  get chosen() {
    return recall();
  }

  /** Browsers name cameras only after one may be used. @param {string} current the id of the one in use */
  async refresh(current) {
    const devices = await navigator.mediaDevices.enumerateDevices();
    const cameras = devices.filter(({ kind }) => kind === "videoinput");
    this.#select.replaceChildren(...cameras.map(({ deviceId, label }, i) => new Option(label || `Camera ${i + 1}`, deviceId)));
    this.#select.value = current;
    this.#select.parentElement.hidden = cameras.length < 2;
  }
}

/** A browser may refuse to store anything; the choice then lasts until the next camera is opened. */
function remember(id) {
  try {
    sessionStorage.setItem(KEY, id);
  } catch {
    // as above
  }
}

function recall() {
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null;
  }
}
