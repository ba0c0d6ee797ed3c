/** The frames of a video that have been read so far, in whatever order: its faces at any time. */

import { Timeline } from "../local/timeline.js";
import { Tracker } from "../local/tracker.js";
import { highest } from "../view/format.js";
import { Spans } from "./spans.js";

/**
 * @typedef {import("../types.d.ts").PageFace} PageFace
 * @typedef {import("../types.d.ts").Moment} Moment
 * @typedef {import("../types.d.ts").VideoLine} VideoLine
 * @typedef {import("../contract.d.ts").Box} Box
 * @typedef {import("../contract.d.ts").VideoSummary} VideoSummary
 * @typedef {Omit<VideoSummary, "frames_read"> & Partial<VideoSummary>} Summary `frames_read`: not known where parts of the
 *   video were left before their end
 * @typedef {{fromS: number, toS?: number}} Part `toS`: by default the video's end
 */

// Where frames lie further apart than this many intervals, the video shows a still picture between them.
const STILL = 1.5;
const SLACK_S = 1e-6;
const CLOCK_S = 5e-4; // as finely as the service compares times

export class VideoFrames {
  /** @type {Moment[]} in order of time */
  moments = [];
  /** @type {Summary | null} of the whole video, once all of it is read */
  summary = null;
  #fps;
  #spans = new Spans();
  /** @type {Part} the one that is being read */
  #part = { fromS: 0 };
  #reachedS = 0;
  /** Whether it was read in several parts: faces have other numbers in each. */
  #isJoined = false;
  #tracker = new Tracker();
  /** @type {Moment[]} */
  #numbered = [];
  #isRenumbered = false;
  /** @type {string[]} the lines as they were sent */
  #texts = [];

  /** @param {number} fps frames that are read per second of the video */
  constructor(fps) {
    this.#fps = fps;
  }

  /** Another part follows. @param {Part} part */
  begin(part) {
    this.#part = part;
    this.#reachedS = part.fromS;
    if (this.moments.length === 0) return;
    this.#isJoined = true;
    this.#renumber();
    // Goes on where the frames before the part end; new faces get numbers that no other has.
    const all = this.#tracker;
    this.#tracker = new Tracker();
    for (const { faces, time_s: timeS } of this.moments) if (timeS < part.fromS) this.#tracker.follow(faces, timeS);
    this.#tracker.begun = all.begun;
  }

  /** @param {VideoLine} line @param {string} [text] as it was sent */
  add(line, text = JSON.stringify(line)) {
    this.#texts.push(text);
    if (line.type === "frame") this.#insert(line);
    else if (line.type === "summary") this.#end(line);
  }

