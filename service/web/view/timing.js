/** Frames per second, delay, and milliseconds by stage: medians over the last answers. */

import { byId, create } from "../dom.js";
import { median, milliseconds } from "./format.js";

const WINDOW = 30; // answers
const RATE_MS = 3000;
const REFRESH_MS = 250; // figures that change faster cannot be read
const WAIT = "wait"; // for the frame before it

export class Timing {
  /** @type {{paintedAt: number, delayMs: number, stages: Record<string, number>}[]} */
  #answers = [];
  #shownAt = 0;
  #elsewhere = ""; // what the time goes to that no stage tells of
  #rate = byId("rate");
  #delay = byId("delay");
  #stages = byId("stages");
  #legend = byId("legend");

  /**
   * @param {number} sinceMs performance.now() when the frame was captured, or the picture sent
   * @param {Pick<import("../types.d.ts").Reading, "timing_ms" | "age_ms">} result
   */
  add(sinceMs, { timing_ms: { total = 0, ...stages }, age_ms: ageMs }) {
    const paintedAt = performance.now();
    const delayMs = paintedAt - sinceMs;
    /** @type {Record<string, number>} */
    const around = { [this.#elsewhere]: Math.max(0, delayMs - (ageMs ?? total)) };
    /** @type {Record<string, number>} */
    const wait = ageMs === undefined ? {} : { [WAIT]: Math.max(0, ageMs - total) };
    this.#answers.push({ paintedAt, delayMs, stages: { ...stages, ...wait, ...around } });
    this.#answers = this.#answers.slice(-WINDOW);
    if (paintedAt - this.#shownAt < REFRESH_MS) return;
    this.#shownAt = paintedAt;
    this.#rate.textContent = this.#framesPerSecond(paintedAt);
    this.#delay.textContent = milliseconds(median(this.#answers.map((answer) => answer.delayMs)));
    this.#showStages(Object.keys({ ...stages, ...wait, ...around }));
  }

  /**
   * @param {"live" | "picture"} kind a single picture has no frames per second
   * @param {boolean} isLocal where this browser reads, nothing goes over a network
   */
  clear(kind, isLocal) {
    this.#elsewhere = isLocal ? "page" : "page, network";
    this.#answers = [];
    this.#shownAt = 0;
    byId("rate-figure").hidden = kind === "picture";
    byId("delay-kind").textContent = kind === "picture" ? `${isLocal ? "chosen" : "sent"} to screen` : "capture to screen";
    this.#rate.textContent = this.#delay.textContent = "–";
    this.#stages.replaceChildren();
    this.#legend.replaceChildren();
  }

  /** @param {number} now */
  #framesPerSecond(now) {
    const recent = this.#answers.filter(({ paintedAt }) => now - paintedAt < RATE_MS);
    const spanMs = now - (recent[0]?.paintedAt ?? now);
    return spanMs > 0 ? ((1000 * (recent.length - 1)) / spanMs).toFixed(1) : "–";
  }

  /** @param {string[]} names */
  #showStages(names) {
    const values = names.map((name) => median(this.#answers.map((answer) => answer.stages[name] ?? 0)));
    const sum = values.reduce((a, b) => a + b, 0) || 1;
    fill(this.#stages, names, "span", (part, _, i) => {
      part.style.flexGrow = String((values[i] ?? 0) / sum);
    });
    fill(this.#legend, names, "li", (item, name, i) => {
      item.replaceChildren(name, " ", create("span", { className: "ms", textContent: milliseconds(values[i] ?? 0) }));
    });
  }
}

/**
 * Gives `parent` a child for each name; children that exist are changed in place.
 * @param {HTMLElement} parent @param {string[]} names @param {"span" | "li"} tag
 * @param {(child: HTMLElement, name: string, index: number) => void} write
 */
function fill(parent, names, tag, write) {
  while (parent.children.length > names.length) parent.lastElementChild?.remove();
  while (parent.children.length < names.length) parent.append(create(tag));
  names.forEach((name, i) => {
    const child = parent.children[i];
    if (child instanceof HTMLElement) write(child, name, i);
  });
}
