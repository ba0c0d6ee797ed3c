/** Readings as JSON. */

/** Leaves out heatmaps as pixels, which no answer of the service holds. @param {string} key @param {any} value */
const withoutPixels = (key, value) => (key === "heatmaps" ? undefined : value);

/** @param {unknown} value */
export const asJson = (value) => JSON.stringify(value, withoutPixels, 2);

/** For the eye: long data is cut off. @param {unknown} value */
export const asShortJson = (value) =>
  JSON.stringify(
    value,
    (key, given) =>
      key === "data" && given.length > 40 ? `${given.slice(0, 16)}… (${given.length} characters)` : withoutPixels(key, given),
    2,
  );
