/** Faces over time: the shares of each face, in runs without a gap, and the marks of the axis of time. */

/**
 * @typedef {import("../types.d.ts").Moment} Moment
 * @typedef {{timeS: number, emotions: Record<string, number>}} Point
 * @typedef {{track: number, runs: Point[][]}} Series `track`: 0 for faces that nobody followed
 */

const STEPS_S = [0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600];

/**
 * One for each face, by its track. Of faces without one, the largest of each moment is taken.
 * @param {Moment[]} moments in order of time
 * @param {number} gapS a longer time without the face is a gap
 * @returns {Series[]} in the order of the tracks
 */
export function seriesOf(moments, gapS) {
  /** @type {Map<number, Series>} */
  const all = new Map();
  for (const { time_s: timeS, faces } of moments) {
    const followed = faces.filter(({ track_id: track }) => track !== null);
    for (const { track_id: track, emotions } of followed.length > 0 ? followed : faces.slice(0, 1)) {
      const series = all.get(track ?? 0) ?? { track: track ?? 0, runs: [] };
      all.set(series.track, series);
      const run = series.runs.at(-1);
      const lastS = run?.at(-1)?.timeS ?? -Infinity;
      if (run && timeS - lastS <= gapS) run.push({ timeS, emotions });
      else series.runs.push([{ timeS, emotions }]);
    }
  }
  return [...all.values()].sort((a, b) => a.track - b.track);
}

/** How many points it has. @param {Series} series */
export const lengthOf = ({ runs }) => runs.reduce((sum, run) => sum + run.length, 0);

/** Those that were seen longest, in the order of their tracks. @param {Series[]} all @param {number} most */
export function longest(all, most) {
  const kept = new Set(all.toSorted((a, b) => lengthOf(b) - lengthOf(a)).slice(0, most));
  return all.filter((series) => kept.has(series));
}

/**
 * The point that is shown at a time: the last one before it, for as long as it is drawn; null in a gap.
 * @param {Series} series @param {number} timeS @param {number} lastS how long the last point before a gap is drawn
 * @returns {Point | null}
 */
export function pointAt({ runs }, timeS, lastS) {
  const run = runs.findLast(([first]) => first !== undefined && first.timeS <= timeS);
  const last = run?.at(-1);
  if (!run || !last || timeS > last.timeS + lastS) return null;
  return run.findLast((point) => point.timeS <= timeS) ?? null;
}

/** The times of an axis that get a mark, whole steps apart. @param {number} fromS @param {number} toS @param {number} most */
export function ticks(fromS, toS, most) {
  const stepS = STEPS_S.find((step) => (toS - fromS) / step <= most) ?? (toS - fromS) / most;
  const first = Math.ceil(fromS / stepS);
  const count = Math.floor(toS / stepS) - first + 1;
  return Array.from({ length: Math.max(0, count) }, (_, i) => (first + i) * stepS);
}
