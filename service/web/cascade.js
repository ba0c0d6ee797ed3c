/** Face detection in the browser: the server's own Haar cascade, run as OpenCV runs it (Viola and Jones 2001). */

import { even, resize } from "./pixels.js";

// The same as in service/faces.py, where they were measured.
const STEP = 1.2;
const NEIGHBOURS = 3;
const SMALLEST_SHARE = 1 / 16;
// OpenCV's own: by how much of their size the windows of one face may differ; every second place is enough while
// windows are small.
const ALIKE = 0.2;
const STAGE_SLACK = 1e-5;
const FINE_FROM = 2;

const RECTANGLES = 3; // at most, in a feature
const CORNERS = 4;

/**
 * @typedef {import("./pixels.js").Box} Box
 * @typedef {import("./pixels.js").Grey} Grey
 * @typedef {object} Cascade flat, because it is walked a million times for every image
 * @property {number} window its side in pixels
 * @property {{threshold: number, end: number}[]} stages each ends before the stump `end`
 * @property {Int16Array} rectangles x, y, width, height of three for each stump; one that is missing is empty
 * @property {Float32Array} weights of the rectangles
 * @property {Float32Array} stumps threshold, what is added below it, what is added otherwise
 */

/** Reads OpenCV's file of a cascade of stumps with upright features. @param {string} xml @returns {Cascade} */
export function readCascade(xml) {
  const features = [...between(xml, "features").matchAll(/<rects>([^]*?)<\/rects>/g)].map(([, text]) =>
    [...text.matchAll(/<_>([^<]*)<\/_>/g)].map(([, rectangle]) => numbers(rectangle)),
  );
  const stage = /<stageThreshold>([^<]*)<\/stageThreshold>\s*<weakClassifiers>([^]*?)<\/weakClassifiers>/g;
  const stump = /<internalNodes>([^<]*)<\/internalNodes>\s*<leafValues>([^<]*)<\/leafValues>/g;
  const stages = [];
  const stumps = [];
  for (const [, threshold, text] of xml.matchAll(stage)) {
    for (const [, node, leaves] of text.matchAll(stump)) {
      const [, , feature, split] = numbers(node);
      stumps.push({ feature: features[feature], values: [split, ...numbers(leaves)] });
    }
    stages.push({ threshold: Number(threshold) - STAGE_SLACK, end: stumps.length });
  }
  const rectangles = new Int16Array(stumps.length * RECTANGLES * CORNERS);
  const weights = new Float32Array(stumps.length * RECTANGLES);
  stumps.forEach(({ feature }, i) =>
    feature.forEach(([x, y, width, height, weight], j) => {
      rectangles.set([x, y, width, height], (i * RECTANGLES + j) * CORNERS);
      weights[i * RECTANGLES + j] = weight;
    }),
  );
  const flat = Float32Array.from(stumps.flatMap(({ values }) => values));
  return { window: Number(between(xml, "width")), stages, rectangles, weights, stumps: flat };
}

const between = (xml, tag) => new RegExp(`<${tag}>([^]*?)</${tag}>`).exec(xml)[1];
const numbers = (text) => text.trim().split(/\s+/).map(Number);

/**
 * Faces, largest first, at most `maxFaces`, each at least `minFacePx` wide; see FaceDetector.detect.
 * @param {Grey} grey @param {Cascade} cascade @param {{maxFaces: number, minFacePx?: number}} options
 * @returns {{box: Box, weight: number}[]}
 */
export function detect(grey, cascade, { maxFaces, minFacePx }) {
  const { width, height } = grey;
  const smallest = Math.max(minFacePx ?? Math.max(height, width) * SMALLEST_SHARE, cascade.window);
  const scale = cascade.window / smallest;
  const size = { width: even(width * scale), height: even(height * scale) };
  if (Math.min(size.width, size.height) < cascade.window) return [];
  const faces = grouped(windows(resize(grey, size), cascade)).map(({ box, weight }) => ({
    box: scaled(box, 1 / scale, width, height),
    weight,
  }));
  const area = ({ box }) => box.width * box.height;
  faces.sort((a, b) => area(b) - area(a) || a.box.x - b.box.x || a.box.y - b.box.y);
  return faces.slice(0, maxFaces);
}

function scaled(box, factor, width, height) {
  const [x, y, w, h] = [box.x, box.y, box.width, box.height].map((value) => even(value * factor));
  return { x, y, width: Math.min(w, width - x), height: Math.min(h, height - y) };
}

