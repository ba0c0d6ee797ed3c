/** Expressions over time: a row of stacked areas for each face, with axis, legend, and values under pointer or keyboard. */

import { byId, create } from "../dom.js";
import { paintAreas } from "./areas.js";
import { legendItem, nameOf, rowOf, shareAt } from "./curve-row.js";
import { percent } from "./format.js";
import { longest, pointAt, seriesOf, ticks } from "./series.js";
import { paintThumbnail, thumbnail } from "./thumbnail.js";

/**
 * @typedef {import("./series.js").Series} Series
 * @typedef {{fromS: number, toS: number, gapS: number, lastS: number, unread: [number, number][],
 *   inWords: (timeS: number) => string}} Axis `gapS`: a longer time without a face is a gap; `lastS`: how long the last
 *   point before it is drawn; `unread`: what is hatched
 * @typedef {ReturnType<typeof rowOf> & {series: Series}} Row
 */

const MOST_FACES = 6;
const MOST_TICKS = 5;
/** @type {Record<string, number>} how far a key moves the cursor, as a share of the axis */
const KEYS = { ArrowLeft: -0.02, ArrowRight: 0.02, PageDown: -0.2, PageUp: 0.2, Home: -1, End: 1 };

export class Curves {
  #rows = byId("curves-rows");
  #ticks = byId("curves-ticks");
  #legend = byId("curves-legend");
  #at = byId("curves-at");
  #more = byId("curves-more");
  #words = byId("curves-text");
  /** @type {string[]} */
  #labels = [];
  /** @type {import("../types.d.ts").Moment[]} */
  #moments = [];
  /** @type {Axis} */
  #axis = { fromS: 0, toS: 0, gapS: 0, lastS: 0, unread: [], inWords: String };
  /** @type {Map<number, Row>} by track */
  #byTrack = new Map();
  /** @type {Map<number, HTMLCanvasElement>} */
  #thumbnails = new Map();
  /** @type {((timeS: number) => void) | null} */
  #onPlace = null;
  #isStale = false;
  #cursor = -1; // as a share of the axis; less than 0: none
  /** @type {Row | null} the row that the cursor is in */
  #read = null;

