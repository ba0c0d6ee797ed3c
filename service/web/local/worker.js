/** Reads faces in this browser: detects, crops and runs the model as the service does. A worker, so that the page stays responsive. */

import { readCascade } from "./cascade-file.js";
import { detect, smallestPx } from "./cascade.js";
import { crop, greyMap, greyOf, squareOf } from "./pixels.js";

/**
 * @typedef {import("../types.d.ts").PageFace} PageFace
 * @typedef {import("../types.d.ts").Reading} Reading
 * @typedef {import("../contract.d.ts").ModelDescription} ModelDescription
 * @typedef {typeof import("onnxruntime-web/wasm")} Runtime
 * @typedef {{data: Float32Array}} Output
 * @typedef {{probabilities: Output, heatmaps: Output, votes: Output | null}} Outputs `votes`: of a model that has them
 *
 * @typedef {{runtime: string, model: string, cascade: string, description: ModelDescription, maxFaces: number,
 *   leastShare: number, headers: Record<string, string>}} Setup addresses, headers with the service's key where it needs
 *   one, and what the service says of its model, its defaults and its limits
 * @typedef {{whole?: boolean, minFacePx?: number}} Options `whole`: the image is a face already
 * @typedef {{open: Setup} | {pixels: ImageData, options: Options}} Task
 * @typedef {{ort: Runtime, session: import("onnxruntime-web/wasm").InferenceSession,
 *   cascade: import("./cascade-file.js").Cascade, description: ModelDescription, maxFaces: number,
 *   leastShare: number}} Model
 */

/** @type {Model | null} */
let model = null;

/** @param {MessageEvent<{id: number} & Task>} event */
self.onmessage = async ({ data: { id, ...task } }) => {
  try {
    if ("open" in task) model = await open(task.open);
    const result = "pixels" in task && model ? await read(model, task.pixels, task.options) : null;
    self.postMessage({ id, result });
  } catch (error) {
    self.postMessage({ id, error: error instanceof Error ? error.message : String(error) });
  }
};

/** @param {Setup} setup @returns {Promise<Model>} */
async function open({ runtime, model: modelAddress, cascade, headers, ...described }) {
  /** @type {Runtime} */
  const ort = await import(runtime);
  ort.env.wasm.numThreads = 1; // more need a page that is isolated from all others
  ort.env.wasm.wasmPaths = { wasm: new URL("ort-wasm-simd-threaded.wasm", runtime).href };
  const [file, xml] = await Promise.all([fetched(modelAddress, headers), fetched(cascade)]);
  const session = await ort.InferenceSession.create(await file.arrayBuffer(), { executionProviders: ["wasm"] });
  return { ort, session, cascade: readCascade(await xml.text()), ...described };
}

/** @param {string} address @param {Record<string, string>} [headers] */
async function fetched(address, headers = {}) {
  const response = await fetch(address, { headers });
  if (!response.ok) throw new Error(`${address} is answered with ${response.status}`);
  return response;
}

/**
 * The faces of an image in the form of the service's Result, without what only the service knows.
 * @param {Model} model @param {ImageData} pixels @param {Options} options
 * @returns {Promise<Reading & {model: import("../contract.d.ts").ModelName}>}
 */
async function read({ ort, session, cascade, description, maxFaces, leastShare }, pixels, { whole = false, minFacePx }) {
  const { name, version, sha256 } = description;
  const watch = stopwatch();
  const grey = greyOf(pixels);
  watch.lap("decode");
  const image = { width: grey.width, height: grey.height };
  const search = { ...haarOf(description), maxFaces, minFacePx, leastShare };
  const searchedPx = whole ? null : Math.ceil(smallestPx(image, cascade, search));
  const found = whole ? [{ box: { x: 0, y: 0, ...image }, weight: null }] : detect(grey, cascade, search);
  watch.lap("detect");
  const margin = whole ? 0 : description.crop_margin;
  const crops = found.map(({ box }) => crop(grey, box, sizeOf(description.input), margin));
  const outputs = crops.length > 0 ? await run(ort, session, crops, description) : null;
  watch.lap("infer");
  const faces = outputs ? found.map((one, i) => face(one, i, margin, outputs, description)) : [];
  watch.lap("explain");
  return { model: { name, version, sha256 }, image, faces, searched_from_px: searchedPx, timing_ms: watch.laps() };
}

