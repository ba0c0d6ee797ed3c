/** Detections and the model's outputs as faces, in the form of the service's answers. */

import { greyMap, squareOf } from "./pixels.js";

/**
 * @typedef {import("../types.d.ts").PageFace} PageFace
 * @typedef {import("../contract.d.ts").ModelDescription} ModelDescription
 * @typedef {import("./detection.js").Detection} Detection
 * @typedef {import("../types.d.ts").Head} Head
 * @typedef {{shares: Float32Array, heatmaps: Float32Array}} Answers of one head, face after face, label after label
 * @typedef {{emotions: Answers} & Partial<Record<Head, Answers>>} Outputs
 */

/**
 * @param {Detection} detection @param {number} index of its crop in the outputs @param {number} margin of the crop
 * @param {Outputs} outputs @param {ModelDescription} description @param {string | null} detector its name
 * @returns {PageFace}
 */
export function faceOf({ box, square, degrees, ...found }, index, margin, outputs, description, detector) {
  const { labels, calibration } = description;
  const emotions = sharesOf(outputs.emotions, index, labels);
  const ranked = labels.map((label) => ({ label, share: emotions[label] ?? 0 })).sort((a, b) => b.share - a.share);
  const threshold = calibration.prediction_set_threshold;
  const predictionSet = ranked.filter(({ share }, rank) => rank === 0 || share >= threshold);
  const { emotions: ofLabels, votes } = outputs;
  return {
    box,
    detection: { detector, ...found },
    emotion: ranked[0]?.label ?? "",
    confidence: ranked[0]?.share ?? 0,
    uncertain: predictionSet.length > 1,
    prediction_set: predictionSet.map(({ label }) => label),
    emotions,
    votes: votes ? sharesOf(votes, index, labels) : null,
    track_id: null,
    heatmaps: {
      box: squareOf(square, margin),
      degrees,
      emotions: mapsOf(ofLabels, index, description),
      ...(votes && { votes: mapsOf(votes, index, description) }),
    },
  };
}

/** One row of an output by label; its sum is one. @param {Answers} answers @param {number} index @param {string[]} labels */
function sharesOf({ shares }, index, labels) {
  const row = [...shares.subarray(index * labels.length, (index + 1) * labels.length)];
  const sum = row.reduce((a, b) => a + b, 0);
  return Object.fromEntries(labels.map((label, i) => [label, (row[i] ?? 0) / sum]));
}

/** @param {Answers} answers @param {number} index @param {ModelDescription} description */
function mapsOf({ heatmaps }, index, { labels, input, explanation }) {
  const { width, height } = sizeOf(explanation);
  const area = width * height;
  return Object.fromEntries(
    labels.map((label, i) => {
      const raw = heatmaps.subarray((index * labels.length + i) * area, (index * labels.length + i + 1) * area);
      return [label, { map: greyMap(raw, { width, height }, sizeOf(input)), peak: Math.max(0, ...raw) }];
    }),
  );
}

/** @param {Record<string, any>} described @returns {import("../types.d.ts").Size} */
export const sizeOf = ({ width, height }) => ({ width, height });
