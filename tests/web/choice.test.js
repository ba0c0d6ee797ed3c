import assert from "node:assert/strict";
import { test } from "node:test";

import { Choice } from "../../service/web/view/choice.js";
import { face } from "./faces.js";

test("without a choice the first face, the largest, is shown", () => {
  const choice = new Choice();
  assert.equal(choice.follow([]), 0);
  assert.equal(choice.indexIn([]), -1);
  assert.equal(choice.follow([face("happy", 0), face("angry", 300, 2)]), 0);
});

test("a chosen face is followed by its track, wherever it goes", () => {
  const choice = new Choice();
  choice.choose(face("angry", 300, 2));
  assert.equal(choice.follow([face("happy", 300, 1), face("angry", 900, 2)]), 1);
});

test("without tracks it is followed by its place, from frame to frame", () => {
  const choice = new Choice();
  choice.choose(face("angry", 300, null));
  for (const x of [360, 420, 480]) {
    assert.equal(choice.follow([face("happy", 0, null), face("angry", x, null)]), 1);
  }
});

test("a face that is gone is not confused with another, and is found again", () => {
  const choice = new Choice();
  choice.choose(face("angry", 300, 2));
  assert.equal(choice.indexIn([face("happy", 0, 1)]), -1);
  assert.equal(choice.follow([face("happy", 0, 1)]), 0);
  assert.equal(choice.follow([face("happy", 0, 1), face("angry", 300, 2)]), 1);
});

test("looking at another frame does not follow the face there", () => {
  const choice = new Choice();
  choice.choose(face("angry", 300, null));
  assert.equal(choice.indexIn([face("angry", 350, null)]), 0);
  assert.equal(choice.indexIn([face("angry", 400, null)]), -1);
});

test("a chosen face that gets another number is the same face; none is chosen by that", () => {
  const choice = new Choice();
  choice.rename(face("angry", 300, 2));
  assert.equal(choice.follow([face("happy", 0, 1), face("angry", 300, 2)]), 0);
  choice.choose(face("angry", 300, 2));
  choice.rename(face("angry", 300, 5));
  assert.equal(choice.follow([face("happy", 0, 2), face("angry", 900, 5)]), 1);
});
