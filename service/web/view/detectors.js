/** The choice between the service's face detectors: what each is good at. It is kept for this visit only. */

import { byId, create } from "../dom.js";

/** @typedef {import("../contract.d.ts").DetectorDescription} DetectorDescription */

/** @type {Record<DetectorDescription["option"], {title: string, strength: string}>} */
const WORDS = {
  haar: { title: "Haar", strength: "upright frontal faces" },
  centerface: { title: "CenterFace", strength: "also tilted and small faces, faster" },
};

const MISSING = "its file is not on this server";

export class Detectors {
  #select = byId("detector", HTMLSelectElement);
  /** @type {DetectorDescription[]} */
  #all = [];
  #onChange;

  /** @param {() => void} onChange */
  constructor(onChange) {
    this.#onChange = onChange;
    this.#select.addEventListener("change", onChange);
  }

  get element() {
    return this.#select;
  }

  /** Shows the choice; a detector that the service does not have cannot be chosen. @param {import("../contract.d.ts").ModelDescription} model */
  offer({ detector, detectors }) {
    this.#all = detectors;
    const options = Object.entries(WORDS).map(([option, { title, strength }]) => {
      const isThere = detectors.some((each) => each.option === option);
      return create("option", { value: option, textContent: `${title}: ${isThere ? strength : MISSING}`, disabled: !isThere });
    });
    this.#select.replaceChildren(...options);
    this.#select.value = detector.option;
    byId("detector-choice").hidden = false;
  }

  /** The one that is asked for; undefined where the service has not described any. */
  get chosen() {
    return this.#all.find(({ option }) => option === this.#select.value);
  }

  get others() {
    return this.#all.filter((detector) => detector !== this.chosen);
  }

  /** The service's options for it. @returns {{detector?: DetectorDescription["option"]}} */
  get options() {
    return this.chosen ? { detector: this.chosen.option } : {};
  }

  /** @param {DetectorDescription["option"]} option */
  choose(option) {
    this.#select.value = option;
    this.#onChange();
  }
}

/** @param {DetectorDescription["option"]} option */
export const titleOf = (option) => WORDS[option].title;
