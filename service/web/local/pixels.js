/** Operations on grey pixels with OpenCV's arithmetic, so that a crop made here equals the service's. */

/**
 * @typedef {import("../types.d.ts").Grey} Grey
 * @typedef {import("../types.d.ts").Size} Size
 * @typedef {import("../contract.d.ts").Box} Box
 */

// cvtColor's weights of red, green and blue (ITU-R BT.601), as whole numbers over 2 ** 15.
const [RED, GREEN, BLUE] = [9798, 19235, 3735];
// resize's weight of the right or lower neighbour, as a whole number over 2 ** 11.
const FULL = 2048;
// INTER_LINEAR_EXACT's, over 2 ** 8.
const EXACT = 256;
// INTER_AREA leaves out a pixel that is covered by less than this.
const NEGLIGIBLE = 1e-3;

/** @param {{data: Uint8ClampedArray, width: number, height: number}} image RGBA @returns {Grey} */
export function greyOf({ data, width, height }) {
  const grey = new Uint8Array(width * height);
  for (let at = 0, from = 0; at < grey.length; at += 1, from += 4) {
    grey[at] = (RED * data[from] + GREEN * data[from + 1] + BLUE * data[from + 2] + (1 << 14)) >> 15;
  }
  return { data: grey, width, height };
}

/**
 * A face as the network takes it: the square around its box, turned clockwise by `degrees`, resized to `size`.
 * @param {Grey} grey @param {Box} box @param {Size} size @param {number} margin see `squareOf` @param {number} [degrees]
 */
export function crop(grey, box, size, margin, degrees = 0) {
  const square = squareOf(box, margin);
  return resize(degrees === 0 ? cut(grey, square) : cutTurned(grey, square, degrees), size);
}

/**
 * The square that the network sees: the box's longer side, and `margin` of it added on every side.
 * @param {Box} box @param {number} margin @returns {Box} whole pixels; it may reach past the image's edge
 */
export function squareOf(box, margin) {
  const side = Math.max(1, roundHalfEven(Math.max(box.width, box.height) * (1 + 2 * margin)));
  return { x: roundHalfEven(box.x + (box.width - side) / 2), y: roundHalfEven(box.y + (box.height - side) / 2), width: side, height: side };
}

/** A square at its own size; past the image's edge, the edge pixels are repeated. @param {Grey} grey @param {Box} square @returns {Grey} */
function cut(grey, { x: left, y: top, width: side }) {
  const data = new Uint8Array(side * side);
  for (let y = 0; y < side; y += 1) {
    const row = clamp(top + y, grey.height) * grey.width;
    for (let x = 0; x < side; x += 1) data[y * side + x] = grey.data[row + clamp(left + x, grey.width)];
  }
  return { data, width: side, height: side };
}

/**
 * The same, turned about its centre: each pixel is interpolated from the four around its place (warpAffine).
 * @param {Grey} grey @param {Box} square @param {number} degrees clockwise @returns {Grey}
 */
function cutTurned(grey, { x: left, y: top, width: side }, degrees) {
  const [cos, sin] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
  const half = (side - 1) / 2; // pixels are points here: the first one's centre is at 0
  const [x, y] = [left + half * (1 - cos + sin), top + half * (1 - sin - cos)];
  const data = new Uint8Array(side * side);
  for (let row = 0; row < side; row += 1) {
    for (let column = 0; column < side; column += 1) {
      const place = [place32(x - sin * row, cos * column), place32(y + cos * row, sin * column)];
      data[row * side + column] = pixelAt(grey, place[0], place[1]) + 0.5;
    }
  }
  return { data, width: side, height: side };
}

/** The sum of two parts of a place as warpAffine computes it: there are 32 places between two pixels. @param {number} a @param {number} b */
const place32 = (a, b) => Math.floor((roundHalfEven(1024 * a) + roundHalfEven(1024 * b)) / 32 + 0.5) / 32;

