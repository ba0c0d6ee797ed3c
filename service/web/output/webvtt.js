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
 * A cue for each frame with faces, until the next frame; then the last line as a note.
 * @param {Moment[]} moments
 * @param {number} intervalS how long the last cue is
 * @param {string} [lastText] the summary or the error, as it was sent
 */
export function asWebVtt(moments, intervalS, lastText) {
  const cues = moments.map(({ time_s: fromS, faces }, i) => {
    if (faces.length === 0) return "";
    const toS = moments[i + 1]?.time_s ?? fromS + intervalS;
    return `${clock(fromS)} --> ${clock(toS)}\n${faces.map((face) => `${words(face)}\n`).join("")}\n`;
  });
  return ["WEBVTT\n\n", ...cues, lastText === undefined ? "" : `NOTE ${lastText}\n`].join("");
}

/** @param {import("../types.d.ts").PageFace} face */
function words({ track_id: track, emotion, confidence, votes }) {
  const answer = `${track === null ? "" : `${track}: `}${labelled(emotion, confidence)}`;
  return votes ? `${answer}, votes ${labelled(...highest(votes))}` : answer;
}

/** @param {string} label @param {number} share */
function labelled(label, share) {
  const escaped = ENTITIES.reduce((text, [character = "", entity = ""]) => text.replaceAll(character, entity), label);
  return `${escaped} ${roundHalfEven(100 * share)}%`;
}

/** @param {number} timeS */
function clock(timeS) {
  const milliseconds = roundHalfEven(timeS * 1000);
  const seconds = Math.floor(milliseconds / 1000);
  const parts = [seconds / 3600, (seconds / 60) % 60, seconds % 60].map((part) => String(Math.floor(part)).padStart(2, "0"));
  return `${parts.join(":")}.${String(milliseconds % 1000).padStart(3, "0")}`;
}
