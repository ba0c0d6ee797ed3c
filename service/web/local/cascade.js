/** Face detection in the browser: the service's Haar cascade, computed as OpenCV computes it (Viola and Jones 2001). */

import { CORNERS, RECTANGLES } from "./cascade-file.js";
import { largestFirst, merged, smallestPx } from "./detection.js";
import { resizeExactly, roundHalfEven, shrink } from "./pixels.js";

// OpenCV's constants: windows of one face differ by at most this share of their size; from this factor on every place
// of the window is tried, below it every second.
const SIMILARITY = 0.2;
const EVERY_PLACE_FROM = 2;
const LEAST_CONTRAST = 10; // grey levels: a flatter window is skipped

/**
 * @typedef {import("../contract.d.ts").Box} Box
 * @typedef {import("../types.d.ts").Grey} Grey
 * @typedef {{box: Box, weight: number}} Detection `weight`: of the cascade's last stage
 * @typedef {import("../contract.d.ts").DetectorDescription & {step: number, neighbours: number}} Haar how the service's
 *   Haar cascade searches
 * @typedef {import("./cascade-file.js").Cascade} Cascade
 */

/** @param {import("../contract.d.ts").DetectorDescription} described @returns {Haar} */
export function figuresOf({ step, neighbours, ...described }) {
  if (step === null || neighbours === null) throw new Error("the service does not say how its Haar cascade searches");
  return { ...described, step, neighbours };
}

/**
 * Faces, largest first, at most `maxFaces`, each at least `minFacePx` wide, as the service's detector finds them.
 * @param {Grey} grey @param {Cascade} cascade @param {Haar} search @param {import("./detection.js").Limits} limits
 * @returns {Detection[]}
 */
export function detect(grey, cascade, search, limits) {
  const { width, height } = grey;
  const smallest = smallestPx(grey, search, limits);
  const scale = cascade.window / smallest;
  const size = { width: roundHalfEven(width * scale), height: roundHalfEven(height * scale) };
  if (Math.min(size.width, size.height) < cascade.window) return [];
  const windows = passingWindows(shrink(grey, size), cascade, search.step);
  const groups = grouped(windows, search.neighbours).map(({ box, weight }) => ({
    // A window of the largest size may reach past the edge by a pixel.
    box: scaled(scaled(box, 1, size.width, size.height), 1 / scale, width, height),
    weight,
  }));
  return largestFirst(merged(groups, search.merge_overlap)).slice(0, limits.maxFaces);
}

/** @param {Box} box @param {number} factor @param {number} width of the image @param {number} height */
function scaled(box, factor, width, height) {
  const [x, y] = [roundHalfEven(box.x * factor), roundHalfEven(box.y * factor)];
  return { x, y, width: Math.min(roundHalfEven(box.width * factor), width - x), height: Math.min(roundHalfEven(box.height * factor), height - y) };
}

/**
 * All windows of all sizes that pass the cascade.
 * @param {Grey} grey @param {Cascade} cascade @param {number} sizeStep factor between two sizes
 * @returns {Detection[]}
 */
function passingWindows(grey, cascade, sizeStep) {
  /** @type {Detection[]} */
  const found = [];
  for (let factor = 1; ; factor *= sizeStep) {
    const scale = Math.fround(factor);
    /** @param {number} value */
    const enlarged = (value) => roundHalfEven(Math.fround(value * scale));
    const side = enlarged(cascade.window);
    if (side > grey.width || side > grey.height) return found;
    const [width, height] = [grey.width, grey.height].map((length) => roundHalfEven(Math.fround(length / scale)));
    const layer = resizeExactly(grey, { width, height });
    for (const { x, y, weight } of scan(layer, cascade, scale >= EVERY_PLACE_FROM ? 1 : 2)) {
      found.push({ box: { x: enlarged(x), y: enlarged(y), width: side, height: side }, weight });
    }
  }
}

/**
 * The places in one layer where the window passes.
 * @param {Grey} layer @param {Cascade} cascade @param {number} step between two places
 */
function scan(layer, cascade, step) {
  const { sums, squares, stride } = integrals(layer);
  const places = cornersOf(cascade.rectangles, stride);
  // A window's contrast is computed without its outermost pixels.
  const inner = cornersOf([1, 1, cascade.window - 2, cascade.window - 2], stride);
  const innerArea = (cascade.window - 2) ** 2;
  /** @type {{x: number, y: number, weight: number}[]} */
  const found = [];
  for (let y = 0; y <= layer.height - cascade.window; y += step) {
    for (let x = 0; x <= layer.width - cascade.window; x += step) {
      const at = y * stride + x;
      const contrast = innerArea * squaresInside(squares, at, inner, 0) - sumInside(sums, at, inner, 0) ** 2;
      if (contrast <= LEAST_CONTRAST ** 2 * innerArea ** 2) continue;
      const { level, weight } = passed(cascade, places, sums, at, Math.sqrt(contrast));
      if (level === cascade.stages.length) found.push({ x, y, weight });
      if (level === 0) x += step;
    }
  }
  return found;
}

/**
 * How many stages the window at `at` passes, and the sum of the last one.
 * @param {Cascade} cascade @param {Int32Array} places @param {Int32Array} sums @param {number} at @param {number} contrast
 */
