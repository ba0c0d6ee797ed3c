/** Numbers as people read them. */

const NO_BREAK = "\u00a0";

/** @param {number} share 0 to 1 */
export const percent = (share) => `${Math.round(100 * share)}${NO_BREAK}%`;

/** Milliseconds: a decimal only where it says something. */
export const milliseconds = (value) => (value < 10 ? value.toFixed(1) : String(Math.round(value)));

/** @param {number[]} values at least one */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}
