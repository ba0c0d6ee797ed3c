/** Pictures and video frames as pixels. */

import { contextOf } from "../dom.js";

/**
 * The picture upright, as its boxes refer to it.
 * @param {Blob} file
 * @returns {Promise<ImageBitmap | null>} null where this browser cannot show it
 */
export async function openPicture(file) {
  try {
    // Without colour management: the service reads the values that stand in the file.
    return await createImageBitmap(file, { colorSpaceConversion: "none" });
  } catch {
    return null;
  }
}

/** @param {ImageBitmap | HTMLVideoElement} picture @returns {import("../types.d.ts").Size} its own size in pixels */
export const sizeOf = (picture) =>
  picture instanceof HTMLVideoElement
    ? { width: picture.videoWidth, height: picture.videoHeight }
    : { width: picture.width, height: picture.height };

/**
 * A picture's pixels, with at most `longest` on its longer side.
 * @param {ImageBitmap | HTMLVideoElement} picture
 * @param {number} [longest]
 */
export function pixelsOf(picture, longest = Infinity) {
  const { width, height } = sizeOf(picture);
  const scale = Math.min(1, longest / Math.max(width, height));
  const canvas = new OffscreenCanvas(Math.round(width * scale), Math.round(height * scale));
  const context = contextOf(canvas, { willReadFrequently: true });
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  return context.getImageData(0, 0, canvas.width, canvas.height);
}
