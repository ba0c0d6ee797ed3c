/** A video's readings as captions: WebVTT by the service's rules (https://www.w3.org/TR/webvtt1/). */

import { roundHalfEven } from "../local/pixels.js";
import { highest } from "../view/format.js";

/** @typedef {import("../types.d.ts").Moment} Moment */

const ENTITIES = [
  ["&", "&amp;"],
  ["<", "&lt;"],
  [">", "&gt;"],
  ['"', "&quot;"],
  ["'", "&#x27;"],
];

/**
 * Cues that last as long as the same faces have the same labels; then the last line as a note.
 * @param {Moment[]} moments
 * @param {number} intervalS how long the last frame is shown
 * @param {string} [lastText] the summary or the error, as it was sent
 */
export function asWebVtt(moments, intervalS, lastText) {
  /** @type {{fromS: number, text: string}[]} */
  const cues = [];
  for (const { time_s: fromS, faces } of moments) {
    const text = inWords(faces);
    if (text !== cues.at(-1)?.text) cues.push({ fromS, text });
  }
  const endS = (moments.at(-1)?.time_s ?? 0) + intervalS;
  const blocks = cues.map(({ fromS, text }, i) => (text ? `${clock(fromS)} --> ${clock(cues[i + 1]?.fromS ?? endS)}\n${text}\n` : ""));
  return ["WEBVTT\n\n", ...blocks, lastText === undefined ? "" : `NOTE ${lastText}\n`].join("");
}

/** A line for each face, in the order of their tracks. @param {import("../types.d.ts").PageFace[]} faces */
function inWords(faces) {
  const ordered = faces.toSorted((a, b) => (a.track_id ?? 0) - (b.track_id ?? 0));
  return ordered.map((face) => `${words(face)}\n`).join("");
}

/** @param {import("../types.d.ts").PageFace} face */
function words({ track_id: track, emotion, votes }) {
  const answer = `${track === null ? "" : `face ${track}: `}${escaped(emotion)}`;
  return votes ? `${answer}, votes ${escaped(highest(votes)[0])}` : answer;
}

/** @param {string} text */
const escaped = (text) => ENTITIES.reduce((word, [character = "", entity = ""]) => word.replaceAll(character, entity), text);

/** @param {number} timeS */
function clock(timeS) {
  const milliseconds = roundHalfEven(timeS * 1000);
  const seconds = Math.floor(milliseconds / 1000);
  const parts = [seconds / 3600, (seconds / 60) % 60, seconds % 60].map((part) => String(Math.floor(part)).padStart(2, "0"));
  return `${parts.join(":")}.${String(milliseconds % 1000).padStart(3, "0")}`;
}
