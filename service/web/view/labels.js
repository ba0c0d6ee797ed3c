/** Where the labels of faces go: none covers another one, nor the mouth of another face. */

/** @typedef {import("../contract.d.ts").Box} Box */
/** @typedef {import("../types.d.ts").Size} Size */

const GAP = 8;
const EDGE = 4;
const MOUTH = 0.55; // from here down a face's box shows its mouth

/**
 * @param {{box: Box, size: Size}[]} labels each face's box and the size of its label, the most important first
 * @param {Size} bounds of the view
 * @returns {(Box | null)[]} null where there is no place
 */
export function placeLabels(labels, bounds) {
  /** @type {Box[]} */
  const taken = [];
  return labels.map(({ box, size }) => {
    const mouths = labels.filter((other) => other.box !== box).map((other) => mouthOf(other.box));
    const isFree = (/** @type {Box} */ one) => ![...taken, ...mouths].some((other) => overlap(one, other));
    const place = candidates(box, size, bounds).find(isFree) ?? null;
    if (place) taken.push(place);
    return place;
  });
}

/** Above the face, below it, beside its upper edge; inside the view. @param {Box} box @param {Size} size @param {Size} bounds @returns {Box[]} */
function candidates(box, { width, height }, bounds) {
  const middle = box.x + box.width / 2 - width / 2;
  const above = box.y - height - GAP;
  const below = box.y + box.height + GAP;
  const places = [
    [middle, above],
    [middle, below],
    [box.x, above],
    [box.x + box.width - width, above],
    [box.x + box.width + GAP, box.y],
    [box.x - width - GAP, box.y],
    [middle, box.y + EDGE],
  ];
  return places
    .filter(([, y = 0]) => y >= EDGE && y + height <= bounds.height - EDGE)
    .map(([x = 0, y = 0]) => ({ x: Math.max(EDGE, Math.min(x, bounds.width - width - EDGE)), y, width, height }));
}

/** @param {Box} box @returns {Box} */
const mouthOf = ({ x, y, width, height }) => ({ x, y: y + MOUTH * height, width, height: (1 - MOUTH) * height });

/** @param {Box} a @param {Box} b */
const overlap = (a, b) => a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
