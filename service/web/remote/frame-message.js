/** A camera frame as a message of fer.v1. */

import { contextOf } from "../dom.js";
import { LONGEST_SIDE_PX } from "../input/camera.js";

const HEADER_BYTES = 16;
const MAGIC = 0x46455231; // "FER1"
const JPEG_QUALITY = 0.8;

/** Frames as JPEG, at most as large as the server needs them. */
export class Encoder {
  #canvas = document.createElement("canvas");

  /** @param {ImageBitmap} bitmap @returns {Promise<ArrayBuffer>} */
  async encode(bitmap) {
    const scale = Math.min(1, LONGEST_SIDE_PX / Math.max(bitmap.width, bitmap.height));
    this.#canvas.width = Math.round(bitmap.width * scale);
    this.#canvas.height = Math.round(bitmap.height * scale);
    contextOf(this.#canvas).drawImage(bitmap, 0, 0, this.#canvas.width, this.#canvas.height);
    /** @type {Blob | null} */
    const file = await new Promise((resolve) => this.#canvas.toBlob(resolve, "image/jpeg", JPEG_QUALITY));
    if (file === null) throw new Error("the browser could not encode the frame");
    return file.arrayBuffer();
  }
}

/**
 * The frame as one message: the header, big-endian, then the JPEG.
 * @param {number} frameId @param {number} capturedAt @param {ArrayBuffer} jpeg
 */
export function packed(frameId, capturedAt, jpeg) {
  const message = new Uint8Array(HEADER_BYTES + jpeg.byteLength);
  const header = new DataView(message.buffer);
  header.setUint32(0, MAGIC);
  header.setUint32(4, frameId);
  header.setFloat64(8, capturedAt);
  message.set(new Uint8Array(jpeg), HEADER_BYTES);
  return message;
}
