/** Face detection in the browser by CenterFace's network (Xu et al. 2019), computed as the service computes it. */

import { area, intersection, largestFirst, merged, smallestPx } from "./detection.js";
import { roundHalfEven, shrink } from "./pixels.js";

// The network's own: cells of its maps are so many pixels of its input apart, those of the coarsest layer MULTIPLE.
const [STRIDE, MULTIPLE] = [4, 32];
// The service's limits on the work that a picture made to look like faces everywhere would be.
const MAX_CANDIDATES = 500;
const MAX_LOG_SIZE = 8;
const POINTS = /** @type {const} */ (["left_eye", "right_eye", "nose", "left_mouth", "right_mouth"]);

/**
 * @typedef {import("../types.d.ts").Grey} Grey
 * @typedef {import("../contract.d.ts").Box} Box
 * @typedef {import("../contract.d.ts").Point} Point
 * @typedef {import("../contract.d.ts").DetectorDescription} DetectorDescription
 * @typedef {import("./detection.js").Detection} Detection
 * @typedef {{threshold: number, nms_overlap: number, upright_degrees: number, square_side: number}} Figures
 * @typedef {DetectorDescription & Figures} CenterFace how the service's CenterFace searches
 *
 * @typedef {{data: Float32Array, width: number, height: number}} Pixels
 * @typedef {[heat: Float32Array, logSize: Float32Array, offset: Float32Array, landmarks: Float32Array]} Maps with a row
 *   and a column for every STRIDE pixels: how surely a cell holds a face's centre; the natural logarithm of height and
 *   width in cells; what is added to the cell's row and column; and y, x of five points, measured from the box's top left
 *   corner in its heights and widths
 * @typedef {{box: Box, score: number, points: Point[]}} Candidate in pixels of the network's input
 */

/** @param {DetectorDescription} described @returns {CenterFace} */
export function figuresOf({ threshold, nms_overlap, upright_degrees, square_side, ...described }) {
  if (threshold === null || nms_overlap === null || upright_degrees === null || square_side === null) {
    throw new Error("the service does not say how CenterFace searches");
  }
  return { ...described, threshold, nms_overlap, upright_degrees, square_side };
}

/**
 * Faces, largest first, as the service's detector finds them.
 * @param {Grey} grey @param {(pixels: Pixels) => Promise<Maps>} run the network
 * @param {CenterFace} search @param {import("./detection.js").Limits} limits
 * @returns {Promise<Detection[]>}
 */
export async function detect(grey, run, search, limits) {
  const { minFacePx, maxFaces } = limits;
  // A larger `minFacePx` does not make the input smaller: tilted faces need the resolution.
  const smallest = Math.min(smallestPx(grey, search, { ...limits, minFacePx: undefined }), smallestPx(grey, search, limits));
  const { pixels, scaleX, scaleY } = networkInput(grey, search.window_px / smallest);
  const found = candidates(await run(pixels), pixels.width / STRIDE, search).map(({ box: { x, y, width, height }, score, points }) =>
    detection(
      { x: x / scaleX, y: y / scaleY, width: width / scaleX, height: height / scaleY },
      score,
      points.map((point) => ({ x: point.x / scaleX, y: point.y / scaleY })),
      grey,
      search,
    ),
  );
  const wanted = merged(found, search.merge_overlap).filter(({ square }) => minFacePx === undefined || square.width >= minFacePx);
  return largestFirst(wanted).slice(0, maxFaces);
}

/**
 * The image shrunk by `scale` (never enlarged), with black at the right and below up to the next multiple of MULTIPLE,
 * and the exact scale of x and of y.
 * @param {Grey} grey @param {number} scale
 */
export function networkInput(grey, scale) {
  const width = Math.max(1, roundHalfEven(grey.width * Math.min(1, scale)));
  const height = Math.max(1, roundHalfEven(grey.height * Math.min(1, scale)));
  const small = shrink(grey, { width, height });
  const padded = { width: Math.ceil(width / MULTIPLE) * MULTIPLE, height: Math.ceil(height / MULTIPLE) * MULTIPLE };
  const data = new Float32Array(padded.width * padded.height);
  for (let y = 0; y < height; y += 1) data.set(small.data.subarray(y * width, (y + 1) * width), y * padded.width);
  return { pixels: { data, ...padded }, scaleX: width / grey.width, scaleY: height / grey.height };
}

