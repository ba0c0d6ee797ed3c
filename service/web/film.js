/** A film that has been read, or as much of it as is known: its faces at any time between the frames that were read. */

/**
 * @typedef {{index: number, time_s: number, faces: object[]}} Moment a frame that was read
 */

// Frames further apart than this many intervals show a still picture between them: boxes stay where they are.
const STILL = 1.5;
const SLACK_S = 1e-6;

export class Film {
  /** @type {Moment[]} in order of time */
  moments = [];
  summary = null;
  #intervalS;

  /** @param {number} fps frames read for each second */
  constructor(fps) {
    this.#intervalS = 1 / fps;
  }

  /** @param {object} line a frame or the summary */
  add(line) {
    if (line.type === "frame") this.moments.push(line);
    else if (line.type === "summary") this.summary = line;
  }

  /** Seconds from the start that have been read. */
  get readS() {
    return this.summary?.duration_s ?? (this.moments.at(-1)?.time_s ?? 0);
  }

  /** The faces at a time, between the frames around it; null where the film has not been read. */
  facesAt(timeS) {
    const at = this.#before(timeS);
    const moment = this.moments[at];
    if (!moment) return null;
    const next = this.moments[at + 1];
    // A film that was read to its end shows its last frame until then; before that, nobody has looked at what follows.
    if (!next) return this.summary || timeS < moment.time_s + this.#intervalS + SLACK_S ? moment.faces : null;
    if (next.time_s === moment.time_s || next.time_s - moment.time_s > STILL * this.#intervalS) return moment.faces;
    const share = Math.min(1, Math.max(0, (timeS - moment.time_s) / (next.time_s - moment.time_s)));
    return moment.faces.map((face) => between(face, partner(face, next.faces), share));
  }

  /** The index of the last frame at or before a time; the first one also serves what little lies before it. */
  #before(timeS) {
    let [low, high] = [0, this.moments.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.moments[middle].time_s <= timeS + SLACK_S) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
}

/** The same face in another frame: by its track, or the only one that it could be. */
function partner(face, faces) {
  if (face.track_id !== null) return faces.find((other) => other.track_id === face.track_id);
  return faces.find(({ box }) => Math.hypot(centre(box)[0] - centre(face.box)[0], centre(box)[1] - centre(face.box)[1]) < face.box.width / 2);
}

const centre = ({ x, y, width, height }) => [x + width / 2, y + height / 2];

/** Box and shares on the straight way from one face to another; the words are those of the larger share. */
function between(face, other, share) {
  if (!other) return face;
  const mix = (a, b) => Object.fromEntries(Object.keys(a).map((key) => [key, a[key] + share * (b[key] - a[key])]));
  const emotions = mix(face.emotions, other.emotions);
  const emotion = Object.keys(emotions).reduce((a, b) => (emotions[b] > emotions[a] ? b : a));
  const nearer = share < 0.5 ? face : other;
  return { ...nearer, box: mix(face.box, other.box), emotions, emotion, confidence: emotions[emotion] };
}
