/**
 * One row for each label, always in the model's order, so that each bar stays in its place: a bar of the label's share,
 * and below it, where there are votes, a thin one of the voters'.
 */

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
    this.hasVotes = this.#list.classList.contains("voted");
  }

  /** @param {string} picked the label whose button is pressed; another word presses none */
  set picked(picked) {
    for (const [label, { name }] of this.#rows) name.ariaPressed = String(label === picked);
  }

  /** Whether there is room for votes; `show` makes it where it gets some. */
  set hasVotes(/** @type {boolean} */ hasVotes) {
    this.#list.classList.toggle("voted", hasVotes);
    for (const { votes } of this.#rows.values()) votes.meter.hidden = votes.value.hidden = !hasVotes;
  }

  /**
   * @param {Record<string, number>} shares @param {string} [top] the label to emphasise
   * @param {Record<string, number> | null} [votes] share of voters for each label
   */
  show(shares, top, votes = null) {
    // JavaScript sorts keys that are numbers, so a known set of labels keeps the model's order.
    const labels = Object.keys(shares);
    if (labels.length !== this.#rows.size || labels.some((label) => !this.#rows.has(label))) this.labels = labels;
    if (votes) this.hasVotes = true;
    for (const [label, parts] of this.#rows) {
      parts.item.classList.toggle("top", label === top);
      fill(parts.share, shares[label] ?? 0);
      fill(parts.votes, votes && (votes[label] ?? 0));
    }
  }

  clear() {
    for (const parts of this.#rows.values()) {
      parts.item.classList.remove("top");
      fill(parts.share, null);
      fill(parts.votes, null);
    }
  }
}

/** @param {ReturnType<typeof bar>} bar @param {number | null} share null: nothing is known */
function fill({ meter, filled, value }, share) {
  meter.setAttribute("aria-valuenow", (share ?? 0).toFixed(4));
  meter.setAttribute("aria-valuetext", share === null ? UNREAD : percent(share));
  filled.style.transform = `scaleX(${share ?? 0})`;
  value.textContent = share === null ? NOTHING : percent(share);
}

/** @param {string} label @param {string} colour @param {((label: string) => void) | undefined} onPick */
function row(label, colour, onPick) {
  const item = create("li");
  const name = onPick ? pickButton(label, onPick) : create("span", { className: "name" });
  const share = bar(label);
  const votes = bar(`Votes for ${label}`);
  const meters = create("span", { className: "meters" });
  item.style.setProperty("--hue", colour);
  name.textContent = name.title = label; // a long one is cut off
  votes.meter.classList.add("votes");
  votes.value.classList.add("votes");
  votes.meter.hidden = votes.value.hidden = true;
  // A screen reader reads it from the meter.
  if (!onPick) name.ariaHidden = "true";
  meters.append(share.meter, votes.meter);
  item.append(name, meters, share.value, votes.value);
  return { item, name, share, votes };
}

/** A bar and its value in words. @param {string} label as a screen reader names it */
function bar(label) {
  const meter = create("span", { className: "meter" });
  const filled = create("span", { className: "fill" });
  const value = create("span", { className: "value", ariaHidden: "true" });
  meter.append(filled);
  for (const [attribute, given] of Object.entries({ role: "meter", "aria-label": label, "aria-valuemin": "0", "aria-valuemax": "1" })) {
    meter.setAttribute(attribute, given);
  }
  const made = { meter, filled, value };
  fill(made, null);
  return made;
}

/** A label to press: the button covers the whole row. @param {string} label @param {(label: string) => void} onPick */
function pickButton(label, onPick) {
  const button = create("button", { className: "name", type: "button" });
  button.ariaLabel = `Heatmap of ${label}`;
  button.ariaPressed = "false";
  button.addEventListener("click", () => onPick(label));
  return button;
}
