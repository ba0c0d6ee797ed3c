import assert from "node:assert/strict";
import { test } from "node:test";

import { crop, greyMap, greyOf, resize, roundHalfEven, shrink, squareOf } from "../../service/web/local/pixels.js";

/** @param {number} width @param {number[]} values row by row */
const grey = (width, values) => ({ data: Uint8Array.from(values), width, height: values.length / width });

test("halves are rounded to the even number", () => {
  const table = { 0.5: 0, 1.5: 2, 2.5: 2, 2.4: 2, 2.6: 3, [-0.5]: 0, [-1.5]: -2 };
  for (const [value, rounded] of Object.entries(table)) assert.equal(roundHalfEven(Number(value)) + 0, rounded, value);
});

test("grey has the weights of BT.601", () => {
  const rgba = [255, 0, 0, 255, 0, 255, 0, 255, 0, 0, 255, 255, 255, 255, 255, 255];
  const image = { data: Uint8ClampedArray.from(rgba), width: 4, height: 1 };
  assert.deepEqual([...greyOf(image).data], [76, 150, 29, 255]);
});

test("the square has the longer side and its margin, around the box's centre", () => {
  assert.deepEqual(squareOf({ x: 10, y: 20, width: 30, height: 10 }, 0), { x: 10, y: 10, width: 30, height: 30 });
  assert.deepEqual(squareOf({ x: 0, y: 0, width: 20, height: 20 }, 0.1), { x: -2, y: -2, width: 24, height: 24 });
});

test("past the image's edge, the edge pixels are repeated", () => {
  const cut = crop(grey(2, [1, 2, 3, 4]), { x: 0, y: 0, width: 2, height: 2 }, { width: 4, height: 4 }, 0.5);
  assert.deepEqual([...cut.data], [1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4]);
});

test("shrinking takes the mean, enlarging interpolates, the same size changes nothing", () => {
  assert.deepEqual([...resize(grey(4, [0, 10, 20, 30]), { width: 2, height: 1 }).data], [5, 25]);
  assert.deepEqual([...resize(grey(2, [0, 100]), { width: 4, height: 1 }).data], [0, 25, 75, 100]);
  const same = grey(2, [7, 8]);
  assert.equal(resize(same, { width: 2, height: 1 }), same);
});

test("of four pixels a half is rounded up, as in OpenCV", () => {
  assert.deepEqual([...resize(grey(2, [0, 0, 1, 1]), { width: 1, height: 1 }).data], [1]);
});

test("a large image shrinks in two steps to what the service makes of it", () => {
  // By blocks of 2 and then by 3.25; whole pixels alone; a size that nothing divides.
  const table = [
    [52, 26, 8, 4, [100, 126, 137, 123, 138, 121, 141, 123, 127, 127, 142, 124, 135, 124, 126, 131, 111, 134, 137, 117, 143, 128, 135, 131, 125, 130, 134, 136, 127, 119, 129, 127]],
    [52, 26, 4, 2, [122, 130, 128, 132, 123, 133, 129, 131]],
    [53, 26, 8, 4, [103, 125, 142, 121, 137, 121, 145, 129, 130, 132, 135, 126, 134, 122, 130, 127, 109, 128, 144, 117, 139, 135, 130, 132, 125, 131, 135, 140, 124, 119, 129, 128]],
  ];
  for (const [width, height, smallWidth, smallHeight, expected] of /** @type {[number, number, number, number, number[]][]} */ (table)) {
    const values = Array.from({ length: width * height }, (_, at) => {
      const [x, y] = [at % width, Math.floor(at / width)];
      return (7 * x * x + 13 * x * y + 5 * y) % 256;
    });
    assert.deepEqual([...shrink(grey(width, values), { width: smallWidth, height: smallHeight }).data], expected);
  }
});

test("a heatmap is scaled by its own maximum; without one it is black", () => {
  const map = greyMap(Float32Array.from([0, 0.5]), { width: 2, height: 1 }, { width: 2, height: 1 });
  assert.deepEqual([...map.data], [0, 255]);
  assert.deepEqual([...greyMap(new Float32Array(2), { width: 2, height: 1 }, { width: 2, height: 1 }).data], [0, 0]);
});
