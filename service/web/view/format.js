/** Numbers as people read them. */

const NO_BREAK_SPACE = "\u00a0";

/** @param {number} share 0 to 1 */
export const percent = (share) => `${Math.round(100 * share)}${NO_BREAK_SPACE}%`;

/** A decimal only below 10. @param {number} value */
export const milliseconds = (value) => (value < 10 ? value.toFixed(1) : String(Math.round(value)));

/** @param {number} bytes */
export const megabytes = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MB`;

/** Minutes and seconds, such as 1:07. @param {number} seconds */
export const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

/** As `clock`, with tenths where the second is not whole, such as 1:07.5. @param {number} seconds */
export function tenths(seconds) {
  const all = Math.round(10 * seconds);
  return clock(all / 10) + (all % 10 === 0 ? "" : `.${all % 10}`);
}

/** @param {number[]} values at least one */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

/** The label with the largest share, and that share; of equal ones the first. @param {Record<string, number>} shares @returns {[string, number]} */
export const highest = (shares) => Object.entries(shares).reduce((best, one) => (one[1] > best[1] ? one : best), ["", -1]);
