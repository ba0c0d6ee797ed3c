/** What has not been read, in pictures of time. */

const DISTANCE_PX = 7;

/**
 * Slanted lines between two places: neither a label's colour nor the grey of "no face".
 * @param {CanvasRenderingContext2D} context @param {number} from @param {number} to @param {number} height
 */
export function hatch(context, from, to, height) {
  context.save();
  context.beginPath();
  context.rect(from, 0, Math.max(0, to - from), height);
  context.clip();
  context.beginPath();
  for (let x = from - height; x < to; x += DISTANCE_PX) {
    context.moveTo(x, height);
    context.lineTo(x + height, 0);
  }
  context.strokeStyle = "rgb(128 136 144 / 45%)";
  context.stroke();
  context.restore();
}
