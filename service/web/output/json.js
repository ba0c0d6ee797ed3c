/** What was read, as text to save: JSON, CSV and captions. */

/**
 * @typedef {import("../types.d.ts").Moment} Moment
 * @typedef {import("../types.d.ts").PageFace} PageFace
 */

/** Leaves out the pixels of heatmaps, which no answer of the service holds. @param {string} key @param {any} value */
const withoutPixels = (key, value) => (key === "heatmaps" ? undefined : value);

/** @param {unknown} value */
export const asJson = (value) => JSON.stringify(value, withoutPixels, 2);

/** For the eye: long data is cut off. @param {unknown} value */
export const asShortJson = (value) =>
  JSON.stringify(
    value,
    (key, given) =>
      key === "data" && given.length > 40 ? `${given.slice(0, 16)}… (${given.length} characters)` : withoutPixels(key, given),
    2,
  );

/** One row for each face in each moment. @param {Moment[]} moments @param {string[]} labels */
export function asCsv(moments, labels) {
  const head = ["time_s", "face", "track_id", "x", "y", "width", "height", "emotion", "confidence", ...labels];
  const rows = moments.flatMap(({ time_s: time, faces }) =>
    faces.map(({ track_id: track, box, emotion, confidence, emotions }, face) => {
      const shares = labels.map((label) => (emotions[label] ?? 0).toFixed(6));
      return [time.toFixed(3), face, track ?? "", box.x, box.y, box.width, box.height, emotion, confidence.toFixed(6), ...shares];
    }),
  );
  return [head, ...rows].map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
}

/** @param {string | number} value */
function cell(value) {
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Captions with each face's label, for as long as it stays the same. @param {Moment[]} moments @param {number} endS */
export function asWebVtt(moments, endS) {
  /** @type {{start: number, end: number, text: string}[]} */
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

/** A face in the captions over a video. @param {PageFace} face */
export const caption = ({ track_id: track, emotion }) => (track === null ? emotion : `face ${track}: ${emotion}`);

/** @param {number} seconds */
function clock(seconds) {
  const [whole = 0, thousandths = 0] = seconds.toFixed(3).split(".").map(Number);
  const parts = [whole / 3600, (whole / 60) % 60, whole % 60].map((part) => String(Math.floor(part)).padStart(2, "0"));
  return `${parts.join(":")}.${String(thousandths).padStart(3, "0")}`;
}
