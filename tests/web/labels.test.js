import assert from "node:assert/strict";
import { test } from "node:test";

import { fitted } from "../../service/web/input/shrink.js";
import { placeLabels } from "../../service/web/view/labels.js";

const VIEW = { width: 400, height: 300 };
const SIZE = { width: 60, height: 20 };

/** @param {[x: number, y: number][]} corners of faces that are 80 pixels wide */
const placed = (...corners) => placeLabels(corners.map(([x, y]) => ({ box: { x, y, width: 80, height: 80 }, size: SIZE })), VIEW);

test("a label is above its face, below it where there is no room, or inside", () => {
  assert.deepEqual(placed([100, 100]), [{ x: 110, y: 72, ...SIZE }]);
  assert.deepEqual(placed([100, 10]), [{ x: 110, y: 98, ...SIZE }]);
  const [tall] = placeLabels([{ box: { x: 0, y: 0, width: 400, height: 300 }, size: SIZE }], VIEW);
  assert.deepEqual(tall, { x: 170, y: 4, ...SIZE });
});

test("no label covers another one, or another face's mouth", () => {
  const corners = /** @type {[number, number][]} */ ([[100, 100], [130, 104], [160, 98], [110, 190], [300, 20]]);
  const places = placed(...corners).filter((place) => place !== null);
  assert.ok(places.length >= 3);
  for (const [i, a] of places.entries()) {
    for (const b of places.slice(i + 1)) assert.ok(a.x + 60 <= b.x || b.x + 60 <= a.x || a.y + 20 <= b.y || b.y + 20 <= a.y);
  }
});

test("a label without a place is left out", () => {
  const all = placeLabels(Array.from({ length: 30 }, () => ({ box: { x: 100, y: 100, width: 80, height: 80 }, size: SIZE })), VIEW);
  assert.equal(all[29], null);
  assert.notEqual(all[0], null);
});

test("a picture keeps its size up to twelve megapixels, and its shape beyond", () => {
  assert.deepEqual(fitted({ width: 4032, height: 3024 }, 1e8), { width: 4032, height: 3024 });
  assert.deepEqual(fitted({ width: 8064, height: 6048 }, 1e8), { width: 4096, height: 3072 });
  const small = fitted({ width: 8000, height: 2000 }, 1e6);
  assert.ok(small.width * small.height <= 1e6 && Math.abs(small.width / small.height - 4) < 0.01);
});
