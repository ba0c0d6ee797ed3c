/** The mean answers of each track over a whole video: what the service's summary says. */

import { highest } from "../view/format.js";

/**
 * @typedef {import("../contract.d.ts").VideoTrack} VideoTrack
 * @typedef {Record<string, number>} Shares
 * @typedef {{fromS: number, toS: number, frames: number, emotions: Shares, votes: Shares | null}} Sums
 */

export class Timeline {
  /** @type {Map<number, Sums>} by number of the track, in the order in which they began */
  #tracks = new Map();

  /** @param {import("../types.d.ts").PageFace[]} faces of the next frame @param {number} timeS */
  add(faces, timeS) {
    for (const { track_id: number, emotions, votes } of faces) {
      if (number === null) continue;
      const track = this.#tracks.get(number);
      if (!track) {
        this.#tracks.set(number, { fromS: timeS, toS: timeS, frames: 1, emotions, votes });
        continue;
      }
      track.toS = timeS;
      track.frames += 1;
      track.emotions = sum(track.emotions, emotions);
      track.votes = track.votes && votes && sum(track.votes, votes);
    }
  }

  /** @returns {VideoTrack[]} */
  get tracks() {
    return [...this.#tracks].map(([number, { fromS, toS, frames, emotions, votes }]) => {
      const mean = divided(emotions, frames);
      const [dominant] = highest(mean);
      return { track_id: number, from_s: fromS, to_s: toS, mean, dominant, mean_votes: votes && divided(votes, frames) };
    });
  }
}

/** @param {Shares} a @param {Shares} b @returns {Shares} */
const sum = (a, b) => Object.fromEntries(Object.entries(a).map(([label, share]) => [label, share + (b[label] ?? 0)]));

/** @param {Shares} shares @param {number} count @returns {Shares} */
const divided = (shares, count) => Object.fromEntries(Object.entries(shares).map(([label, share]) => [label, share / count]));
