/** What is sent of a picture: the file itself, or a smaller JPEG of it. */

import { contextOf } from "../dom.js";
import { Problem } from "../remote/problem.js";

const LONGEST_PX = 4096; // twelve megapixels are sent as they are
const QUALITY = 0.92;
const HEIC = /^(heic|heix|heim|heis|hevc|hevx|mif1|msf1)$/;

/** Width and height, so that neither side nor the whole is too large. @param {import("../types.d.ts").Size} size @param {number} maxPixels */
export function fitted({ width, height }, maxPixels) {
  const scale = Math.min(1, LONGEST_PX / Math.max(width, height), Math.sqrt(maxPixels / (width * height)));
  return { width: Math.max(1, Math.floor(width * scale)), height: Math.max(1, Math.floor(height * scale)) };
}

/**
 * The file itself where the service takes it; else a JPEG, of kinds that only this browser knows and of large pictures.
 * Raises Problem where neither knows it.
 * @param {File} file
 * @param {ImageBitmap | null} picture as this browser opened it; null: it could not
 * @param {import("../contract.d.ts").Limits | null} limits
 * @returns {Promise<Blob>}
 */
export async function sendable(file, picture, limits) {
  if (picture === null) {
    if (await isHeic(file)) throw HEIC_PROBLEM;
    return file;
  }
  if (limits === null) return file;
  const size = fitted(picture, limits.max_pixels);
  const isTaken = limits.media_types.includes(file.type) && file.size <= limits.max_body_bytes;
  if (isTaken && size.width === picture.width) return file;
  const canvas = new OffscreenCanvas(size.width, size.height);
  const context = contextOf(canvas);
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, 0, 0, size.width, size.height);
  return canvas.convertToBlob({ type: "image/jpeg", quality: QUALITY });
}

const HEIC_PROBLEM = new Problem(
  "This browser cannot open HEIC pictures",
  "Safari can. An iPhone takes JPEG with Settings, Camera, Formats, Most Compatible; photos that it mails are JPEG, too.",
);

/** By its first bytes (ISO 14496-12, `ftyp`). @param {Blob} file */
async function isHeic(file) {
  const head = new TextDecoder("latin1").decode(await file.slice(4, 12).arrayBuffer());
  return head.startsWith("ftyp") && HEIC.test(head.slice(4));
}
