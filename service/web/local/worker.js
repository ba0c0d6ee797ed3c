/** Reads faces in this browser: detects, crops and runs the model as the service does. A worker, so that the page stays responsive. */

import { readCascade } from "./cascade-file.js";
import { detect as detectHaar, figuresOf as haarFigures } from "./cascade.js";
import { detect as detectCenterFace, figuresOf as centerFaceFigures } from "./centerface.js";
import { smallestPx } from "./detection.js";
import { faceOf, sizeOf } from "./faces.js";
import { crop, greyOf } from "./pixels.js";

/**
 * @typedef {import("../types.d.ts").Grey} Grey
 * @typedef {import("../types.d.ts").Reading} Reading
 * @typedef {import("../contract.d.ts").DetectorDescription} DetectorDescription
 * @typedef {import("../contract.d.ts").ModelDescription} ModelDescription
 * @typedef {import("./detection.js").Detection} Detection
 * @typedef {import("./detection.js").Limits} Limits
 * @typedef {import("./faces.js").Outputs} Outputs
 * @typedef {typeof import("onnxruntime-web/wasm")} Runtime
 * @typedef {import("onnxruntime-web/wasm").InferenceSession} Session
 * @typedef {(grey: Grey, limits: Limits) => Promise<Detection[]>} Detect
 *
 * @typedef {{runtime: string, model: string, files: Record<DetectorDescription["option"], string>, description: ModelDescription,
 *   maxFaces: number, leastShare: number, headers: Record<string, string>}} Setup addresses, of the detectors' files too;
 *   headers with the service's key where it needs one; and what the service says of its model, its defaults and its limits
 * @typedef {{whole?: boolean, minFacePx?: number, detector?: DetectorDescription["option"]}} Options `whole`: the image is
 *   a face already; `detector`: by default the service's default
 * @typedef {{open: Setup} | {pixels: ImageData, options: Options}} Task
 * @typedef {{ort: Runtime, session: Session, setup: Setup, detectors: Map<string, Promise<Detect>>}} Model `detectors`:
 *   those that were asked for so far
 */

const ERRORS = 3; // of ONNX Runtime's levels of its log

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
async function open(setup) {
  /** @type {Runtime} */
  const ort = await import(setup.runtime);
  ort.env.wasm.numThreads = 1; // more need a page that is isolated from all others
  ort.env.wasm.wasmPaths = { wasm: new URL("ort-wasm-simd-threaded.wasm", setup.runtime).href };
  return { ort, session: await openSession(ort, setup.model, setup.headers), setup, detectors: new Map() };
}

/** @param {Runtime} ort @param {string} address @param {Record<string, string>} [headers] */
async function openSession(ort, address, headers) {
  const file = await fetched(address, headers);
  // CenterFace's file has parts that nothing uses: without a level, each is a warning on the console.
  return ort.InferenceSession.create(await file.arrayBuffer(), { executionProviders: ["wasm"], logSeverityLevel: ERRORS });
}

/** @param {string} address @param {Record<string, string>} [headers] */
async function fetched(address, headers = {}) {
  const response = await fetch(address, { headers });
  if (!response.ok) throw new Error(`${address} is answered with ${response.status}`);
  return response;
}

/** Its file is fetched when it is first needed; where that fails, the next call tries again. @param {Model} loaded @param {DetectorDescription} described */
function detectorOf({ ort, setup, detectors }, described) {
  const { option } = described;
  const opened = detectors.get(option) ?? OPENERS[option](ort, setup.files[option], described);
  detectors.set(option, opened);
  opened.catch(() => detectors.delete(option));
  return opened;
}

/** @type {Record<DetectorDescription["option"], (ort: Runtime, address: string, described: DetectorDescription) => Promise<Detect>>} */
const OPENERS = {
  async haar(_, address, described) {
    const search = haarFigures(described);
    const cascade = readCascade(await (await fetched(address)).text());
    return async (grey, limits) => detectHaar(grey, cascade, search, limits).map(plain);
  },
  async centerface(ort, address, described) {
    const search = centerFaceFigures(described);
    const session = await openSession(ort, address);
    const [input] = session.inputNames;
    return (grey, limits) =>
      detectCenterFace(
        grey,
        async ({ data, width, height }) => {
          const outputs = await session.run({ [input]: new ort.Tensor("float32", data, [1, 1, height, width]) });
          const [heat, logSize, offset, landmarks] = session.outputNames.map((name) => floats(outputs[name]));
          return [heat, logSize, offset, landmarks];
        },
        search,
        limits,
      );
  },
};

/** A detection of which nothing is known but the box and, where it was looked for, its weight. @param {{box: Detection["box"], weight?: number | null}} found @returns {Detection} */
const plain = ({ box, weight = null }) => ({ box, square: box, degrees: 0, weight, confidence: null, landmarks: null });

/**
 * The faces of an image in the form of the service's Result, without what only the service knows.
 * @param {Model} loaded @param {ImageData} pixels @param {Options} options
 * @returns {Promise<Reading & {model: import("../contract.d.ts").ModelName}>}
 */
async function read(loaded, pixels, { whole = false, minFacePx, detector }) {
  const { description, maxFaces, leastShare } = loaded.setup;
  const { name, version, sha256 } = description;
  const described = description.detectors.find(({ option }) => option === detector) ?? description.detector;
  const detect = whole ? null : await detectorOf(loaded, described);
  const watch = stopwatch();
  const grey = greyOf(pixels);
  watch.lap("decode");
  const image = { width: grey.width, height: grey.height };
  const limits = { maxFaces, minFacePx, leastShare };
  const found = detect ? await detect(grey, limits) : [plain({ box: { x: 0, y: 0, ...image } })];
  watch.lap("detect");
  const margin = whole ? 0 : description.crop_margin;
  const crops = found.map(({ square, degrees }) => crop(grey, square, sizeOf(description.input), margin, degrees));
  const outputs = crops.length > 0 ? await run(loaded, crops) : null;
  watch.lap("infer");
  const faces = outputs ? found.map((one, i) => faceOf(one, i, margin, outputs, description, whole ? null : described.name)) : [];
  watch.lap("explain");
  const searchedPx = whole ? null : Math.ceil(smallestPx(image, described, limits));
  return { model: { name, version, sha256 }, image, faces, searched_from_px: searchedPx, timing_ms: watch.laps() };
}

/** All crops in one run. @param {Model} loaded @param {Grey[]} crops @returns {Promise<Outputs>} */
async function run({ ort, session, setup: { description } }, crops) {
  const { width, height } = sizeOf(description.input);
  const batch = new Uint8Array(crops.length * width * height);
  crops.forEach(({ data }, i) => batch.set(data, i * width * height));
  const tensor = new ort.Tensor("uint8", batch, [crops.length, height, width, 1]);
  const outputs = await session.run({ [description.input.name]: tensor });
  const emotions = { shares: floats(outputs["probabilities"]), heatmaps: floats(outputs["heatmaps"]) };
  if (!description.heads.some(({ option }) => option === "votes")) return { emotions };
  return { emotions, votes: { shares: floats(outputs["votes"]), heatmaps: floats(outputs["votes_heatmaps"]) } };
}

/** @param {{data: unknown} | undefined} tensor @returns {Float32Array} */
function floats(tensor) {
  if (!(tensor?.data instanceof Float32Array)) throw new Error("a network does not give what this page reads");
  return tensor.data;
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
