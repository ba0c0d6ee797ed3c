/** Readings as CSV: the columns, numbers and quotes of the service's own (RFC 4180). */

import { float } from "./numbers.js";

/**
 * @typedef {import("../types.d.ts").Moment} Moment
 * @typedef {import("../types.d.ts").PageFace} PageFace
 */

/** @type {Record<string, (moment: Moment, face: PageFace, number: number) => string>} a cell of each column */
const CELLS = {
  index: ({ index }) => String(index),
  time_s: ({ time_s: timeS }) => float(timeS),
  face: (_, __, number) => String(number),
  track_id: (_, { track_id: track }) => (track === null ? "" : String(track)),
  x: (_, { box }) => String(box.x),
  y: (_, { box }) => String(box.y),
  width: (_, { box }) => String(box.width),
  height: (_, { box }) => String(box.height),
  emotion: (_, { emotion }) => emotion,
  confidence: (_, { confidence }) => float(confidence),
  uncertain: (_, { uncertain }) => String(uncertain),
};

/**
 * A header, a row for each face of each moment, and after an error a row that holds it in the last column.
 * @param {Moment[]} moments
 * @param {string[]} columns those before the labels, as GET /v1/limits names them
 * @param {string[]} labels
 * @param {boolean} hasVotes whether the model has a votes head, and each label another column
 * @param {import("../contract.d.ts").VideoError | null} [error] what ended the reading early
 */
export function asCsv(moments, columns, labels, hasVotes, error = null) {
  const voted = hasVotes ? labels : [];
  const cells = columns.map((column) => {
    const cell = CELLS[column];
    if (!cell) throw new Error(`this page does not know the column ${column}`);
    return cell;
  });
  const rows = moments.flatMap((moment) =>
    moment.faces.map((face, number) => [
      ...cells.map((cell) => cell(moment, face, number)),
      ...labels.map((label) => float(face.emotions[label] ?? 0)),
      ...voted.map((label) => (face.votes ? float(face.votes[label] ?? 0) : "")),
      "",
    ]),
  );
  const header = [...columns, ...labels, ...voted.map((label) => `votes_${label}`)];
  const last = error ? [header.map(() => "").concat(`${error.code}: ${error.detail}`)] : [];
  return [[...header, "error"], ...rows, ...last].map((row) => `${row.map(quoted).join(",")}\r\n`).join("");
}

/** @param {string} cell */
const quoted = (cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
