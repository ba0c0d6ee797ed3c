/** Grey pixels and what is done to them, with OpenCV's arithmetic: what is cut here equals what the server cuts. */

/**
 * @typedef {{data: Uint8Array, width: number, height: number}} Grey
 * @typedef {{x: number, y: number, width: number, height: number}} Box
 */

// cvtColor's weights for red, green and blue (ITU-R BT.601), as it has them: parts of 2 ** 15.
const [RED, GREEN, BLUE] = [9798, 19235, 3735];
// resize's share of the right or lower neighbour, as it has it: parts of 2 ** 11.
const FULL = 2048;
const SLIVER = 1e-3;

/** @param {ImageData} image @returns {Grey} */
export function greyOf({ data, width, height }) {
  const grey = new Uint8Array(width * height);
  for (let at = 0, from = 0; at < grey.length; at += 1, from += 4) {
    grey[at] = (RED * data[from] + GREEN * data[from + 1] + BLUE * data[from + 2] + (1 << 14)) >> 15;
  }
  return { data: grey, width, height };
}

/**
 * A face as the network takes it: the box's longer side and `margin` of it on every side, at `size`.
 * @param {Grey} grey @param {Box} box @param {{width: number, height: number}} size @param {number} margin
 */
export function crop(grey, box, size, margin) {
  return resize(cut(grey, box, margin), size);
}

/** The square at its own size; where it leaves the image, the edge pixels go on. @returns {Grey} */
function cut(grey, box, margin) {
  const side = Math.max(1, even(Math.max(box.width, box.height) * (1 + 2 * margin)));
  const left = even(box.x + (box.width - side) / 2);
  const top = even(box.y + (box.height - side) / 2);
  const data = new Uint8Array(side * side);
  for (let y = 0; y < side; y += 1) {
    const row = clamp(top + y, grey.height) * grey.width;
    for (let x = 0; x < side; x += 1) data[y * side + x] = grey.data[row + clamp(left + x, grey.width)];
  }
  return { data, width: side, height: side };
}

/**
 * Averages pixels when it shrinks, interpolates when it enlarges, or as `method` says.
 * @param {Grey} grey @param {{width: number, height: number}} size @param {"area" | "linear"} [method] @returns {Grey}
 */
export function resize(grey, { width, height }, method = width < grey.width ? "area" : "linear") {
  if (width === grey.width && height === grey.height) return grey;
  return method === "area" ? averaged(grey, width, height) : interpolated(grey, width, height);
}

/** Every new pixel is the mean of the area it covers (INTER_AREA). */
function averaged(grey, width, height) {
  const columns = covered(grey.width, width);
  const rows = covered(grey.height, height);
  const data = new Uint8Array(width * height);
  const line = new Float32Array(width);
  // Of four pixels OpenCV takes the mean in whole numbers, where halves go up.
  const round = grey.width === 2 * width && grey.height === 2 * height ? Math.round : even;
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

/** For each new place the first old one under it, and from `at` on the share that this and the next ones have. */
function covered(from, to) {
  const scale = from / to;
  const first = [];
  const at = [0];
  const shares = [];
  for (let place = 0; place < to; place += 1) {
    const start = place * scale;
    const end = Math.min(start + scale, from);
    // Less than a thousandth of a pixel is left out, as OpenCV does.
    const whole = start - Math.floor(start) > 1 - SLIVER ? Math.ceil(start) : Math.floor(start);
    first.push(whole);
    for (let i = whole; i + SLIVER < end; i += 1) shares.push((Math.min(i + 1, end) - Math.max(i, start)) / (end - start));
    at.push(shares.length);
  }
  return { first, at, shares };
}

/** Between the four nearest pixels, in fixed point (INTER_LINEAR). */
function interpolated(grey, width, height) {
  const columns = neighbours(grey.width, width);
  const rows = neighbours(grey.height, height);
  const data = new Uint8Array(width * height);
  for (let y = 0; y < height; y += 1) {
    const [top, bottom, lower] = rows[y];
    for (let x = 0; x < width; x += 1) {
      const [left, right, righter] = columns[x];
      const mixed = (row) =>
        grey.data[row * grey.width + left] * (FULL - righter) + grey.data[row * grey.width + right] * righter;
      const high = ((FULL - lower) * (mixed(top) >> 4)) >> 16;
      const low = (lower * (mixed(bottom) >> 4)) >> 16;
      data[y * width + x] = (high + low + 2) >> 2;
    }
  }
  return { data, width, height };
}

/** For each new place the old ones before and after it, and the share of the latter. */
function neighbours(from, to) {
  return Array.from({ length: to }, (_, at) => {
    const place = Math.fround(((at + 0.5) * from) / to - 0.5);
    const before = Math.floor(place);
    if (before < 0) return [0, 0, 0];
    if (before >= from - 1) return [from - 1, from - 1, 0];
    return [before, before + 1, even((place - before) * FULL)];
  });
}

/**
 * A heatmap scaled by its own maximum, at `size`; black where there is none.
 * @param {Float32Array} heatmap @param {{width: number, height: number}} from @param {{width: number, height: number}} size
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
      const mixed = (row) =>
        (heatmap[row * from.width + left] * (FULL - righter) + heatmap[row * from.width + right] * righter) / FULL;
      data[y * width + x] = even((255 * (mixed(top) * (FULL - lower) + mixed(bottom) * lower)) / FULL / peak);
    }
  }
  return { data, width, height };
}

const clamp = (at, length) => Math.min(Math.max(at, 0), length - 1);

/** Rounds to the nearest whole number, and halves to the even one, as Python and OpenCV do. */
export function even(value) {
  const low = Math.floor(value);
  const rest = value - low;
  if (rest !== 0.5) return rest < 0.5 ? low : low + 1;
  return low % 2 === 0 ? low : low + 1;
}
