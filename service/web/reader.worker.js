/** Reads faces in this browser: detects, crops and runs the model as the server does. A worker, so that the page stays quick. */

import { detect, readCascade } from "./cascade.js";
import { crop, greyMap, greyOf } from "./pixels.js";

let reader = null;

self.onmessage = async ({ data: { id, ...task } }) => {
  try {
    if (task.open) reader = await open(task.open);
    self.postMessage({ id, result: task.pixels ? await read(reader, task.pixels, task.options) : null });
  } catch (error) {
    self.postMessage({ id, error: String(error.message ?? error) });
  }
};

/** @param {{runtime: string, model: string, cascade: string, description: object}} given addresses, and GET /v1/model's answer */
async function open({ runtime, model, cascade, description }) {
  const ort = await import(runtime);
  ort.env.wasm.numThreads = 1; // more need a page that is isolated from all others
  ort.env.wasm.wasmPaths = { wasm: new URL("ort-wasm-simd-threaded.wasm", runtime).href };
  const [file, xml] = await Promise.all([fetched(model), fetched(cascade)]);
  const session = await ort.InferenceSession.create(await file.arrayBuffer(), { executionProviders: ["wasm"] });
  return { ort, session, cascade: readCascade(await xml.text()), description };
}

async function fetched(address) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address} is answered with ${response.status}`);
  return response;
}

/**
 * The faces of an image as the server's Result has them; what only the server knows is left out.
 * @param {ImageData} pixels
 * @param {{whole?: boolean, minFacePx?: number, maxFaces?: number}} options `whole`: the image is a face already
 */
async function read({ ort, session, cascade, description }, pixels, { whole = false, minFacePx, maxFaces = 10 }) {
  const { name, version, sha256 } = description;
  const watch = stopwatch();
  const grey = greyOf(pixels);
  watch.lap("decode");
  const image = { width: grey.width, height: grey.height };
  const found = whole ? [{ box: { x: 0, y: 0, ...image }, weight: null }] : detect(grey, cascade, { maxFaces, minFacePx });
  watch.lap("detect");
  const margin = whole ? 0 : description.crop_margin;
  const crops = found.map(({ box }) => crop(grey, box, description.input, margin));
  const outputs = crops.length > 0 ? await run(ort, session, crops, description.input) : null;
  watch.lap("infer");
  const faces = found.map((one, i) => face(one, i, outputs, description));
  watch.lap("explain");
  return { model: { name, version, sha256 }, image, faces, timing_ms: watch.laps() };
}

/** All crops in one run. */
async function run(ort, session, crops, { name, width, height }) {
  const batch = new Uint8Array(crops.length * width * height);
  crops.forEach(({ data }, i) => batch.set(data, i * width * height));
  return session.run({ [name]: new ort.Tensor("uint8", batch, [crops.length, height, width, 1]) });
}

function face({ box, weight }, index, { probabilities, heatmaps }, { labels, calibration, input, explanation }) {
  const row = [...probabilities.data.subarray(index * labels.length, (index + 1) * labels.length)];
  const sum = row.reduce((a, b) => a + b, 0);
  const shares = labels.map((label, i) => [label, row[i] / sum]);
  const ranked = shares.toSorted(([, a], [, b]) => b - a);
  const plausible = ranked.filter(([, share], rank) => rank === 0 || share >= calibration.plausible_threshold);
  const area = explanation.width * explanation.height;
  const map = (i) => {
    const first = (index * labels.length + i) * area;
    return greyMap(heatmaps.data.subarray(first, first + area), explanation, input);
  };
  return {
    box,
    detection: { detector: weight === null ? null : "haar_frontalface_default", weight },
    emotion: ranked[0][0],
    confidence: ranked[0][1],
    uncertain: plausible.length > 1,
    plausible: plausible.map(([label]) => label),
    emotions: Object.fromEntries(shares),
    track_id: null,
    heatmaps: Object.fromEntries(labels.map((label, i) => [label, map(i)])),
  };
}

function stopwatch() {
  const started = performance.now();
  const laps = {};
  let last = started;
  return {
    lap(name) {
      const now = performance.now();
      laps[name] = now - last;
      last = now;
    },
    laps: () => ({ ...laps, total: last - started }),
  };
}