function passed({ stages, weights, stumps }, places, sums, at, contrast) {
  let weight = 0;
  let stump = 0;
  for (let level = 0; level < stages.length; level += 1) {
    weight = 0;
    const { end, threshold } = stages[level];
    for (; stump < end; stump += 1) {
      const i = stump * RECTANGLES;
      const j = i * CORNERS;
      let value = weights[i] * sumInside(sums, at, places, j) + weights[i + 1] * sumInside(sums, at, places, j + CORNERS);
      // Most features have two rectangles only.
      if (weights[i + 2] !== 0) value += weights[i + 2] * sumInside(sums, at, places, j + 2 * CORNERS);
      weight += stumps[3 * stump + (value < stumps[3 * stump] * contrast ? 1 : 2)];
    }
    if (weight < threshold) return { level, weight };
  }
  return { level: stages.length, weight };
}

/**
 * The corners of rectangles as offsets into integrals of this stride, relative to the window's place.
 * @param {ArrayLike<number>} rectangles x, y, width and height of each @param {number} stride
 */
function cornersOf(rectangles, stride) {
  const places = new Int32Array(rectangles.length);
  for (let i = 0; i < rectangles.length; i += CORNERS) {
    const top = rectangles[i + 1] * stride + rectangles[i];
    const bottom = top + rectangles[i + 3] * stride;
    places[i] = top;
    places[i + 1] = top + rectangles[i + 2];
    places[i + 2] = bottom;
    places[i + 3] = bottom + rectangles[i + 2];
  }
  return places;
}

// Two functions for two types: one that takes both is much slower.
/** The sum inside a rectangle. @param {Int32Array} sums @param {number} at @param {Int32Array} places @param {number} i */
const sumInside = (sums, at, places, i) =>
  sums[at + places[i]] - sums[at + places[i + 1]] - sums[at + places[i + 2]] + sums[at + places[i + 3]];
/** The same of squares. @param {Float64Array} squares @param {number} at @param {Int32Array} places @param {number} i */
const squaresInside = (squares, at, places, i) =>
  squares[at + places[i]] - squares[at + places[i + 1]] - squares[at + places[i + 2]] + squares[at + places[i + 3]];

/** For each place the sums of the pixels above and left of it, and of their squares. @param {Grey} grey */
function integrals({ data, width, height }) {
  const stride = width + 1;
  const sums = new Int32Array(stride * (height + 1));
  const squares = new Float64Array(stride * (height + 1));
  for (let y = 0; y < height; y += 1) {
    let sum = 0;
    let square = 0;
    for (let x = 0; x < width; x += 1) {
      const value = data[y * width + x];
      sum += value;
      square += value * value;
      const at = (y + 1) * stride + x + 1;
      sums[at] = sums[at - stride] + sum;
      squares[at] = squares[at - stride] + square;
    }
  }
  return { sums, squares, stride };
}

/**
 * One face for each group of similar windows that is large enough; none inside a larger group.
 * @param {Detection[]} found @param {number} neighbours so many windows beside the first make a face
 */
function grouped(found, neighbours) {
  const groups = groupsOf(found).filter((members) => members.length > neighbours);
  const faces = groups.map((members) => {
    const share = Math.fround(1 / members.length);
    /** @param {(box: Box) => number} of */
    const mean = (of) => roundHalfEven(Math.fround(members.reduce((sum, { box }) => sum + of(box), 0) * share));
    const side = mean(({ width }) => width);
    return {
      box: { x: mean(({ x }) => x), y: mean(({ y }) => y), width: side, height: side },
      weight: Math.max(...members.map(({ weight }) => weight)),
      count: members.length,
    };
  });
  return faces.filter((face) => !faces.some((other) => other.count > face.count && isInside(face.box, other.box)));
}

/** @param {Box} inner @param {Box} outer */
function isInside(inner, outer) {
  const slack = roundHalfEven(outer.width * SIMILARITY);
  return (
    inner.x >= outer.x - slack &&
    inner.y >= outer.y - slack &&
    inner.x + inner.width <= outer.x + outer.width + slack &&
    inner.y + inner.height <= outer.y + outer.height + slack
  );
}

/** Windows in groups: connected by windows of which each is similar to the next. @param {Detection[]} found */
function groupsOf(found) {
  /** @type {Detection[][]} */
  const groups = [];
  const left = new Set(found);
  for (const first of found) {
    if (!left.delete(first)) continue;
    const members = [first];
    for (const { box } of members) {
      for (const other of left) {
        if (!isSimilar(box, other.box)) continue;
        left.delete(other);
        members.push(other);
      }
    }
    groups.push(members);
  }
  return groups;
}

/** @param {Box} a @param {Box} b */
function isSimilar(a, b) {
  const slack = SIMILARITY * Math.min(a.width, b.width);
  return (
    Math.abs(a.x - b.x) <= slack &&
    Math.abs(a.y - b.y) <= slack &&
    Math.abs(a.x + a.width - b.x - b.width) <= slack &&
    Math.abs(a.y + a.height - b.y - b.height) <= slack
  );
}
