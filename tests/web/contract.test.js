import assert from "node:assert/strict";
import { test } from "node:test";

import { committed, generated } from "./contract.js";

test("the types are those of openapi/", () => {
  assert.equal(committed(), generated(), "stale: run `npm run types`");
});