/**
 * The service may use another detector by default; Haar is the one that runs here.
 * @param {ModelDescription} description @returns {import("./cascade.js").Haar}
 */
function haarOf({ detectors }) {
  const haar = detectors.find(({ option }) => option === "haar");
  if (!haar || haar.step === null || haar.neighbours === null) throw new Error("the service has no Haar cascade");
  return { ...haar, step: haar.step, neighbours: haar.neighbours };
}

/** @param {Record<string, any>} described @returns {import("../types.d.ts").Size} */
const sizeOf = ({ width, height }) => ({ width, height });

/**
 * All crops in one run.
 * @param {Runtime} ort @param {Model["session"]} session @param {import("../types.d.ts").Grey[]} crops
 * @param {ModelDescription} description
 * @returns {Promise<Outputs>}
 */
async function run(ort, session, crops, { input, heads }) {
  const { width, height } = sizeOf(input);
  const batch = new Uint8Array(crops.length * width * height);
  crops.forEach(({ data }, i) => batch.set(data, i * width * height));
  const outputs = await session.run({ [input.name]: new ort.Tensor("uint8", batch, [crops.length, height, width, 1]) });
  const votes = heads.some(({ option }) => option === "votes") ? floats(outputs["votes"]) : null;
  return { probabilities: floats(outputs["probabilities"]), heatmaps: floats(outputs["heatmaps"]), votes };
}

/** @param {{data: unknown} | undefined} tensor @returns {Output} */
function floats(tensor) {
  if (!(tensor?.data instanceof Float32Array)) throw new Error("the model does not give what this page reads");
  return { data: tensor.data };
}

/**
 * @param {{box: PageFace["box"], weight: number | null}} detection @param {number} index @param {number} margin
 * @param {Outputs} outputs @param {ModelDescription} description
 * @returns {PageFace}
 */
function face({ box, weight }, index, margin, { probabilities, heatmaps, votes }, description) {
  const { labels, calibration, input, explanation } = description;
  const emotions = sharesOf(probabilities, index, labels);
  const ranked = labels.map((label) => ({ label, share: emotions[label] ?? 0 })).sort((a, b) => b.share - a.share);
  const threshold = calibration.prediction_set_threshold;
  const predictionSet = ranked.filter(({ share }, rank) => rank === 0 || share >= threshold);
  const { width, height } = sizeOf(explanation);
  /** @param {number} i index of the label */
  const raw = (i) => heatmaps.data.subarray((index * labels.length + i) * width * height, (index * labels.length + i + 1) * width * height);
  return {
    box,
    detection: { detector: weight === null ? null : haarOf(description).name, weight },
    emotion: ranked[0]?.label ?? "",
    confidence: ranked[0]?.share ?? 0,
    uncertain: predictionSet.length > 1,
    prediction_set: predictionSet.map(({ label }) => label),
    emotions,
    votes: votes && sharesOf(votes, index, labels),
    track_id: null,
    heatmaps: Object.fromEntries(labels.map((label, i) => [label, greyMap(raw(i), { width, height }, sizeOf(input))])),
    heatmap_peaks: Object.fromEntries(labels.map((label, i) => [label, Math.max(0, ...raw(i))])),
    heatmap_box: squareOf(box, margin),
  };
}

/** One row of an output by label; its sum is one. @param {Output} output @param {number} index @param {string[]} labels */
function sharesOf({ data }, index, labels) {
  const row = [...data.subarray(index * labels.length, (index + 1) * labels.length)];
  const sum = row.reduce((a, b) => a + b, 0);
  return Object.fromEntries(labels.map((label, i) => [label, (row[i] ?? 0) / sum]));
}

/** Milliseconds between two calls of `lap`, by name. */
function stopwatch() {
  const started = performance.now();
  /** @type {Record<string, number>} */
  const laps = {};
  let last = started;
  return {
    /** @param {string} name */
    lap(name) {
      const now = performance.now();
      laps[name] = now - last;
      last = now;
    },
    laps: () => ({ ...laps, total: last - started }),
  };
}