/** Between the pixels' centres interpolated. @param {Grey} grey @param {number} x @param {number} y */
function pixelAt({ data, width, height }, x, y) {
  const [column, row] = [Math.floor(x), Math.floor(y)];
  const [left, right] = [clamp(column, width), clamp(column + 1, width)];
  const [top, bottom] = [clamp(row, height) * width, clamp(row + 1, height) * width];
  const high = data[top + left] + (x - column) * (data[top + right] - data[top + left]);
  const low = data[bottom + left] + (x - column) * (data[bottom + right] - data[bottom + left]);
  return high + (y - row) * (low - high);
}

/**
 * Averages pixels when it shrinks, interpolates when it enlarges, or as `method` says.
 * @param {Grey} grey @param {Size} size @param {"area" | "linear"} [method] @returns {Grey}
 */
export function resize(grey, { width, height }, method = width < grey.width ? "area" : "linear") {
  if (width === grey.width && height === grey.height) return grey;
  return method === "area" ? averaged(grey, width, height) : interpolated(grey, width, height);
}

/**
 * Averages pixels, of a large image in two steps: blocks of whole pixels first, as `images.shrink` of the service does.
 * @param {Grey} grey @param {Size} size @returns {Grey}
 */
export function shrink(grey, size) {
  const [across, down] = [grey.width / size.width, grey.height / size.height];
  if (Number.isInteger(across) && Number.isInteger(down)) return resize(grey, size, "area");
  let side = Math.max(1, Math.floor(Math.min(across, down) / 3));
  while (grey.width % side !== 0 || grey.height % side !== 0) side -= 1;
  return resize(resize(grey, { width: grey.width / side, height: grey.height / side }, "area"), size, "area");
}

/**
 * Each new pixel is the mean of the area that it covers (INTER_AREA).
 * @param {Grey} grey @param {number} width @param {number} height @returns {Grey}
 */
function averaged(grey, width, height) {
  const columns = covered(grey.width, width);
  const rows = covered(grey.height, height);
  const data = new Uint8Array(width * height);
  const line = new Float32Array(width);
  // For exactly half the size, OpenCV computes the mean of four pixels in whole numbers, where halves are rounded up.
  const round = grey.width === 2 * width && grey.height === 2 * height ? Math.round : roundHalfEven;
  for (let y = 0; y < height; y += 1) {
    line.fill(0);
    for (let row = rows.first[y], i = rows.at[y]; i < rows.at[y + 1]; row += 1, i += 1) {
      const start = row * grey.width;
      for (let x = 0; x < width; x += 1) {
        let sum = 0;
        let from = start + columns.first[x];
        for (let j = columns.at[x]; j < columns.at[x + 1]; j += 1, from += 1) sum += columns.shares[j] * grey.data[from];
        line[x] += rows.shares[i] * sum;
      }
    }
    for (let x = 0; x < width; x += 1) data[y * width + x] = round(line[x]);
  }
  return { data, width, height };
}

/**
 * For each new place: the first old place that it covers, and from `shares[at[place]]` on the weights of that and the
 * following places.
 * @param {number} from old length @param {number} to new length
 */
function covered(from, to) {
  const scale = from / to;
  /** @type {number[]} */
  const first = [];
  const at = [0];
  /** @type {number[]} */
  const shares = [];
  for (let place = 0; place < to; place += 1) {
    const start = place * scale;
    const end = Math.min(start + scale, from);
    const whole = start - Math.floor(start) > 1 - NEGLIGIBLE ? Math.ceil(start) : Math.floor(start);
    first.push(whole);
    for (let i = whole; i + NEGLIGIBLE < end; i += 1) shares.push((Math.min(i + 1, end) - Math.max(i, start)) / (end - start));
    at.push(shares.length);
  }
  return { first, at, shares };
}

/**
 * Each new pixel is interpolated from the four nearest old ones, in fixed point (INTER_LINEAR).
 * @param {Grey} grey @param {number} width @param {number} height @returns {Grey}
 */
