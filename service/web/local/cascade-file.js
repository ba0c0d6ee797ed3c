/** OpenCV's file of a cascade: decision stumps over upright features of two or three rectangles. */

const STAGE_SLACK = 1e-5; // OpenCV lowers every stage's threshold by this
export const RECTANGLES = 3; // at most, in a feature
export const CORNERS = 4;

/**
 * @typedef {object} Cascade in flat arrays, which are read a million times for an image
 * @property {number} window the window's side in pixels
 * @property {{threshold: number, end: number}[]} stages each one ends before the stump `end`
 * @property {Int16Array} rectangles x, y, width and height of three rectangles for each stump; a missing one is empty
 * @property {Float32Array} weights of the rectangles
 * @property {Float32Array} stumps threshold, the value that is added below it, the value that is added otherwise
 */

/** @param {string} xml @returns {Cascade} */
export function readCascade(xml) {
  const features = [...elementText(xml, "features").matchAll(/<rects>([^]*?)<\/rects>/g)].map(([, text = ""]) =>
    [...text.matchAll(/<_>([^<]*)<\/_>/g)].map(([, rectangle = ""]) => numbers(rectangle)),
  );
  const stage = /<stageThreshold>([^<]*)<\/stageThreshold>\s*<weakClassifiers>([^]*?)<\/weakClassifiers>/g;
  const stump = /<internalNodes>([^<]*)<\/internalNodes>\s*<leafValues>([^<]*)<\/leafValues>/g;
  /** @type {Cascade["stages"]} */
  const stages = [];
  /** @type {{feature: number[][], values: number[]}[]} */
  const stumps = [];
  for (const [, threshold, text = ""] of xml.matchAll(stage)) {
    for (const [, node = "", leaves = ""] of text.matchAll(stump)) {
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
  return { window: Number(elementText(xml, "width")), stages, rectangles, weights, stumps: flat };
}

/** @param {string} xml @param {string} tag */
const elementText = (xml, tag) => new RegExp(`<${tag}>([^]*?)</${tag}>`).exec(xml)?.[1] ?? "";
/** @param {string} text */
const numbers = (text) => text.trim().split(/\s+/).map(Number);

