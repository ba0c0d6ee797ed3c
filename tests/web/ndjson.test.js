import assert from "node:assert/strict";
import { test } from "node:test";

import { jsonLines } from "../../service/web/remote/ndjson.js";

/** A body that arrives in these pieces, and then ends or fails. @param {(string | Uint8Array<ArrayBuffer>)[]} pieces @param {Error} [error] */
function body(pieces, error) {
  const encoder = new TextEncoder();
  let next = 0;
  return /** @type {ReadableStream<Uint8Array<ArrayBuffer>>} */ (
    new ReadableStream({
      pull(controller) {
        const piece = pieces[next];
        next += 1;
        if (piece !== undefined) controller.enqueue(typeof piece === "string" ? encoder.encode(piece) : piece);
        else if (error) controller.error(error);
        else controller.close();
      },
    })
  );
}

/** @param {AsyncIterable<{value: any, text: string}>} lines */
async function collected(lines) {
  const all = [];
  for await (const line of lines) all.push(line);
  return all;
}

const cases = {
  nothing: { pieces: [], values: [] },
  "one line": { pieces: ['{"a":1}\n'], values: [{ a: 1 }] },
  "two lines in one piece": { pieces: ['{"a":1}\n{"a":2}\n'], values: [{ a: 1 }, { a: 2 }] },
  "a line in three pieces": { pieces: ['{"a"', ":", "1}\n"], values: [{ a: 1 }] },
  "a last line without its end": { pieces: ['{"a":1}\n{"a":2}'], values: [{ a: 1 }, { a: 2 }] },
  "empty lines": { pieces: ['\n\n{"a":1}\n\n'], values: [{ a: 1 }] },
};

for (const [name, { pieces, values }] of Object.entries(cases)) {
  test(`${name} is read`, async () => {
    assert.deepEqual((await collected(jsonLines(body(pieces)))).map(({ value }) => value), values);
  });
}

test("a character that is cut in two stays one", async () => {
  const bytes = new TextEncoder().encode('{"a":"é"}\n');
  const cut = bytes.indexOf(0xc3) + 1;
  const lines = await collected(jsonLines(body([bytes.slice(0, cut), bytes.slice(cut)])));
  assert.deepEqual(lines.map(({ value }) => value), [{ a: "é" }]);
});

test("a line keeps its text as it was sent", async () => {
  const [line] = await collected(jsonLines(body(['{"duration_s": 2.0}\n'])));
  assert.equal(line?.text, '{"duration_s": 2.0}');
});

test("complete lines come before the connection's error", async () => {
  const lines = jsonLines(body(['{"a":1}\n{"a"'], new Error("cut")));
  assert.deepEqual((await lines.next()).value?.value, { a: 1 });
  await assert.rejects(lines.next(), /cut/);
});