  /** The moments whose faces got their numbers since the last call: all, where old ones have other numbers now. */
  takeNumbered() {
    const taken = { moments: this.#isRenumbered ? this.moments : this.#numbered, isRenumbered: this.#isRenumbered };
    this.#numbered = [];
    this.#isRenumbered = false;
    return taken;
  }

  /** The lines as the service would have sent them, read in one go. */
  get texts() {
    if (!this.#isJoined) return this.#texts;
    const moments = this.moments.map((moment) => JSON.stringify(moment));
    return [...moments, ...(this.summary ? [JSON.stringify(this.summary)] : this.#texts.slice(-1).filter(isError))];
  }

  /** How far the part that is being read has come. */
  get reachedS() {
    return this.#reachedS;
  }

  /** How many seconds have been read. */
  get readS() {
    return this.summary?.duration_s ?? this.#spans.lengthS(this.lastS);
  }

  /** The end of what was read, as far as it is known. */
  get lastS() {
    return this.#spans.durationS ?? this.moments.at(-1)?.time_s ?? 0;
  }

  /** The parts of a video of so many seconds that have not been read, as [from, to]. @param {number} durationS @returns {[number, number][]} */
  unread(durationS) {
    return this.summary ? [] : this.#spans.gaps(durationS);
  }

  /** The first part at a time or after it that has not been read; null where all is. @param {number} timeS @returns {Part | null} */
  unreadFrom(timeS) {
    // On the grid of a reading from the start, so that it gives the same frames.
    return this.summary ? null : this.#spans.gapFrom(Math.floor((timeS + CLOCK_S) * this.#fps) / this.#fps);
  }

  /** @param {number} timeS */
  isRead(timeS) {
    return this.#spans.at(timeS) !== null;
  }

  get intervalS() {
    return 1 / this.#fps;
  }

  /** The faces at a time, between the frames around it; null where the video has not been read. @param {number} timeS */
  facesAt(timeS) {
    const span = this.#spans.at(timeS);
    const index = indexBefore(this.moments, timeS);
    const moment = this.moments[index];
    if (!span || !moment || moment.time_s + SLACK_S < span.fromS) return null;
    if (timeS + SLACK_S < moment.time_s && span.fromS > 0) return null;
    const next = this.moments[index + 1];
    const isShownOn = timeS < moment.time_s + this.intervalS + SLACK_S;
    // A video that was read to its end shows its last frame until then; otherwise nothing is known of what follows.
    if (!next || next.time_s >= span.toS) return span.toS === Infinity || isShownOn ? moment.faces : null;
    const gapS = next.time_s - moment.time_s;
    if (gapS === 0 || gapS > STILL * this.intervalS) return moment.faces;
    const share = Math.min(1, Math.max(0, (timeS - moment.time_s) / gapS));
    return moment.faces.map((face) => between(face, sameFace(face, next.faces), share));
  }

  /** @param {{type: "frame"} & Moment} line */
  #insert(line) {
    const { time_s: timeS } = line;
    const moment = this.#isJoined ? { ...line, faces: this.#tracker.follow(line.faces, timeS) } : line;
    this.moments.splice(this.moments.findLastIndex((other) => other.time_s < timeS) + 1, 0, moment);
    this.#numbered.push(moment);
    this.#reachedS = Math.max(this.#reachedS, (Math.floor((timeS + CLOCK_S) * this.#fps) + 1) / this.#fps);
    this.#spans.add(this.#part.fromS, this.#reachedS);
  }

  /** The part is read. @param {VideoSummary} line */
  #end(line) {
    const { fromS, toS = Infinity } = this.#part;
    this.#spans.add(fromS, toS);
    if (toS === Infinity) this.#spans.durationS = line.duration_s;
    if (this.#spans.gapFrom(0) !== null) return;
    this.summary = this.#isJoined ? this.#joined(line) : line;
  }

  /** The summary of all parts. @param {VideoSummary} last @returns {Summary} */
  #joined({ type, duration_s: lengthS }) {
    this.#renumber();
    const timeline = new Timeline();
    for (const { faces, time_s: timeS } of this.moments) timeline.add(faces, timeS);
    const durationS = Math.max(lengthS, this.#spans.durationS ?? 0);
    return { type, duration_s: durationS, frames_analysed: this.moments.length, tracks: timeline.tracks };
  }

  /** Numbers frames and faces as one reading from the start would. */
  #renumber() {
    this.#tracker = new Tracker();
    this.#isRenumbered = true;
    this.moments = this.moments.map((moment, index) => ({ ...moment, index, faces: this.#tracker.follow(moment.faces, moment.time_s) }));
  }
}

/** @param {string} text of a line */
const isError = (text) => JSON.parse(text).type === "error";

/** The index of the last frame at or before a time; 0 for a time before the first frame. @param {Moment[]} moments @param {number} timeS */
function indexBefore(moments, timeS) {
  let [low, high] = [0, moments.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((moments[middle]?.time_s ?? Infinity) <= timeS + SLACK_S) low = middle + 1;
    else high = middle;
  }
  return Math.max(0, low - 1);
}

/** The same face in another frame: by its track, or by its place. @param {PageFace} face @param {PageFace[]} others */
function sameFace(face, others) {
  if (face.track_id !== null) return others.find((other) => other.track_id === face.track_id);
  return others.find((other) => distance(other.box, face.box) < face.box.width / 2);
}

/** @param {Box} a @param {Box} b */
function distance(a, b) {
  return Math.hypot(a.x + a.width / 2 - b.x - b.width / 2, a.y + a.height / 2 - b.y - b.height / 2);
}

/**
 * Box and shares in a straight line from one face to another; the label is that of the largest share.
 * @param {PageFace} face @param {PageFace | undefined} other @param {number} share 0: `face`, 1: `other`
 * @returns {PageFace}
 */
function between(face, other, share) {
  if (!other) return face;
  /** @param {number} from @param {number} to */
  const mix = (from, to) => from + share * (to - from);
  const box = {
    x: mix(face.box.x, other.box.x),
    y: mix(face.box.y, other.box.y),
    width: mix(face.box.width, other.box.width),
    height: mix(face.box.height, other.box.height),
  };
  /** @param {Record<string, number>} from @param {Record<string, number>} to */
  const mixed = (from, to) => Object.fromEntries(Object.entries(from).map(([label, value]) => [label, mix(value, to[label] ?? 0)]));
  const emotions = mixed(face.emotions, other.emotions);
  const votes = face.votes && other.votes ? mixed(face.votes, other.votes) : face.votes;
  const [emotion, confidence] = highest(emotions);
  return { ...(share < 0.5 ? face : other), box, emotions, votes, emotion, confidence };
}
