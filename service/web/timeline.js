/** The last half minute of the shown face as stacked areas, and in words. */

import { colourOf } from "./colours.js";
import { percent } from "./format.js";
import { SPAN_MS } from "./history.js";

const GAP_MS = 3000; // longer without a face is a gap in the picture, too
const LAST_MS = 200; // how long the last share of a stretch is shown
const WORDS_MS = 2000; // words that change faster cannot be read
const NOTHING = "Shares of the face that is shown, as they come.";

export class Timeline {
  #canvas;
  #words;
  #wordsAt = -Infinity;

  /** @param {HTMLCanvasElement} canvas @param {HTMLElement} words */
  constructor(canvas, words) {
    this.#canvas = canvas;
    this.#words = words;
  }

  /** @param {import("./history.js").History} history @param {string[]} labels */
  show(history, labels) {
    const now = performance.now();
    this.#paint(history.instants, labels, now);
    if (now - this.#wordsAt < WORDS_MS) return;
    this.#wordsAt = now;
    this.#words.textContent = inWords(history) ?? NOTHING;
  }

  clear() {
    this.#wordsAt = -Infinity;
    this.#words.textContent = NOTHING;
    this.#canvas.getContext("2d").clearRect(0, 0, this.#canvas.width, this.#canvas.height);
  }

  #paint(instants, labels, now) {
    const context = fitted(this.#canvas);
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    context.clearRect(0, 0, width, height);
    const x = (atMs) => width * (1 - (now - atMs) / SPAN_MS);
    for (const run of runs(instants)) {
      labels.forEach((_, i) => {
        const upTo = (emotions, end) => labels.slice(0, end).reduce((sum, label) => sum + emotions[label], 0);
        context.beginPath();
        for (const { atMs, emotions } of run) context.lineTo(x(atMs), height * (1 - upTo(emotions, i + 1)));
        for (const { atMs, emotions } of run.toReversed()) context.lineTo(x(atMs), height * (1 - upTo(emotions, i)));
        context.fillStyle = colourOf(i);
        context.fill();
      });
    }
  }
}

/** The shown face's shares, in stretches without a gap. */
function runs(instants) {
  const all = [];
  let last = null;
  for (const { atMs, faces, chosen } of instants) {
    const emotions = faces[chosen]?.emotions;
    if (!emotions) continue;
    if (last === null || atMs - last > GAP_MS) all.push([]);
    all.at(-1).push({ atMs, emotions });
    last = atMs;
  }
  for (const run of all) run.push({ ...run.at(-1), atMs: run.at(-1).atMs + LAST_MS });
  return all;
}

function inWords(history) {
  const { mean } = history;
  if (!mean) return null;
  const seconds = Math.round((history.instants.at(-1).atMs - history.instants[0].atMs) / 1000);
  const most = Object.entries(mean).sort(([, a], [, b]) => b - a).slice(0, 2);
  return `Mean of ${seconds} s: ${most.map(([label, share]) => `${label} ${percent(share)}`).join(", ")}`;
}

/** A canvas whose pixels are the screen's, with a context in CSS pixels. */
export function fitted(canvas) {
  const ratio = window.devicePixelRatio;
  const [width, height] = [Math.round(canvas.clientWidth * ratio), Math.round(canvas.clientHeight * ratio)];
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}
