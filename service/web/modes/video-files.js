/** What can be saved of a video's reading. */

import { asWebVtt } from "../output/webvtt.js";
import { csvFile, viewChoices } from "./picture.js";

/**
 * @param {import("./page.js").Page} page
 * @param {import("./frames.js").VideoFrames} frames
 * @param {import("../contract.d.ts").VideoError | null} error the line that ended the reading early
 * @param {(() => Promise<Blob>) | null} annotate has the annotated video made; null: it is being made
 * @returns {import("../types.d.ts").SaveChoice[]}
 */
export function videoChoices(page, { moments, summary, intervalS, texts }, error, annotate) {
  const lastText = summary || error ? texts.at(-1) : undefined;
  // The service reads one video of a client at a time; a video that this browser reads is not sent.
  const canAnnotate = annotate !== null && summary !== null && page.local.reader === null;
  return [
    ...viewChoices(page),
    ["The video's readings (NDJSON)", "video.ndjson", () => textFile(texts.map((text) => `${text}\n`).join(""), "application/x-ndjson")],
    ["The video's readings (CSV)", "video.csv", () => csvFile(moments, page, error)],
    ["The video's captions (WebVTT)", "video.vtt", () => textFile(asWebVtt(moments, intervalS, lastText), "text/vtt")],
    ...(canAnnotate ? annotatedChoice(annotate) : []),
  ];
}

/** @param {() => Promise<Blob>} make @returns {import("../types.d.ts").SaveChoice[]} */
const annotatedChoice = (make) => [["The annotated video (MP4): the server reads it again", "video.mp4", make]];

/** @param {string} content @param {string} type */
const textFile = (content, type) => new Blob([content], { type });
