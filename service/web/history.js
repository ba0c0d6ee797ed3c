/** What was read in the last half minute. */

export const SPAN_MS = 30_000;

/**
 * @typedef {{atMs: number, faces: object[], chosen: number}} Instant `atMs` of performance.now(); `chosen`: index of the face that was shown
 */

export class History {
  /** @type {Instant[]} oldest first */
  instants = [];

  /** @param {Instant} instant */
  add(instant) {
    this.instants.push(instant);
    const oldest = instant.atMs - SPAN_MS;
    while (this.instants[0].atMs < oldest) this.instants.shift();
  }

  clear() {
    this.instants = [];
  }

  /** As frames of a film that begins with the oldest. */
  get moments() {
    const [first] = this.instants;
    return this.instants.map(({ atMs, faces }, index) => ({ index, time_s: (atMs - first.atMs) / 1000, faces }));
  }

  /** The mean share of each label over the shown face's instants; null without any. */
  get mean() {
    const shown = this.instants.map(({ faces, chosen }) => faces[chosen]?.emotions).filter(Boolean);
    if (shown.length === 0) return null;
    const sum = (label) => shown.reduce((total, emotions) => total + emotions[label], 0);
    return Object.fromEntries(Object.keys(shown[0]).map((label) => [label, sum(label) / shown.length]));
  }
}
