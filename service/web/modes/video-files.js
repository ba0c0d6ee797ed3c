/** What can be saved of a video's reading. */

import { asWebVtt } from "../output/webvtt.js";
import { csvFile, viewChoices } from "./picture.js";

/**
 * @param {import("./page.js").Page} page
 * @param {import("./frames.js").VideoFrames} frames
 * @param {import("../contract.d.ts").VideoError | null} error the line that ended the reading early
 * @returns {import("../types.d.ts").SaveChoice[]}
 */
export function videoChoices(page, { moments, summary, intervalS, texts }, error) {
  const lastText = summary || error ? texts.at(-1) : undefined;
  return [
    ...viewChoices(page),
    ["The video's readings (NDJSON)", "video.ndjson", () => textFile(texts.map((text) => `${text}\n`).join(""), "application/x-ndjson")],
    ["The video's readings (CSV)", "video.csv", () => csvFile(moments, page, error)],
    ["The video's captions (WebVTT)", "video.vtt", () => textFile(asWebVtt(moments, intervalS, lastText), "text/vtt")],
  ];
}

/** @param {string} content @param {string} type */
const textFile = (content, type) => new Blob([content], { type });
