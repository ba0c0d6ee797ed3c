/** One bar for each label, always in the model's order, so that each bar stays in its place. */

import { create } from "../dom.js";
import { colourOf } from "./colours.js";
import { percent } from "./format.js";

const NOTHING = "–";
const UNREAD = "no value"; // not "no face": the picture may not have been read yet

export class Bars {
  #list;
  #onPick;
  /** @type {Map<string, ReturnType<typeof row>>} */
  #rows = new Map();

  /**
   * @param {HTMLUListElement} list
   * @param {(label: string) => void} [onPick] called when a label is pressed; without it labels are no buttons
   */
  constructor(list, onPick) {
    this.#list = list;
    this.#onPick = onPick;
  }

  /** @param {string[]} labels */
  set labels(labels) {
    if (labels.join() === [...this.#rows.keys()].join()) return;
    this.#rows = new Map(labels.map((label, i) => [label, row(label, colourOf(i), this.#onPick)]));
    this.#list.style.setProperty("--longest", String(Math.max(...labels.map((label) => label.length))));
    this.#list.replaceChildren(...[...this.#rows.values()].map(({ item }) => item));
  }

  /** @param {string} picked the label whose button is pressed; another word presses none */
  set picked(picked) {
    for (const [label, { name }] of this.#rows) name.ariaPressed = String(label === picked);
  }

  /** @param {Record<string, number>} shares @param {string} [top] the label to emphasise */
  show(shares, top) {
    // JavaScript sorts keys that are numbers, so a known set of labels keeps the model's order.
    const labels = Object.keys(shares);
    if (labels.length !== this.#rows.size || labels.some((label) => !this.#rows.has(label))) this.labels = labels;
    for (const [label, { item, meter, fill, value }] of this.#rows) {
      const share = shares[label] ?? 0;
      const text = percent(share);
      item.classList.toggle("top", label === top);
      meter.setAttribute("aria-valuenow", share.toFixed(4));
      meter.setAttribute("aria-valuetext", text);
      fill.style.transform = `scaleX(${share})`;
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

/** @param {string} label @param {string} colour @param {((label: string) => void) | undefined} onPick */
function row(label, colour, onPick) {
  const item = create("li");
  const name = onPick ? pickButton(label, onPick) : create("span", { className: "name" });
  const meter = create("span", { className: "meter" });
  const fill = create("span", { className: "fill" });
  const value = create("span", { className: "value", textContent: NOTHING });
  item.style.setProperty("--hue", colour);
  name.textContent = name.title = label; // a long one is cut off
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
  // A screen reader reads both from the meter.
  value.ariaHidden = "true";
  if (!onPick) name.ariaHidden = "true";
  item.append(name, meter, value);
  return { item, name, meter, fill, value };
}

/** A label to press: the button covers the whole row. @param {string} label @param {(label: string) => void} onPick */
function pickButton(label, onPick) {
  const button = create("button", { className: "name", type: "button" });
  button.ariaLabel = `Heatmap of ${label}`;
  button.ariaPressed = "false";
  button.addEventListener("click", () => onPick(label));
  return button;
}
