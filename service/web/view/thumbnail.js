/** Small pictures of faces. */

import { contextOf, create } from "../dom.js";
import { sizeOf } from "../input/picture.js";

const SIDE_PX = 72;

export const thumbnail = () => create("canvas", { width: SIDE_PX, height: SIDE_PX });

/**
 * @param {HTMLCanvasElement} canvas made by `thumbnail`
 * @param {Pick<import("../types.d.ts").Scene, "picture" | "size" | "mirrored">} scene
 * @param {import("../contract.d.ts").Box} box
 */
export function paintThumbnail(canvas, { picture, size, mirrored }, { x, y, width, height }) {
  if (!picture) return;
  const scale = sizeOf(picture).width / size.width;
  const context = contextOf(canvas);
  context.setTransform(mirrored ? -1 : 1, 0, 0, 1, mirrored ? SIDE_PX : 0, 0);
  context.drawImage(picture, x * scale, y * scale, width * scale, height * scale, 0, 0, SIDE_PX, SIDE_PX);
}
