import assert from "node:assert/strict";
import { test } from "node:test";

import { merged } from "../../service/web/local/detection.js";

/** @param {number} x @param {number} side @param {number} weight */
const found = (x, side, weight) => ({ box: { x, y: 0, width: side, height: side }, weight });

const cases = {
  nothing: { given: [], kept: [] },
  "two faces side by side": { given: [found(0, 10, 1), found(10, 10, 2)], kept: [2, 1] },
  "two boxes just below the overlap": { given: [found(0, 100, 1), found(56, 100, 2)], kept: [2, 1] },
  "two boxes at the overlap": { given: [found(0, 100, 1), found(55, 100, 2)], kept: [2] },
  "a box inside another": { given: [found(0, 100, 3), found(40, 20, 1)], kept: [3] },
  "of equal weights the larger": { given: [found(0, 50, 1), found(0, 100, 1)], kept: [1] },
  "a chain: the middle one is left out": { given: [found(0, 100, 3), found(50, 100, 1), found(100, 100, 2)], kept: [3, 2] },
};

for (const [name, { given, kept }] of Object.entries(cases)) {
  test(`${name} is merged as the service merges it`, () => {
    assert.deepEqual(merged(given, 0.45).map(({ weight }) => weight), kept);
  });
}

test("of equal weights the larger box stays", () => {
  assert.deepEqual(merged([found(0, 50, 1), found(0, 100, 1)], 0.45).map(({ box }) => box.width), [100]);
});
