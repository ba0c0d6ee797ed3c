import assert from "node:assert/strict";
import { test } from "node:test";

import { LOST, REACTIONS } from "../../service/web/remote/close-codes.js";
import { asyncapi } from "./contract.js";

test("the page reacts to every close code that is published, and to no other", () => {
  /** @type {{code: number}[]} */
  const published = asyncapi()["x-close-codes"];
  const known = [...REACTIONS.keys()].filter((code) => code !== LOST);
  assert.deepEqual(known, published.map(({ code }) => code).sort((a, b) => a - b));
});
