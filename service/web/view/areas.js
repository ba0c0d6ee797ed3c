/** Stacked areas: each label's share of a face over time. */

import { fittedContext } from "../dom.js";
import { colourOf } from "./colours.js";
import { hatch } from "./hatch.js";

/**
 * @param {HTMLCanvasElement} canvas
 * @param {import("./series.js").Point[][]} runs
 * @param {string[]} labels
 * @param {{fromS: number, toS: number, lastS: number, unread: [number, number][]}} axis `lastS`: how long the last point
 *   before a gap is drawn; `unread`: what is hatched
 */
export function paintAreas(canvas, runs, labels, { fromS, toS, lastS, unread }) {
  const context = fittedContext(canvas);
  const { clientWidth: width, clientHeight: height } = canvas;
  context.clearRect(0, 0, width, height);
  /** @param {number} timeS */
  const x = (timeS) => (width * (timeS - fromS)) / (toS - fromS || 1);
  for (const [start, end] of unread) hatch(context, x(start), x(end), height);
  for (const run of runs) {
    const tops = stacked(run, labels, lastS);
    labels.forEach((_, i) => {
      context.beginPath();
      for (const { timeS, sums } of tops) context.lineTo(x(timeS), height * (1 - (sums[i + 1] ?? 0)));
      for (const { timeS, sums } of tops.toReversed()) context.lineTo(x(timeS), height * (1 - (sums[i] ?? 0)));
      context.fillStyle = colourOf(i);
      context.fill();
    });
  }
}

/**
 * The shares of each point added up: label by label from 0.
 * @param {import("./series.js").Point[]} run @param {string[]} labels @param {number} lastS
 */
function stacked(run, labels, lastS) {
  const tops = run.map(({ timeS, emotions }) => {
    const sums = [0];
    for (const label of labels) sums.push((sums.at(-1) ?? 0) + (emotions[label] ?? 0));
    return { timeS, sums };
  });
  const last = tops.at(-1);
  return last ? [...tops, { ...last, timeS: last.timeS + lastS }] : [];
}
