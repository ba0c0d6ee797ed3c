/** The switch "Mirror": whether the camera's picture is shown as in a mirror. */

import { byId } from "../dom.js";

export class Mirror {
  #switch = byId("mirror", HTMLInputElement);
  #video;
  /** @type {boolean | null} what the person chose, which goes before what fits the camera */
  #chosen = null;

  /** @param {HTMLVideoElement} video @param {(isOn: boolean) => void} onChange */
  constructor(video, onChange) {
    this.#video = video;
    this.#switch.addEventListener("change", () => {
      this.#chosen = this.#switch.checked;
      this.#show();
      onChange(this.isOn);
    });
  }

  get isOn() {
    return this.#switch.checked;
  }

  /** @param {boolean} fits whether a mirrored picture fits the camera that was opened */
  begin(fits) {
    this.#switch.checked = this.#chosen ?? fits;
    this.#show();
  }

  #show() {
    this.#video.classList.toggle("mirrored", this.isOn);
  }
}