/** Every window of every size that passes the cascade, with the last stage's weight. */
function windows(grey, cascade) {
  const found = [];
  for (let factor = 1; ; factor *= STEP) {
    const side = even(cascade.window * factor);
    if (side > grey.width || side > grey.height) return found;
    const layer = resize(grey, { width: even(grey.width / factor), height: even(grey.height / factor) }, "linear");
    for (const { x, y, weight } of scan(layer, cascade, factor >= FINE_FROM ? 1 : 2)) {
      found.push({ box: { x: even(x * factor), y: even(y * factor), width: side, height: side }, weight });
    }
  }
}

/** The places in one layer where the window passes. */
function scan(layer, cascade, step) {
  const { sums, squares, stride } = integrals(layer);
  const places = cornersOf(cascade.rectangles, stride);
  // The window's outermost pixels are left out of its contrast.
  const inner = cornersOf([1, 1, cascade.window - 2, cascade.window - 2], stride);
  const area = (cascade.window - 2) ** 2;
  const found = [];
  for (let y = 0; y <= layer.height - cascade.window; y += step) {
    for (let x = 0; x <= layer.width - cascade.window; x += step) {
      const at = y * stride + x;
      const contrast = area * inside(squares, at, inner, 0) - inside(sums, at, inner, 0) ** 2;
      if (contrast <= 100 * area * area) continue; // flat: by less than ten greys
      const { level, weight } = passed(cascade, places, sums, at, Math.sqrt(contrast));
      if (level === cascade.stages.length) found.push({ x, y, weight });
      if (level === 0) x += step;
    }
  }
  return found;
}

/** How many stages the window at `at` passes, and the last one's sum. */
function passed({ stages, weights, stumps }, places, sums, at, contrast) {
  let weight = 0;
  let stump = 0;
  for (let level = 0; level < stages.length; level += 1) {
    weight = 0;
    for (; stump < stages[level].end; stump += 1) {
      const first = stump * RECTANGLES;
      let value = 0;
      for (let i = first; i < first + RECTANGLES; i += 1) {
        const j = i * CORNERS;
        const sum = sums[at + places[j]] - sums[at + places[j + 1]] - sums[at + places[j + 2]] + sums[at + places[j + 3]];
        value += weights[i] * sum;
      }
      weight += stumps[3 * stump + (value < stumps[3 * stump] * contrast ? 1 : 2)];
    }
    if (weight < stages[level].threshold) return { level, weight };
  }
  return { level: stages.length, weight };
}

/** Rectangles as the places of their four corners in integrals of this stride, seen from the window's place. */
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

const inside = (sums, at, places, i) =>
  sums[at + places[i]] - sums[at + places[i + 1]] - sums[at + places[i + 2]] + sums[at + places[i + 3]];

/** Sums of all pixels, and of their squares, above and left of each place. */
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

/** One face for windows that are alike, if they are enough; none inside one with more of them. */
function grouped(found) {
  const groups = alike(found).filter((members) => members.length > NEIGHBOURS);
  const faces = groups.map((members) => {
    const mean = (of) => even(members.reduce((sum, { box }) => sum + of(box), 0) / members.length);
    const side = mean(({ width }) => width);
    return {
      box: { x: mean(({ x }) => x), y: mean(({ y }) => y), width: side, height: side },
      weight: Math.max(...members.map(({ weight }) => weight)),
      count: members.length,
    };
  });
  return faces.filter((face) => !faces.some((other) => other.count > face.count && lies(face.box, other.box)));
}

function lies(inner, outer) {
  const slack = even(outer.width * ALIKE);
  return (
    inner.x >= outer.x - slack &&
    inner.y >= outer.y - slack &&
    inner.x + inner.width <= outer.x + outer.width + slack &&
    inner.y + inner.height <= outer.y + outer.height + slack
  );
}

/** Windows in groups: two are in one if a chain of windows, each alike the next, leads from one to the other. */
function alike(found) {
  const groups = [];
  const left = new Set(found);
  for (const window of found) {
    if (!left.delete(window)) continue;
    const members = [window];
    for (const { box } of members) {
      for (const other of left) {
        if (!isAlike(box, other.box)) continue;
        left.delete(other);
        members.push(other);
      }
    }
    groups.push(members);
  }
  return groups;
}

function isAlike(a, b) {
  const slack = ALIKE * Math.min(a.width, b.width);
  return (
    Math.abs(a.x - b.x) <= slack &&
    Math.abs(a.y - b.y) <= slack &&
    Math.abs(a.x + a.width - b.x - b.width) <= slack &&
    Math.abs(a.y + a.height - b.y - b.height) <= slack
  );
}
