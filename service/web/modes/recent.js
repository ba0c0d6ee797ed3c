/** What was read in the last 30 seconds of a live session. */

import { percent } from "../view/format.js";

export const SPAN_MS = 30_000;

/**
 * @typedef {import("../types.d.ts").PageFace} PageFace
 * @typedef {{atMs: number, faces: PageFace[], chosen: number}} Instant `atMs`: performance.now(); `chosen`: index of the
 *   face that the panel showed
 */

export class Recent {
  /** @type {Instant[]} oldest first */
  instants = [];

  /** @param {Instant} instant */
  add(instant) {
    const oldest = instant.atMs - SPAN_MS;
    this.instants = [...this.instants.filter(({ atMs }) => atMs >= oldest), instant];
  }

  clear() {
    this.instants = [];
  }

  /** As frames of a video that begins with the oldest. @returns {import("../types.d.ts").Moment[]} */
  get moments() {
    const start = this.instants[0]?.atMs ?? 0;
    return this.instants.map(({ atMs, faces }, index) => ({ index, time_s: (atMs - start) / 1000, faces }));
  }

  /** With times before one, in seconds: -30 to 0. @param {number} nowMs @returns {import("../types.d.ts").Moment[]} */
  before(nowMs) {
    return this.instants.map(({ atMs, faces }, index) => ({ index, time_s: (atMs - nowMs) / 1000, faces }));
  }

  /** The mean share of each label over the shown faces; null where none was shown. @returns {Record<string, number> | null} */
  get mean() {
    const shown = this.instants.map(({ faces, chosen }) => faces[chosen]?.emotions).filter((emotions) => emotions !== undefined);
    const [first] = shown;
    if (first === undefined) return null;
    /** @param {string} label */
    const sum = (label) => shown.reduce((total, emotions) => total + (emotions[label] ?? 0), 0);
    return Object.fromEntries(Object.keys(first).map((label) => [label, sum(label) / shown.length]));
  }
  /** The mean of the shown face, in a sentence. */
  get words() {
    const { mean, instants } = this;
    if (mean === null) return "Shares of each face, as they are read.";
    const seconds = Math.round(((instants.at(-1)?.atMs ?? 0) - (instants[0]?.atMs ?? 0)) / 1000);
    const highest = Object.entries(mean).sort(([, a], [, b]) => b - a).slice(0, 2);
    return `Mean of ${seconds} s: ${highest.map(([label, share]) => `${label} ${percent(share)}`).join(", ")}`;
  }
}
