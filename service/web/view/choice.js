/** Which face the panel shows: the largest, until a person chooses another one, which is then followed. */

/** @typedef {Pick<import("../types.d.ts").PageFace, "box" | "track_id">} Place */

export class Choice {
  /** @type {Place | null} */
  #face = null;

  /** @param {Place | null} face null: the largest again */
  choose(face) {
    this.#face = face;
  }

  /** The chosen face has another number now. @param {Place | undefined} face */
  rename(face) {
    if (this.#face && face) this.#face = face;
  }

  /** Follows the chosen face. @param {Place[]} faces largest first @returns {number} its index; 0 where it is not found */
  follow(faces) {
    const found = this.indexIn(faces);
    if (this.#face && found >= 0) this.#face = faces[found] ?? null;
    return Math.max(0, found);
  }

  /** The index of the chosen face, which is not followed there; -1 where it is not found. @param {Place[]} faces */
  indexIn(faces) {
    const chosen = this.#face;
    if (faces.length === 0) return -1;
    if (!chosen) return 0;
    const tracked = faces.findIndex((face) => face.track_id !== null && face.track_id === chosen.track_id);
    return tracked >= 0 ? tracked : nearest(faces, chosen.box);
  }
}

/**
 * The face whose centre moved least, and by less than its own width; -1 where there is none.
 * @param {Place[]} faces @param {import("../contract.d.ts").Box} box
 */
function nearest(faces, box) {
  const distances = faces.map((face) => distance(face.box, box));
  const least = Math.min(...distances);
  return least < box.width ? distances.indexOf(least) : -1;
}

/** @param {import("../contract.d.ts").Box} a @param {import("../contract.d.ts").Box} b */
function distance(a, b) {
  return Math.hypot(a.x + a.width / 2 - b.x - b.width / 2, a.y + a.height / 2 - b.y - b.height / 2);
}
