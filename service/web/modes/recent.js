/** What was read in the last 30 seconds of a live session. */

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

  /** The mean share of each label over the shown faces; null where none was shown. @returns {Record<string, number> | null} */
  get mean() {
    const shown = this.instants.map(({ faces, chosen }) => faces[chosen]?.emotions).filter((emotions) => emotions !== undefined);
    const [first] = shown;
    if (first === undefined) return null;
    /** @param {string} label */
    const sum = (label) => shown.reduce((total, emotions) => total + (emotions[label] ?? 0), 0);
    return Object.fromEntries(Object.keys(first).map((label) => [label, sum(label) / shown.length]));
  }
}
