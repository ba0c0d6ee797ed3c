/** Pictures: shown, and read by the server or by this browser. */

import { upload } from "./upload.js";

/** The picture upright, as its boxes refer to it; null where this browser cannot show it. */
export async function openPicture(file) {
  try {
    // As the file has it: colours that were fitted to this screen would not be those that the server reads.
    return await createImageBitmap(file, { colorSpaceConversion: "none" });
  } catch {
    return null;
  }
}

/** The server's Result, with the heatmaps of all labels. Raises Problem. */
export async function predict(file, limitBytes, signal) {
  const response = await upload("v1/predict?explain=gradcam&target=all", file, limitBytes, signal);
  return response.json();
}

/** A picture's pixels, at most `longest` on its longer side. @param {ImageBitmap | HTMLVideoElement} picture */
export function pixelsOf(picture, longest = Infinity) {
  const [width, height] = [picture.videoWidth ?? picture.width, picture.videoHeight ?? picture.height];
  const scale = Math.min(1, longest / Math.max(width, height));
  const canvas = new OffscreenCanvas(Math.round(width * scale), Math.round(height * scale));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  return context.getImageData(0, 0, canvas.width, canvas.height);
}
