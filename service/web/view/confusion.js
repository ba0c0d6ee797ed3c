/** The confusion matrix as a table: of the faces of each label, how many get each answer. */

import { create } from "../dom.js";
import { percent } from "./format.js";

/**
 * @param {HTMLTableElement} table
 * @param {number[][]} counts a row for each label of the data, a column for each answer
 * @param {string[]} labels
 */
export function paintConfusion(table, counts, labels) {
  const caption = create("caption", { textContent: "Rows: the label of the data; columns: the answer." });
  const head = create("tr");
  head.append(create("td"), ...labels.map((label) => heading(label, "col")));
  const rows = counts.map((row, i) => {
    const sum = row.reduce((a, b) => a + b, 0) || 1;
    const line = create("tr");
    line.append(heading(labels[i] ?? "", "row"), ...row.map((count, j) => cell(count / sum, i === j)));
    return line;
  });
  table.replaceChildren(caption, head, ...rows);
}

/** @param {string} label @param {"row" | "col"} scope */
function heading(label, scope) {
  const element = create("th", { scope });
  element.append(create("span", { textContent: label }));
  return element;
}

/** @param {number} share @param {boolean} isRight */
function cell(share, isRight) {
  const element = create("td", { textContent: percent(share).replace(/\D+$/, ""), className: isRight ? "right" : "" });
  element.style.setProperty("--share", String(share));
  return element;
}
