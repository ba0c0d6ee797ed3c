/** What may find a face where none was found: smaller faces, or the other detector. */

import { titleOf } from "../view/detectors.js";

/** @typedef {import("../types.d.ts").Offer} Offer */

/**
 * @param {import("./page.js").Page} page
 * @param {import("../types.d.ts").Size} image
 * @param {number | null | undefined} searchedPx the width of the smallest face that was searched for
 * @param {(minFacePx: number) => void} onSmaller
 * @returns {Promise<Offer[]>}
 */
export async function offersFor({ service, detectors }, image, searchedPx, onSmaller) {
  const limits = await service.limits;
  const detector = detectors.chosen;
  if (!searchedPx || !limits || !detector) return [];
  const leastPx = Math.max(detector.window_px, Math.max(image.width, image.height) * limits.smallest_face_share);
  const smallerPx = Math.max(Math.floor(searchedPx / 2), Math.ceil(leastPx));
  /** @type {Offer[]} */
  const others = detectors.others.map(({ option }) => [`Try ${titleOf(option)}`, () => detectors.choose(option)]);
  return smallerPx < searchedPx ? [["Look for smaller faces", () => onSmaller(smallerPx)], ...others] : others;
}

/** @param {number | null | undefined} searchedPx @param {string} where such as "in this picture" */
export const notFound = (searchedPx, where) =>
  searchedPx ? `No face of ${searchedPx} pixels or more was found ${where}.` : `No face was found ${where}.`;