/**
 * The network's maps of one image as boxes with scores and landmarks, surest first.
 * @param {Maps} maps @param {number} columns of each map @param {Figures} search
 * @returns {Candidate[]}
 */
export function candidates([heat, logSize, offset, landmarks], columns, { threshold, nms_overlap: overlap }) {
  const least = Math.fround(threshold);
  const cells = heat.length;
  /** @type {number[]} */
  const sure = [];
  for (let at = 0; at < cells; at += 1) if (heat[at] > least) sure.push(at);
  sure.sort((a, b) => heat[b] - heat[a]);
  const found = sure.slice(0, MAX_CANDIDATES).map((at) => {
    const [row, column] = [Math.floor(at / columns), at % columns];
    const [height, width] = [0, 1].map((i) => Math.exp(Math.min(logSize[i * cells + at], MAX_LOG_SIZE)) * STRIDE);
    const y = (row + offset[at] + 0.5) * STRIDE - height / 2;
    const x = (column + offset[cells + at] + 0.5) * STRIDE - width / 2;
    const points = POINTS.map((_, i) => ({
      x: landmarks[(2 * i + 1) * cells + at] * width + x,
      y: landmarks[2 * i * cells + at] * height + y,
    }));
    return { box: { x, y, width, height }, score: heat[at], points };
  });
  return suppressed(found, overlap);
}

/** Of boxes that overlap by more than so much of their union, the surest. @param {Candidate[]} found surest first @param {number} overlap */
function suppressed(found, overlap) {
  /** @type {Candidate[]} */
  const kept = [];
  for (const one of found) if (kept.every((other) => ofUnion(one.box, other.box) <= overlap)) kept.push(one);
  return kept;
}

/** @param {Box} a @param {Box} b */
function ofUnion(a, b) {
  const both = intersection(a, b);
  return both / (area(a) + area(b) - both);
}

/**
 * A face of the whole image.
 * @param {Box} box not yet cut off at the image's edges @param {number} confidence @param {Point[]} points
 * @param {import("../types.d.ts").Size} image @param {Figures} search
 * @returns {Detection}
 */
function detection(box, confidence, points, image, { square_side: side, upright_degrees: least }) {
  const [left_eye, right_eye, nose, left_mouth, right_mouth] = points;
  return {
    box: inside(box, image),
    square: squareOf(box, side),
    degrees: tilt(left_eye, right_eye, least),
    weight: null,
    confidence,
    landmarks: { left_eye, right_eye, nose, left_mouth, right_mouth },
  };
}

/** How far the line between the eyes is turned clockwise; 0 below `least`. @param {Point} left @param {Point} right @param {number} least */
export function tilt(left, right, least) {
  const degrees = (Math.atan2(right.y - left.y, right.x - left.x) * 180) / Math.PI;
  return Math.abs(degrees) >= least ? degrees : 0;
}

/** The square that frames the face as Haar does. @param {Box} box @param {number} factor of the root of the box's area @returns {Box} */
export function squareOf({ x, y, width, height }, factor) {
  const side = factor * Math.sqrt(width * height);
  const whole = Math.max(1, roundHalfEven(side));
  return { x: roundHalfEven(x + (width - side) / 2), y: roundHalfEven(y + (height - side) / 2), width: whole, height: whole };
}

/** The part of a box that lies in the image, in whole pixels, at least one. @param {Box} box @param {import("../types.d.ts").Size} image @returns {Box} */
function inside({ x, y, width, height }, image) {
  /** @param {number} from @param {number} to @param {number} side */
  const clipped = (from, to, side) => {
    const low = Math.min(Math.max(roundHalfEven(from), 0), side - 1);
    return [low, Math.min(Math.max(roundHalfEven(to), low + 1), side)];
  };
  const [left, right] = clipped(x, x + width, image.width);
  const [top, bottom] = clipped(y, y + height, image.height);
  return { x: left, y: top, width: right - left, height: bottom - top };
}
