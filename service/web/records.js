/** What was read, as text to keep: JSON, CSV and captions. */

/**
 * @typedef {import("./film.js").Moment} Moment
 */

/** Without the pixels of heatmaps that this browser made, which no server would send either. */
const wordsOnly = (key, value) => (key === "heatmaps" ? undefined : value);

export const asJson = (value) => JSON.stringify(value, wordsOnly, 2);

/** For the eye: long data is cut off. */
export const asShortJson = (value) =>
  JSON.stringify(
    value,
    (key, given) => (key === "data" && given.length > 40 ? `${given.slice(0, 16)}… (${given.length} characters)` : wordsOnly(key, given)),
    2,
  );

/** One row for each face in each moment. @param {Moment[]} moments @param {string[]} labels */
export function asCsv(moments, labels) {
  const head = ["time_s", "face", "track_id", "x", "y", "width", "height", "emotion", "confidence", ...labels];
  const rows = moments.flatMap(({ time_s: time, faces }) =>
    faces.map(({ track_id: track, box, emotion, confidence, emotions }, face) => {
      const shares = labels.map((label) => emotions[label].toFixed(6));
      return [time.toFixed(3), face, track ?? "", box.x, box.y, box.width, box.height, emotion, confidence.toFixed(6), ...shares];
    }),
  );
  return [head, ...rows].map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
}

function cell(value) {
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Captions with each face's label, for as long as it stays the same. @param {Moment[]} moments @param {number} endS */
export function asWebVtt(moments, endS) {
  const cues = [];
  for (const { time_s: time, faces } of moments) {
    const text = faces.map(caption).join("\n");
    const last = cues.at(-1);
    if (last?.text === text) continue;
    if (last) last.end = time;
    cues.push({ start: time, end: endS, text });
  }
  const shown = cues.filter(({ text, start, end }) => text !== "" && end > start);
  return ["WEBVTT", ...shown.map(({ start, end, text }) => `${clock(start)} --> ${clock(end)}\n${text}`)].join("\n\n") + "\n";
}

/** @param {object} face */
export const caption = ({ track_id: track, emotion }) => (track === null ? emotion : `face ${track}: ${emotion}`);

function clock(seconds) {
  const [whole, thousandths] = seconds.toFixed(3).split(".");
  const parts = [whole / 3600, (whole / 60) % 60, whole % 60].map((part) => String(Math.floor(part)).padStart(2, "0"));
  return `${parts.join(":")}.${thousandths}`;
}
