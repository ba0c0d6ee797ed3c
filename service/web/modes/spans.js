/** Which parts of a video have been read. */

const SLACK_S = 1e-6;

/** @typedef {{fromS: number, toS: number}} Span `toS`: Infinity where it was read to the video's end */

export class Spans {
  /** @type {Span[]} in order, none touches another */
  #all = [];
  /** @type {number | null} of the video, once its end was read */
  durationS = null;

  /** @param {number} fromS @param {number} toS */
  add(fromS, toS) {
    /** @param {Span} span */
    const isApart = (span) => span.fromS > toS + SLACK_S || span.toS < fromS - SLACK_S;
    const touching = this.#all.filter((span) => !isApart(span));
    const joined = {
      fromS: Math.min(fromS, ...touching.map((span) => span.fromS)),
      toS: Math.max(toS, ...touching.map((span) => span.toS)),
    };
    this.#all = [...this.#all.filter(isApart), joined].sort((a, b) => a.fromS - b.fromS);
  }

  /** The span that holds a time; null where that has not been read. @param {number} timeS */
  at(timeS) {
    return this.#all.find(({ fromS, toS }) => timeS >= fromS - SLACK_S && timeS < toS + SLACK_S) ?? null;
  }

  /** The first gap at a time or after it. @param {number} timeS @returns {{fromS: number, toS?: number} | null} */
  gapFrom(timeS) {
    const within = this.#all.find((span) => span.fromS <= timeS + SLACK_S && span.toS > timeS + SLACK_S);
    const fromS = within ? within.toS : timeS;
    if (fromS === Infinity) return null;
    const next = this.#all.find((span) => span.fromS > fromS + SLACK_S);
    return next ? { fromS, toS: next.fromS } : { fromS };
  }

  /** All gaps of a video of so many seconds, as [from, to]. @param {number} durationS @returns {[number, number][]} */
  gaps(durationS) {
    const ends = [0, ...this.#all.map(({ toS }) => toS)];
    const starts = [...this.#all.map(({ fromS }) => fromS), durationS];
    return ends
      .map((fromS, i) => /** @type {[number, number]} */ ([fromS, starts[i] ?? durationS]))
      .filter(([fromS, toS]) => toS > fromS + SLACK_S);
  }

  /** Seconds in all, of a video of so many. @param {number} durationS */
  lengthS(durationS) {
    return this.#all.reduce((sum, { fromS, toS }) => sum + Math.max(0, Math.min(toS, durationS) - fromS), 0);
  }
}
