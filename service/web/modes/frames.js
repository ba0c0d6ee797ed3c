/** The frames of a video that have been read so far: its faces at any time. */

import { highest } from "../view/format.js";

/**
 * @typedef {import("../types.d.ts").PageFace} PageFace
 * @typedef {import("../types.d.ts").Moment} Moment
 * @typedef {import("../types.d.ts").VideoLine} VideoLine
 * @typedef {import("../contract.d.ts").Box} Box
 */

// Where frames lie further apart than this many intervals, the video shows a still picture between them.
const STILL = 1.5;
const SLACK_S = 1e-6;

export class VideoFrames {
  /** @type {Moment[]} in order of time */
  moments = [];
  /** @type {import("../contract.d.ts").VideoSummary | null} */
  summary = null;
  #intervalS;
  /** @type {Moment[]} read before the reading came there; in order of time */
  #ahead = [];

  /** @param {number} fps frames that are read per second of the video */
  constructor(fps) {
    this.#intervalS = 1 / fps;
  }

  /** @param {VideoLine} line */
  add(line) {
    if (line.type === "frame") this.moments.push(line);
    else if (line.type === "summary") this.summary = line;
  }

  /** A frame beyond those that follow each other. Its tracks are not those of the others. @param {Moment} moment */
  addAhead(moment) {
    const faces = moment.faces.map((face) => ({ ...face, track_id: null }));
    this.#ahead = [...this.#ahead.filter(({ time_s: timeS }) => timeS !== moment.time_s), { ...moment, faces }];
    this.#ahead.sort((a, b) => a.time_s - b.time_s);
  }

  /** What was read ahead of the reading. */
  get ahead() {
    return this.#ahead.filter(({ time_s: timeS }) => timeS > this.readS);
  }

  /** Seconds from the start that have been read. */
  get readS() {
    return this.summary?.duration_s ?? this.moments.at(-1)?.time_s ?? 0;
  }

  /** The parts of a video of so many seconds that the reading has not come to, as [from, to]. @param {number} durationS @returns {[number, number][]} */
  unread(durationS) {
    if (this.summary) return [];
    const readS = this.moments.length > 0 ? this.readS + this.#intervalS : 0;
    return readS < durationS ? [[readS, durationS]] : [];
  }

  get intervalS() {
    return this.#intervalS;
  }

  /** The faces at a time, between the frames around it; null where the video has not been read. @param {number} timeS */
  facesAt(timeS) {
    return this.#facesIn(this.moments, timeS) ?? this.#facesIn(this.ahead, timeS);
  }

  /** @param {Moment[]} moments @param {number} timeS */
  #facesIn(moments, timeS) {
    const index = indexBefore(moments, timeS);
    const moment = moments[index];
    if (!moment || (moments !== this.moments && timeS < moment.time_s - SLACK_S)) return null;
    const next = moments[index + 1];
    const isShownOn = timeS < moment.time_s + this.#intervalS + SLACK_S;
    // A video that was read to its end shows its last frame until then; otherwise nothing is known of what follows.
    if (!next) return (this.summary && moments === this.moments) || isShownOn ? moment.faces : null;
    // Between two places that were read ahead, nothing is known either.
    if (moments !== this.moments && next.time_s - moment.time_s > STILL * this.#intervalS && !isShownOn) return null;
    const gapS = next.time_s - moment.time_s;
    if (gapS === 0 || gapS > STILL * this.#intervalS) return moment.faces;
    const share = Math.min(1, Math.max(0, (timeS - moment.time_s) / gapS));
    return moment.faces.map((face) => between(face, sameFace(face, next.faces), share));
  }
}

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
