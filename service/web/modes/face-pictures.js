/** The pictures of a video's faces: of each track one, from the first frame that shows it. */

import { sizeOf } from "../input/picture.js";
import { Stills } from "../input/stills.js";

/** @typedef {Pick<import("../types.d.ts").Scene, "picture" | "size" | "mirrored" | "faces">} FaceScene */

export class FacePictures {
  #stills;
  #use;
  /** @type {Set<number>} the tracks whose picture is taken, or on its way */
  #taken = new Set();

  /** @param {string} source the video's address @param {(scene: FaceScene) => void} use */
  constructor(source, use) {
    this.#stills = new Stills(source);
    this.#use = use;
  }

  /** The faces have other numbers now. */
  forget() {
    this.#taken.clear();
  }

  /** Takes those of faces that were not in view before. @param {import("../types.d.ts").Moment[]} moments */
  take(moments) {
    for (const { time_s: timeS, faces } of moments) {
      const strangers = faces.filter(({ track_id: track }) => track !== null && !this.#taken.has(track));
      for (const { track_id: track } of strangers) this.#taken.add(track ?? 0);
      if (strangers.length === 0) continue;
      this.#stills.at(timeS, (picture) => this.#use({ picture, size: sizeOf(picture), mirrored: false, faces: strangers }));
    }
  }
}
