/** Heatmaps in colour: grey maps through inferno, a perceptually uniform colour map. */

import { contextOf, create } from "../dom.js";
import { highest } from "./format.js";

/**
 * @typedef {import("../types.d.ts").Grey} Grey
 * @typedef {import("../types.d.ts").Head} Head
 * @typedef {import("../types.d.ts").PageFace} PageFace
 */

/** Every fifteenth entry of matplotlib's inferno (CC0), from black to pale yellow. */
const INFERNO = (
  "000004 0a0722 1e0c45 380962 510e6c 69166e 801f6c 982766 b0315b " +
  "c63d4d d94d3d e9612b f47918 fa9407 fcb014 f8cd37 f2ea69 fcffa4"
)
  .split(" ")
  .map((hex) => [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16)));
const STEP = 255 / (INFERNO.length - 1);

// The face must stay visible: low values are transparent, and no value is opaque.
const CLEAR_BELOW = 0.12;
const OPAQUE_FROM = 0.6;
const OPACITY = 0.72;
// The map ends with the square that the network saw; a hard edge there would look like a finding.
const SOFT_EDGE = 0.08;

/** RGBA of each grey value. */
const PALETTE = Array.from({ length: 256 }, (_, value) => [...colour(value), Math.round(255 * opacity(value / 255))]);

/** @param {number} value 0 to 255 @returns {number[]} red, green, blue */
function colour(value) {
  const index = Math.min(Math.floor(value / STEP), INFERNO.length - 2);
  const [low = [], high = []] = [INFERNO[index], INFERNO[index + 1]];
  const share = value / STEP - index;
  return low.map((channel, i) => Math.round(channel + share * ((high[i] ?? 0) - channel)));
}

/** @param {number} share 0 to 1 */
function opacity(share) {
  const t = Math.min(1, Math.max(0, (share - CLEAR_BELOW) / (OPAQUE_FROM - CLEAR_BELOW)));
  return OPACITY * t * t * (3 - 2 * t);
}

/**
 * The coloured heatmap of one label for a face, with the square that it covers; null where there is none.
 * @param {PageFace} face
 * @param {string} target a label, or "top" for that of the answer
 * @param {Head} [head] the answer that it explains
 * @returns {Promise<import("../types.d.ts").PlacedHeatmap | null>}
 */
export async function heatmapOf(face, target, head = "emotions") {
  const label = target === "top" ? topOf(face, head) : target;
  // On the scale of the strongest of the answer's maps, where all are here: else each would glow as hot as another. The
  // other answer has a scale of its own, as its weights are larger or smaller.
  const peaks = peaksOf(face, head);
  const strongest = Math.max(...Object.values(peaks));
  const scale = Object.keys(peaks).length > 1 ? (peaks[label] ?? 1) / (strongest || 1) : 1;
  const local = face.heatmaps?.[head]?.[label];
  if (local && face.heatmaps) return { canvas: coloured(local.map, scale), box: face.heatmaps.box, degrees: face.heatmaps.degrees };
  const explanation = face.explanations?.find((one) => one.target === label && one.head === head);
  return explanation ? { canvas: coloured(await decode(explanation), scale), box: explanation.box, degrees: explanation.degrees } : null;
}

/** The highest value of each label's map, for those labels that have one. @param {PageFace} face @param {Head} head @returns {Record<string, number>} */
export function peaksOf({ heatmaps, explanations = [] }, head) {
  const local = Object.entries(heatmaps?.[head] ?? {}).map(([label, { peak }]) => [label, peak]);
  const sent = explanations.filter((one) => one.head === head).map(({ target, peak }) => [target, peak]);
  return Object.fromEntries(heatmaps ? local : sent);
}

/** What an answer says of a face, by label. @param {PageFace} face @param {Head} head */
export const sharesOf = ({ emotions, votes }, head) => (head === "votes" && votes ? votes : emotions);

/** The label with the largest share. @param {PageFace} face @param {Head} head */
export const topOf = (face, head) => (head === "votes" && face.votes ? highest(face.votes)[0] : face.emotion);

/** The service's grey PNG as pixels. @param {import("../contract.d.ts").Explanation} explanation @returns {Promise<Grey>} */
async function decode({ data, media_type: type }) {
  const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
  const picture = await createImageBitmap(new Blob([bytes], { type }));
  const { width, height } = picture;
  const context = contextOf(create("canvas", { width, height }), { willReadFrequently: true });
  context.drawImage(picture, 0, 0);
  picture.close();
  const rgba = context.getImageData(0, 0, width, height).data;
  return { data: Uint8Array.from({ length: width * height }, (_, at) => rgba[4 * at] ?? 0), width, height };
}

/** @param {Grey} map @param {number} scale 0 to 1 */
function coloured({ data, width, height }, scale) {
  const canvas = create("canvas", { width, height });
  const image = new ImageData(width, height);
  data.forEach((grey, at) => {
    const [red = 0, green = 0, blue = 0, alpha = 0] = PALETTE[Math.round(scale * grey)] ?? [];
    image.data.set([red, green, blue, alpha * softness(at, canvas)], 4 * at);
  });
  contextOf(canvas).putImageData(image, 0, 0);
  return canvas;
}

/** 1 inside, down to 0 at the border. @param {number} index of the pixel @param {import("../types.d.ts").Size} size */
function softness(index, { width, height }) {
  const x = ((index % width) + 0.5) / width;
  const y = (Math.floor(index / width) + 0.5) / height;
  return Math.min(1, Math.min(x, 1 - x, y, 1 - y) / SOFT_EDGE);
}

/** Paints the scale from low to high into a canvas that is 256 pixels wide. @param {HTMLCanvasElement} canvas */
export function paintScale(canvas) {
  const image = new ImageData(256, 1);
  PALETTE.forEach(([red = 0, green = 0, blue = 0], at) => image.data.set([red, green, blue, 255], 4 * at));
  contextOf(canvas).putImageData(image, 0, 0);
}
