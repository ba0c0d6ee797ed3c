/** The last 30 seconds of the shown face: as stacked areas, and in words. */

import { contextOf, fittedContext } from "../dom.js";
import { SPAN_MS } from "../modes/recent.js";
import { colourOf } from "./colours.js";
import { percent } from "./format.js";

/** @typedef {{atMs: number, emotions: Record<string, number>}} Point */

const GAP_MS = 3000; // a longer time without a face is a gap in the drawing
const LAST_MS = 200; // how long the last share before a gap is drawn
const WORDS_MS = 2000; // words that change faster cannot be read
const NOTHING = "Shares of the face that is shown, as they are read.";

export class Timeline {
  #canvas;
  #words;
  #wordsAt = -Infinity;

  /** @param {HTMLCanvasElement} canvas @param {HTMLElement} words */
  constructor(canvas, words) {
    this.#canvas = canvas;
    this.#words = words;
  }

  /** @param {import("../modes/recent.js").Recent} recent @param {string[]} labels */
  show(recent, labels) {
    const now = performance.now();
    this.#paint(recent.instants, labels, now);
    if (now - this.#wordsAt < WORDS_MS) return;
    this.#wordsAt = now;
    this.#words.textContent = inWords(recent) ?? NOTHING;
  }

  clear() {
    this.#wordsAt = -Infinity;
    this.#words.textContent = NOTHING;
    contextOf(this.#canvas).clearRect(0, 0, this.#canvas.width, this.#canvas.height);
  }

  /** @param {import("../modes/recent.js").Instant[]} instants @param {string[]} labels @param {number} now */
  #paint(instants, labels, now) {
    const context = fittedContext(this.#canvas);
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    context.clearRect(0, 0, width, height);
    /** @param {number} atMs */
    const x = (atMs) => width * (1 - (now - atMs) / SPAN_MS);
    /** @param {Point} point @param {number} end the shares of how many labels are added up */
    const y = ({ emotions }, end) => height * (1 - labels.slice(0, end).reduce((sum, label) => sum + (emotions[label] ?? 0), 0));
    for (const run of runs(instants)) {
      labels.forEach((_, i) => {
        context.beginPath();
        for (const point of run) context.lineTo(x(point.atMs), y(point, i + 1));
        for (const point of run.toReversed()) context.lineTo(x(point.atMs), y(point, i));
        context.fillStyle = colourOf(i);
        context.fill();
      });
    }
  }
}

/** The shown face's shares, in runs without a gap. @param {import("../modes/recent.js").Instant[]} instants */
function runs(instants) {
  /** @type {Point[][]} */
  const all = [];
  /** @type {Point | null} */
  let last = null;
  for (const { atMs, faces, chosen } of instants) {
    const emotions = faces[chosen]?.emotions;
    if (!emotions) continue;
    if (last === null || atMs - last.atMs > GAP_MS) all.push([]);
    last = { atMs, emotions };
    all.at(-1)?.push(last);
  }
  return all.map((run) => run.concat(run.slice(-1).map((point) => ({ ...point, atMs: point.atMs + LAST_MS }))));
}

/** @param {import("../modes/recent.js").Recent} recent */
function inWords({ mean, instants }) {
  if (!mean) return null;
  const seconds = Math.round(((instants.at(-1)?.atMs ?? 0) - (instants[0]?.atMs ?? 0)) / 1000);
  const highest = Object.entries(mean).sort(([, a], [, b]) => b - a).slice(0, 2);
  return `Mean of ${seconds} s: ${highest.map(([label, share]) => `${label} ${percent(share)}`).join(", ")}`;
}