function interpolated(grey, width, height) {
  const columns = neighbours(grey.width, width);
  const rows = neighbours(grey.height, height);
  const data = new Uint8Array(width * height);
  for (let y = 0; y < height; y += 1) {
    const [top, bottom, lower] = rows[y];
    for (let x = 0; x < width; x += 1) {
      const [left, right, righter] = columns[x];
      /** @param {number} row */
      const mixed = (row) =>
        grey.data[row * grey.width + left] * (FULL - righter) + grey.data[row * grey.width + right] * righter;
      const high = ((FULL - lower) * (mixed(top) >> 4)) >> 16;
      const low = (lower * (mixed(bottom) >> 4)) >> 16;
      data[y * width + x] = (high + low + 2) >> 2;
    }
  }
  return { data, width, height };
}

/**
 * The same with coarser weights, but rounded once, at the end (INTER_LINEAR_EXACT).
 * @param {Grey} grey @param {Size} size @returns {Grey}
 */
export function resizeExactly(grey, { width, height }) {
  const columns = neighbours(grey.width, width, EXACT, (place) => place);
  const rows = neighbours(grey.height, height, EXACT, (place) => place);
  const data = new Uint8Array(width * height);
  for (let y = 0; y < height; y += 1) {
    const [top, bottom, lower] = rows[y];
    const [high, low] = [top * grey.width, bottom * grey.width];
    for (let x = 0; x < width; x += 1) {
      const [left, right, righter] = columns[x];
      const above = grey.data[high + left] * (EXACT - righter) + grey.data[high + right] * righter;
      const below = grey.data[low + left] * (EXACT - righter) + grey.data[low + right] * righter;
      data[y * width + x] = (above * (EXACT - lower) + below * lower + EXACT ** 2 / 2) / EXACT ** 2;
    }
  }
  return { data, width, height };
}

/**
 * For each new place: the old places before and after it, and the weight of the latter (0 to `full`).
 * @param {number} from old length @param {number} to new length @param {number} [full]
 * @param {(place: number) => number} [precision] of the place
 * @returns {[number, number, number][]}
 */
function neighbours(from, to, full = FULL, precision = Math.fround) {
  return Array.from({ length: to }, (_, at) => {
    const place = precision(((at + 0.5) * from) / to - 0.5);
    const before = Math.floor(place);
    return [clamp(before, from), clamp(before + 1, from), roundHalfEven((place - before) * full)];
  });
}

/**
 * A heatmap scaled by its own maximum and resized to `size`; black where it is 0 everywhere.
 * @param {Float32Array} heatmap @param {Size} from @param {Size} size
 * @returns {Grey}
 */
export function greyMap(heatmap, from, { width, height }) {
  const peak = heatmap.reduce((most, value) => Math.max(most, value), 0) || 1;
  const columns = neighbours(from.width, width);
  const rows = neighbours(from.height, height);
  const data = new Uint8Array(width * height);
  for (let y = 0; y < height; y += 1) {
    const [top, bottom, lower] = rows[y];
    for (let x = 0; x < width; x += 1) {
      const [left, right, righter] = columns[x];
      /** @param {number} row */
      const mixed = (row) =>
        (heatmap[row * from.width + left] * (FULL - righter) + heatmap[row * from.width + right] * righter) / FULL;
      data[y * width + x] = roundHalfEven((255 * (mixed(top) * (FULL - lower) + mixed(bottom) * lower)) / FULL / peak);
    }
  }
  return { data, width, height };
}

/** @param {number} at @param {number} length */
const clamp = (at, length) => Math.min(Math.max(at, 0), length - 1);

/** Rounds to the nearest whole number, and halves to the even one, as Python and OpenCV do. @param {number} value */
export function roundHalfEven(value) {
  const low = Math.floor(value);
  const rest = value - low;
  if (rest !== 0.5) return rest < 0.5 ? low : low + 1;
  return low % 2 === 0 ? low : low + 1;
}
