/** Readings as CSV: the columns, numbers and quotes of the service's own (RFC 4180). */

import { float } from "./numbers.js";

/**
 * @typedef {import("../types.d.ts").Moment} Moment
 * @typedef {import("../types.d.ts").PageFace} PageFace
 */

/** @type {Record<string, (moment: Moment | null, face: PageFace, number: number) => string>} a cell of each column */
const CELLS = {
  index: (moment) => (moment ? String(moment.index) : ""),
  time_s: (moment) => (moment ? float(moment.time_s) : ""),
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
  const row = rowWriter(columns, labels, hasVotes);
  const rows = moments.flatMap((moment) => moment.faces.map((face, number) => [...row(moment, face, number), ""]));
  const header = headerOf(columns, labels, hasVotes);
  const last = error ? [header.map(() => "").concat(`${error.code}: ${error.detail}`)] : [];
  return text([[...header, "error"], ...rows, ...last]);
}

/**
 * The table of the command `fer predict --csv`: the file, then the same columns; those that say nothing of pictures are
 * empty. A picture without a face has a row, and so has one that could not be read, with the reason.
 * @param {import("../types.d.ts").PictureEntry[]} entries
 * @param {string[]} columns @param {string[]} labels @param {boolean} hasVotes as above
 */
export function picturesCsv(entries, columns, labels, hasVotes) {
  const row = rowWriter(columns, labels, hasVotes);
  const header = headerOf(columns, labels, hasVotes);
  const empty = header.map(() => "");
  const rows = entries.flatMap(({ file, reading, problem }) => {
    const faces = reading?.faces ?? [];
    if (faces.length === 0) return [[file.name, ...empty, problem ? `${problem.title}: ${problem.detail}` : ""]];
    return faces.map((face, number) => [file.name, ...row(null, face, number), ""]);
  });
  return text([["file", ...header, "error"], ...rows]);
}

/** @param {string[]} columns @param {string[]} labels @param {boolean} hasVotes */
const headerOf = (columns, labels, hasVotes) => [...columns, ...labels, ...(hasVotes ? labels.map((label) => `votes_${label}`) : [])];

/**
 * @param {string[]} columns @param {string[]} labels @param {boolean} hasVotes
 * @returns {(moment: Moment | null, face: PageFace, number: number) => string[]} `moment`: null for a picture
 */
function rowWriter(columns, labels, hasVotes) {
  const voted = hasVotes ? labels : [];
  const cells = columns.map((column) => {
    const cell = CELLS[column];
    if (!cell) throw new Error(`this page does not know the column ${column}`);
    return cell;
  });
  return (moment, face, number) => [
    ...cells.map((cell) => cell(moment, face, number)),
    ...labels.map((label) => float(face.emotions[label] ?? 0)),
    ...voted.map((label) => (face.votes ? float(face.votes[label] ?? 0) : "")),
  ];
}

/** @param {string[][]} rows */
const text = (rows) => rows.map((row) => `${row.map(quoted).join(",")}\r\n`).join("");

/** @param {string} cell */
const quoted = (cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
