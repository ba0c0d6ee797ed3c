/** Which face the panel shows: the largest, until someone chooses another; that one is followed then. */

export class Choice {
  /** @type {object | null} */
  #face = null;

  /** @param {object | null} face null: the largest again */
  choose(face) {
    this.#face = face;
  }

  /** @param {object[]} faces largest first @returns {number} index of the face to show, 0 where in doubt */
  find(faces) {
    const found = this.look(faces);
    if (this.#face && found >= 0) this.#face = faces[found];
    return Math.max(0, found);
  }

  /** The index of the chosen face among others, without following it there; -1 where it is not. */
  look(faces) {
    if (faces.length === 0) return -1;
    if (!this.#face) return 0;
    const tracked = faces.findIndex((face) => face.track_id !== null && face.track_id === this.#face.track_id);
    return tracked >= 0 ? tracked : nearest(faces, this.#face.box);
  }
}

/** The face whose centre moved least, and by less than its own width; -1 where there is none. */
function nearest(faces, box) {
  const distances = faces.map((face) => distance(face.box, box));
  const least = Math.min(...distances);
  return least < box.width ? distances.indexOf(least) : -1;
}

function distance(a, b) {
  return Math.hypot(a.x + a.width / 2 - b.x - b.width / 2, a.y + a.height / 2 - b.y - b.height / 2);
}
