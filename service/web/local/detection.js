/** What detectors find, and how overlapping boxes of one face are merged: the same rules as the service's. */

/**
 * @typedef {import("../contract.d.ts").Box} Box
 * @typedef {import("../contract.d.ts").DetectorDescription} DetectorDescription
 * @typedef {{box: Box, weight?: number | null, confidence?: number | null}} Found
 * @typedef {object} Detection
 * @property {Box} box whole pixels of the image, inside it
 * @property {Box} square what the crop starts from; it may reach past the image
 * @property {number} degrees the face's clockwise tilt where the crop should undo it
 * @property {number | null} weight on the detector's own scale
 * @property {number | null} confidence 0 to 1
 * @property {import("../contract.d.ts").Landmarks | null} landmarks
 *
 * @typedef {{maxFaces: number, leastShare: number, minFacePx?: number}} Limits of one search: no face smaller than
 *   `leastShare` of the longer side is searched for
 */

/**
 * One detection for each face, the surest: others that overlap it by so much are left out.
 * @template {Found} T
 * @param {T[]} found @param {number} overlap of the smaller box
 */
export function merged(found, overlap) {
  /** @type {T[]} */
  const kept = [];
  for (const face of found.toSorted(bySureness)) {
    if (kept.every((other) => shared(face.box, other.box) < overlap)) kept.push(face);
  }
  return kept;
}

/** By area, then from left to right and from top to bottom. @template {Found} T @param {T[]} found */
export const largestFirst = (found) =>
  found.toSorted(({ box: a }, { box: b }) => area(b) - area(a) || a.x - b.x || a.y - b.y);

/**
 * The width of the smallest face that is searched for in an image of this size.
 * @param {import("../types.d.ts").Size} image @param {Pick<DetectorDescription, "window_px" | "smallest_share">} detector
 * @param {Pick<Limits, "minFacePx" | "leastShare">} limits
 */
export function smallestPx({ width, height }, { window_px: windowPx, smallest_share: share }, { minFacePx, leastShare = 0 }) {
  const longer = Math.max(width, height);
  return Math.max(minFacePx || longer * share, windowPx, longer * leastShare);
}

/** @param {Box} box */
export const area = ({ width, height }) => width * height;

/** The pixels that two boxes share. @param {Box} a @param {Box} b */
export function intersection(a, b) {
  const across = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const down = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  return Math.max(across, 0) * Math.max(down, 0);
}

/** Intersection over the smaller box. @param {Box} a @param {Box} b */
const shared = (a, b) => intersection(a, b) / Math.min(area(a), area(b));

/** @param {Found} a @param {Found} b */
const bySureness = (a, b) =>
  (b.confidence ?? 0) - (a.confidence ?? 0) || (b.weight ?? 0) - (a.weight ?? 0) || area(b.box) - area(a.box);
