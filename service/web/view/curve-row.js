/** The parts of the curves: a row for each face, and what each colour means. */

import { create } from "../dom.js";
import { colourOf } from "./colours.js";

/** @param {number} track */
export const nameOf = (track) => (track === 0 ? "The face" : `Face ${track}`);

/** @param {HTMLElement} plot @param {MouseEvent} event */
export function shareAt(plot, event) {
  const { left, width } = plot.getBoundingClientRect();
  return Math.min(1, Math.max(0, (event.clientX - left) / (width || 1)));
}

/** @param {string} label @param {number} index */
export function legendItem(label, index) {
  const item = create("li");
  item.style.setProperty("--hue", colourOf(index));
  item.append(create("span", { className: "name", textContent: label, title: label }), create("span", { className: "value" }));
  return item;
}

/** A row of one face: its picture and number, and its areas, which are also a slider. @param {number} track */
export function rowOf(track) {
  const element = create("div", { className: "row" });
  const name = create("span", { className: "face", ariaHidden: "true" });
  const plot = create("div", { className: "plot", tabIndex: 0, ariaLabel: `${nameOf(track)} over time`, ariaValueMin: "0", ariaValueMax: "100" });
  const canvas = create("canvas");
  plot.setAttribute("role", "slider");
  name.append(create("span", { textContent: track === 0 ? "" : String(track) }));
  plot.append(canvas, create("i", { className: "playhead" }), create("i", { className: "cursor" }));
  const scale = create("span", { className: "scale-of-shares", ariaHidden: "true" });
  scale.append(...["100 %", "50", "0"].map((textContent) => create("span", { textContent })));
  element.append(name, plot, scale);
  return { element, name, plot, canvas };
}
