/** Follows faces from frame to frame, by the service's rules (service/tracking.py); without its smoothing over time. */

// A track ends when more than so many frames in a row do not show its face.
const MISSES = 3;
// A face belongs to a track only below this cost: the distance from the expected place, in sides of the face, plus the
// natural logarithm of the ratio of their sizes.
const REACH = 1;
// Added to a track's cost, divided by the number of frames that have shown it.
const UNPROVEN = 0.1;
// A velocity is a mean over about so many seconds.
const VELOCITY_S = 0.3;
// A track without its face moves on, slower and slower: in all as far as in so many seconds at its last velocity.
const COASTING_S = 1;

/**
 * @typedef {import("../types.d.ts").PageFace} PageFace
 * @typedef {{x: number, y: number, side: number}} Place the centre and the side of a square of the same area, pixels
 * @typedef {object} Track
 * @property {number} number
 * @property {Place} place where the face was found last
 * @property {{x: number, y: number}} velocity pixels a second
 * @property {number} begunS
 * @property {number} seenS
 * @property {number} sightings
 * @property {number} misses
 */

export class Tracker {
  /** The highest number of a track. */
  begun = 0;
  /** @type {Track[]} */
  #tracks = [];
  #latestS = -Infinity;

  /**
   * The same faces in the same order, with `track_id` (from 1).
   * @param {PageFace[]} faces
   * @param {number} timeS of the frame, seconds; one before the last frame's is treated as the last frame's
   * @returns {PageFace[]}
   */
  follow(faces, timeS) {
    const nowS = Math.max(timeS, this.#latestS);
    this.#latestS = nowS;
    for (const track of this.#tracks) track.misses += 1;
    const places = faces.map(placeOf);
    const known = this.#matched(places, nowS);
    const followed = faces.map((face, i) => {
      const track = known.get(i);
      if (track) update(track, places[i], nowS);
      return { ...face, track_id: (track ?? this.#begin(places[i], nowS)).number };
    });
    this.#tracks = this.#tracks.filter(({ misses }) => misses <= MISSES);
    return followed;
  }

  /** The track of each face (by index) that has one, closest pairs first. @param {Place[]} places @param {number} nowS */
  #matched(places, nowS) {
    const pairs = this.#tracks
      .flatMap((track) => places.map((place, i) => ({ track, i, cost: costOf(track, place, nowS) })))
      .filter(({ cost }) => cost < REACH)
      .sort((a, b) => a.cost - b.cost);
    /** @type {Map<number, Track>} */
    const known = new Map();
    const taken = new Set();
    for (const { track, i } of pairs) {
      if (taken.has(track) || known.has(i)) continue;
      taken.add(track);
      known.set(i, track);
    }
    return known;
  }

  /** @param {Place} place @param {number} nowS @returns {Track} */
  #begin(place, nowS) {
    this.begun += 1;
    const track = { number: this.begun, place, velocity: { x: 0, y: 0 }, begunS: nowS, seenS: nowS, sightings: 1, misses: 0 };
    this.#tracks.push(track);
    return track;
  }
}

/** @param {PageFace} face @returns {Place} */
const placeOf = ({ box: { x, y, width, height } }) => ({ x: x + width / 2, y: y + height / 2, side: Math.sqrt(width * height) });

/** @param {Track} track @param {Place} face @param {number} nowS */
function costOf({ place, velocity, seenS, sightings }, face, nowS) {
  const coastedS = -COASTING_S * Math.expm1((seenS - nowS) / COASTING_S);
  const distance = Math.hypot(place.x + velocity.x * coastedS - face.x, place.y + velocity.y * coastedS - face.y);
  return distance / Math.sqrt(place.side * face.side) + Math.abs(Math.log(place.side / face.side)) + UNPROVEN / sightings;
}

/** @param {Track} track @param {Place} place @param {number} nowS */
function update(track, place, nowS) {
  const elapsedS = nowS - track.seenS;
  if (elapsedS > 0) {
    // In a new track all movements so far have the same weight: a mean that started at zero would lag behind.
    const share = Math.expm1(-elapsedS / VELOCITY_S) / Math.expm1((track.begunS - nowS) / VELOCITY_S);
    track.velocity.x += share * ((place.x - track.place.x) / elapsedS - track.velocity.x);
    track.velocity.y += share * ((place.y - track.place.y) / elapsedS - track.velocity.y);
  }
  Object.assign(track, { place, seenS: nowS, misses: 0 });
  track.sightings += 1;
}
