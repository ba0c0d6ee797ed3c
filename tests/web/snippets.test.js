import assert from "node:assert/strict";
import { test } from "node:test";

import { snippets } from "../../service/web/output/snippets.js";

const SERVICE = "http://127.0.0.1:8000";

/** @param {string[]} files */
const code = (files) => Object.values(snippets({ kind: "pictures", files, options: {} }, SERVICE, false));

test("code that names some of the files only says so, in each language", () => {
  const files = Array.from({ length: 7 }, (_, i) => `IMG_${i}.jpg`);
  const first = "Shortened: 3 of the 7 files. Add the others after IMG_2.jpg.\n";
  code(files).forEach((text, i) => {
    assert.ok(text.startsWith(["# ", "# ", "// "][i] + first), text);
    assert.ok(text.includes("IMG_2.jpg") && !text.includes("IMG_3.jpg"));
  });
  // One name stands for all that a shell could misread.
  for (const text of code(["a b.jpg", "c d.jpg"])) assert.match(text, /1 of the 2 files/);
});

test("code that names all files says nothing of others", () => {
  for (const text of code(["a.jpg", "b.jpg", "c.jpg"])) assert.doesNotMatch(text, /Shortened/);
});
