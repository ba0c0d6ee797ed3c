import assert from "node:assert/strict";
import { test } from "node:test";

import { candidates, detect, networkInput, squareOf, tilt } from "../../service/web/local/centerface.js";

const SEARCH = { threshold: 0.4, nms_overlap: 0.3, upright_degrees: 8, square_side: 1 };
const [COLUMNS, ROWS] = [8, 8];
const CELLS = COLUMNS * ROWS;

/**
 * Maps with faces of 8 x 16 pixels at these cells, the eyes at a quarter and three quarters of the width.
 * @param {{at: number, score: number, tiltY?: number}[]} faces
 * @returns {import("../../service/web/local/centerface.js").Maps}
 */
function maps(faces) {
  const [heat, size, offset, points] = [1, 2, 2, 10].map((channels) => new Float32Array(channels * CELLS));
  if (!heat || !size || !offset || !points) throw new Error("no memory");
  for (const { at, score, tiltY = 0 } of faces) {
    heat[at] = score;
    size[at] = Math.log(4); // height in cells
    size[CELLS + at] = Math.log(2);
    for (const [i, x, y] of [[0, 0.25, 0.5], [1, 0.75, 0.5 + tiltY]]) {
      points[2 * Number(i) * CELLS + at] = Number(y);
      points[(2 * Number(i) + 1) * CELLS + at] = Number(x);
    }
  }
  return [heat, size, offset, points];
}

test("a cell is a face about its centre, in pixels of the network's input", () => {
  const [found] = candidates(maps([{ at: 3 * COLUMNS + 4, score: 0.75 }]), COLUMNS, SEARCH);
  // The logarithms have the precision of float32.
  const rounded = [found?.box, found?.points[0]].map((place) => Object.values(place ?? {}).map((side) => Math.round(1e4 * side) / 1e4));
  assert.deepEqual([found?.score, rounded], [0.75, [[14, 6, 8, 16], [16, 14]]]);
});

test("cells at the threshold are none, and of overlapping faces the surest stays", () => {
  const cells = [{ at: 9, score: 0.4 }, { at: 27, score: 0.5 }, { at: 28, score: 0.9 }, { at: 47, score: 0.6 }];
  assert.deepEqual(candidates(maps(cells), COLUMNS, SEARCH).map(({ score }) => score.toFixed(1)), ["0.9", "0.6"]);
});

test("the input is shrunk, never enlarged, and black at the right and below", () => {
  const grey = { data: new Uint8Array(100 * 40).fill(7), width: 100, height: 40 };
  const { pixels, scaleX, scaleY } = networkInput(grey, 0.5);
  assert.deepEqual([pixels.width, pixels.height, scaleX, scaleY], [64, 32, 0.5, 0.5]);
  assert.deepEqual([pixels.data[49], pixels.data[50], pixels.data[20 * 64]], [7, 0, 0]);
  assert.equal(networkInput(grey, 3).scaleX, 1);
});

test("only a tilt that matters is undone, and the square has the root of the box's area", () => {
  assert.equal(tilt({ x: 0, y: 0 }, { x: 10, y: 1 }, 8), 0);
  assert.ok(Math.abs(tilt({ x: 0, y: 0 }, { x: 10, y: 10 }, 8) - 45) < 1e-9);
  assert.deepEqual(squareOf({ x: 10, y: 10, width: 16, height: 4 }, 1), { x: 14, y: 8, width: 8, height: 8 });
});

test("faces are in pixels of the image, cut off at its edges, largest first, and none smaller than asked for", async () => {
  const grey = { data: new Uint8Array(64 * 64), width: 64, height: 64 };
  const described = { option: "centerface", name: "centerface", window_px: 16, smallest_share: 0.5, merge_overlap: 0.45, step: null, neighbours: null, sha256: null };
  const search = { ...SEARCH, ...described, option: /** @type {const} */ ("centerface") };
  const run = () => Promise.resolve(maps([{ at: 0, score: 0.8 }, { at: 5 * COLUMNS + 4, score: 0.5, tiltY: 0.25 }]));
  const found = await detect(grey, run, search, { maxFaces: 9, leastShare: 0 });
  assert.deepEqual(found.map(({ box }) => box), [{ x: 28, y: 28, width: 16, height: 32 }, { x: 0, y: 0, width: 12, height: 20 }]);
  assert.deepEqual(found.map(({ degrees }) => Math.round(degrees)), [45, 0]);
  assert.equal((await detect(grey, run, search, { maxFaces: 9, leastShare: 0, minFacePx: 40 })).length, 0);
  assert.equal((await detect(grey, run, search, { maxFaces: 1, leastShare: 0 })).length, 1);
});
