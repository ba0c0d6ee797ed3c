/** One bar a label, in the model's order: places that stay put are easier to read than a ranking that jumps. */

import { colourOf } from "./colours.js";
import { percent } from "./format.js";

const NOTHING = "–";
const UNREAD = "no value"; // not "no face": perhaps nobody has looked yet

export class Bars {
  #list;
  #onPick;
  #rows = new Map();

  /**
   * @param {HTMLUListElement} list
   * @param {(label: string) => void} [onPick] a label was pressed; without it labels are words alone
   */
  constructor(list, onPick) {
    this.#list = list;
    this.#onPick = onPick;
  }

  /** @param {string[]} labels */
  set labels(labels) {
    if (labels.join() === [...this.#rows.keys()].join()) return;
    this.#rows = new Map(labels.map((label, i) => [label, row(label, colourOf(i), this.#onPick)]));
    this.#list.style.setProperty("--longest", Math.max(...labels.map((label) => label.length)));
    this.#list.replaceChildren(...[...this.#rows.values()].map(({ item }) => item));
  }

  /** @param {string} picked the label whose button stays pressed, or none of them */
  set picked(picked) {
    for (const [label, { name }] of this.#rows) name.ariaPressed = String(label === picked);
  }

  /** @param {Record<string, number>} shares @param {string} [top] the label to bring out */
  show(shares, top) {
    // An object's keys that are numbers come in their own order, not in the model's: a known set stays as it is.
    const labels = Object.keys(shares);
    if (labels.length !== this.#rows.size || labels.some((label) => !this.#rows.has(label))) this.labels = labels;
    for (const [label, { item, meter, fill, value }] of this.#rows) {
      const text = percent(shares[label]);
      item.classList.toggle("top", label === top);
      meter.setAttribute("aria-valuenow", shares[label].toFixed(4));
      meter.setAttribute("aria-valuetext", text);
      fill.style.transform = `scaleX(${shares[label]})`;
      value.textContent = text;
    }
  }

  clear() {
    for (const { item, meter, fill, value } of this.#rows.values()) {
      item.classList.remove("top");
      meter.setAttribute("aria-valuenow", "0");
      meter.setAttribute("aria-valuetext", UNREAD);
      fill.style.transform = "scaleX(0)";
      value.textContent = NOTHING;
    }
  }
}

function row(label, colour, onPick) {
  const item = document.createElement("li");
  const name = onPick ? pick(label, onPick) : part("span", "name");
  const [meter, fill, value] = ["meter", "fill", "value"].map((kind) => part("span", kind));
  item.style.setProperty("--hue", colour);
  name.textContent = name.title = label; // a long one is cut off
  value.textContent = NOTHING;
  meter.append(fill);
  for (const [attribute, given] of Object.entries({
    role: "meter",
    "aria-label": label,
    "aria-valuemin": "0",
    "aria-valuemax": "1",
    "aria-valuenow": "0",
    "aria-valuetext": UNREAD,
  })) {
    meter.setAttribute(attribute, given);
  }
  // The meter says both to a screen reader; once is enough.
  value.ariaHidden = "true";
  if (!onPick) name.ariaHidden = "true";
  item.append(name, meter, value);
  return { item, name, meter, fill, value };
}

/** A label to press: its surface covers the whole row. */
function pick(label, onPick) {
  const button = part("button", "name");
  button.type = "button";
  button.ariaLabel = `Heatmap of ${label}`;
  button.ariaPressed = "false";
  button.addEventListener("click", () => onPick(label));
  return button;
}

function part(tag, kind) {
  const element = document.createElement(tag);
  element.className = kind;
  return element;
}
