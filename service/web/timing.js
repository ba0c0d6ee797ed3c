/** Frames a second, delay, and where the milliseconds go: medians over the last answers. */

import { median, milliseconds } from "./format.js";

const WINDOW = 30; // answers
const RATE_MS = 3000;
const REFRESH_MS = 250; // figures that change faster cannot be read
const WAITING = "wait"; // for the frame before it
const ELSEWHERE = "page, network";

const byId = (id) => document.getElementById(id);

export class Timing {
  /** @type {{paintedAt: number, delayMs: number, stages: Record<string, number>}[]} */
  #answers = [];
  #shownAt = 0;

  /**
   * @param {number} sinceMs performance.now() when the frame was captured, or the picture sent
   * @param {{timing_ms: Record<string, number>, age_ms?: number}} result
   */
  add(sinceMs, { timing_ms: { total, ...stages }, age_ms: ageMs }) {
    const paintedAt = performance.now();
    const delayMs = paintedAt - sinceMs;
    const wait = ageMs === undefined ? {} : { [WAITING]: Math.max(0, ageMs - total) };
    const around = { ...wait, [ELSEWHERE]: Math.max(0, delayMs - (ageMs ?? total)) };
    this.#answers.push({ paintedAt, delayMs, stages: { ...stages, ...around } });
    this.#answers = this.#answers.slice(-WINDOW);
    if (paintedAt - this.#shownAt < REFRESH_MS) return;
    this.#shownAt = paintedAt;
    byId("rate").textContent = this.#rate(paintedAt);
    byId("delay").textContent = milliseconds(median(this.#answers.map((answer) => answer.delayMs)));
    this.#showStages(Object.keys({ ...stages, ...around }));
  }

  /** @param {"live" | "picture"} kind a single picture has no frames a second */
  clear(kind = "live") {
    this.#answers = [];
    this.#shownAt = 0;
    byId("rate-figure").hidden = kind === "picture";
    byId("delay-kind").textContent = kind === "picture" ? "sent to screen" : "capture to screen";
    byId("rate").textContent = byId("delay").textContent = "–";
    byId("stages").replaceChildren();
    byId("legend").replaceChildren();
  }

  #rate(now) {
    const recent = this.#answers.filter(({ paintedAt }) => now - paintedAt < RATE_MS);
    const spanMs = now - recent[0].paintedAt;
    return spanMs > 0 ? ((1000 * (recent.length - 1)) / spanMs).toFixed(1) : "–";
  }

  #showStages(names) {
    const values = names.map((name) => median(this.#answers.map((answer) => answer.stages[name] ?? 0)));
    const sum = values.reduce((a, b) => a + b, 0) || 1;
    fill(byId("stages"), names, "span", (part, i) => {
      part.style.flexGrow = String(values[i] / sum);
    });
    fill(byId("legend"), names, "li", (item, i) => {
      item.replaceChildren(names[i], " ", figure(milliseconds(values[i])));
    });
  }
}

function figure(text) {
  const element = document.createElement("span");
  element.className = "ms";
  element.textContent = text;
  return element;
}

/** As many children as there are names, changed in place. */
function fill(parent, names, tag, write) {
  while (parent.children.length > names.length) parent.lastElementChild.remove();
  while (parent.children.length < names.length) parent.append(document.createElement(tag));
  [...parent.children].forEach(write);
}