  constructor() {
    new ResizeObserver(() => this.#schedule()).observe(this.#rows);
  }

  /**
   * Empties it, for another live session or video.
   * @param {{title: string, onPlace?: (timeS: number) => void}} settings `onPlace`: a place in time was pressed
   */
  begin({ title, onPlace }) {
    byId("curves-title").textContent = title;
    this.#onPlace = onPlace ?? null;
    this.#rows.classList.toggle("pressable", onPlace !== undefined);
    this.#thumbnails.clear();
    this.#byTrack.clear();
    this.#rows.replaceChildren();
    this.#cursor = -1;
    this.#more.textContent = "";
    this.words = onPlace ? "Press a place in it to go there." : "";
    this.playhead = -1;
    this.#showValues();
  }

  /** @param {string[]} labels in the model's order */
  set labels(labels) {
    if (labels.join() === this.#labels.join()) return;
    this.#labels = labels;
    this.#legend.replaceChildren(...labels.map(legendItem));
  }

  /** @param {string} words below the rows */
  set words(words) {
    this.#words.textContent = words;
  }

  /** @param {number} share where the video is, as a share of its length; less than 0: nowhere */
  set playhead(share) {
    this.#rows.style.setProperty("--playhead", `${100 * share}%`);
    this.#rows.classList.toggle("playing", share >= 0);
  }

  /** @param {import("../types.d.ts").Moment[]} moments @param {Axis} axis */
  show(moments, axis) {
    this.#moments = moments;
    this.#axis = axis;
    this.#schedule();
  }

  /** The faces have other numbers now. */
  forgetPictures() {
    for (const canvas of this.#thumbnails.values()) canvas.remove();
    this.#thumbnails.clear();
  }

  /** Whether a face has no picture yet. @param {number | null} track */
  lacks(track) {
    return track !== null && !this.#thumbnails.has(track);
  }

  /** Takes the pictures of faces that have none yet. @param {Pick<import("../types.d.ts").Scene, "picture" | "size" | "mirrored" | "faces">} scene */
  picture({ faces, ...scene }) {
    for (const { track_id: track, box } of faces) {
      if (track === null || !this.lacks(track)) continue;
      const canvas = thumbnail();
      paintThumbnail(canvas, scene, box);
      this.#thumbnails.set(track, canvas);
      this.#byTrack.get(track)?.name.prepend(canvas);
    }
  }

  /** Answers come faster than a screen shows them. */
  #schedule() {
    if (this.#isStale) return;
    this.#isStale = true;
    requestAnimationFrame(() => {
      this.#isStale = false;
      this.#paint();
    });
  }

  #paint() {
    const all = seriesOf(this.#moments, this.#axis.gapS);
    const shown = longest(all, MOST_FACES);
    this.#arrange(shown);
    this.#words.hidden = shown.length === 0;
    this.#more.textContent = moreOf(all.length, shown.length, this.#moments.length);
    for (const { canvas, series } of this.#byTrack.values()) paintAreas(canvas, series.runs, this.#labels, this.#axis);
    const { fromS, toS, inWords } = this.#axis;
    this.#ticks.replaceChildren(
      ...(shown.length > 0 ? ticks(fromS, toS, MOST_TICKS) : []).map((timeS) => {
        const tick = create("span", { textContent: inWords(timeS) });
        tick.style.left = `${(100 * (timeS - fromS)) / (toS - fromS || 1)}%`;
        return tick;
      }),
    );
    this.#showValues();
  }

  /** Rows are changed in place: a new one would not have the keyboard's focus. @param {Series[]} shown */
  #arrange(shown) {
    const tracks = new Set(shown.map(({ track }) => track));
    for (const [track, { element }] of this.#byTrack) {
      if (tracks.has(track)) continue;
      element.remove();
      this.#byTrack.delete(track);
    }
    for (const series of shown) {
      const row = this.#byTrack.get(series.track);
      if (row) row.series = series;
      else this.#byTrack.set(series.track, this.#newRow(series));
    }
    const inOrder = shown.map(({ track }) => this.#byTrack.get(track)?.element ?? "");
    if (inOrder.some((element, i) => this.#rows.children[i] !== element)) this.#rows.replaceChildren(...inOrder);
  }

  /** @param {Series} series @returns {Row} */
  #newRow(series) {
    const parts = rowOf(series.track);
    const row = { ...parts, series };
    const picture = this.#thumbnails.get(series.track);
    if (picture) parts.name.prepend(picture);
    const { plot } = parts;
    plot.addEventListener("pointermove", (event) => this.#moveTo(row, shareAt(plot, event)));
    plot.addEventListener("pointerleave", () => this.#leave(row));
    plot.addEventListener("blur", () => this.#leave(row));
    plot.addEventListener("click", (event) => this.#onPlace?.(this.#timeAt(shareAt(plot, event))));
    plot.addEventListener("keydown", (event) => this.#onKey(row, event));
    return row;
  }

  /** @param {Row} row @param {KeyboardEvent} event */
  #onKey(row, event) {
    const step = KEYS[event.key];
    if (event.key === "Enter" && this.#cursor >= 0) this.#onPlace?.(this.#timeAt(this.#cursor));
    if (event.key === "Escape") this.#leave(row);
    if (step === undefined) return;
    event.preventDefault(); // otherwise the page scrolls as well
    const from = this.#cursor >= 0 ? this.#cursor : Number(step < 0);
    this.#moveTo(row, Math.min(1, Math.max(0, from + step)));
  }

  /** @param {Row} row @param {number} share of the axis */
  #moveTo(row, share) {
    this.#cursor = share;
    this.#read = row;
    this.#showValues();
  }

  /** @param {Row} row */
  #leave(row) {
    if (this.#read !== row) return;
    this.#cursor = -1;
    this.#showValues();
  }

  /** @param {number} share */
  #timeAt(share) {
    const { fromS, toS } = this.#axis;
    return fromS + share * (toS - fromS);
  }

  #showValues() {
    const isRead = this.#cursor >= 0 && this.#read !== null;
    this.#rows.style.setProperty("--cursor", `${100 * this.#cursor}%`);
    this.#rows.classList.toggle("read", isRead);
    const timeS = this.#timeAt(this.#cursor);
    const point = isRead && this.#read ? pointAt(this.#read.series, timeS, this.#axis.lastS) : null;
    this.#at.textContent = isRead && this.#read ? `${nameOf(this.#read.series.track)}, ${this.#axis.inWords(timeS)}` : "";
    this.#labels.forEach((label, i) => {
      const value = this.#legend.children[i]?.lastElementChild;
      if (value) value.textContent = point ? percent(point.emotions[label] ?? 0) : "";
    });
    for (const { plot, series } of this.#byTrack.values()) {
      plot.ariaValueNow = String(Math.round(100 * Math.max(0, this.#cursor)));
      plot.ariaValueText = isRead ? this.#inWords(series, timeS) : "no time is chosen";
    }
  }

  /** The shares of a face at a time, the largest first. @param {Series} series @param {number} timeS */
  #inWords(series, timeS) {
    const point = pointAt(series, timeS, this.#axis.lastS);
    const shares = Object.entries(point?.emotions ?? {}).sort(([, a], [, b]) => b - a);
    const words = shares.map(([label, share]) => `${label} ${percent(share)}`).join(", ");
    const isUnread = this.#axis.unread.some(([fromS, toS]) => fromS <= timeS && timeS <= toS);
    return `${this.#axis.inWords(timeS)}: ${words || (isUnread ? "not read" : "not in view")}`;
  }
}

/** What stands below the rows. @param {number} all faces @param {number} shown @param {number} moments that were read */
function moreOf(all, shown, moments) {
  if (all > shown) return `and ${all - shown} more that were seen for a shorter time`;
  return all === 0 && moments > 0 ? "Here are curves once a face is found." : "";
}
