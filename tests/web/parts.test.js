import assert from "node:assert/strict";
import { test } from "node:test";

import { VideoFrames } from "../../service/web/modes/frames.js";
import { Parts } from "../../service/web/modes/parts.js";
import { Problem } from "../../service/web/remote/problem.js";
import { face, frame, summary } from "./faces.js";

const [FPS, FRAMES] = [5, 50];

/**
 * A service that reads ten seconds, a frame whenever one is asked for; a refusal before that for each of `refusals`.
 * @param {number[]} refusals
 */
function service(refusals = []) {
  /** @type {string[]} */
  const asked = [];
  /** @type {import("../../service/web/modes/parts.js").Read} */
  async function* read({ fromS, toS = FRAMES / FPS }, signal) {
    const status = asked.length > 0 ? refusals.shift() : undefined;
    if (status) throw new Problem("Full", "Later.", status);
    asked.push(`${fromS.toFixed(1)} to ${toS.toFixed(1)}`);
    for (let at = Math.round(fromS * FPS), index = 0; at < Math.round(toS * FPS); at += 1, index += 1) {
      await new Promise((resolve) => setTimeout(resolve));
      signal.throwIfAborted();
      const line = frame(index, at / FPS, face("happy", at, 1));
      yield { value: line, text: JSON.stringify(line) };
    }
    yield { value: summary(FRAMES / FPS), text: JSON.stringify(summary(FRAMES / FPS)) };
  }
  return { asked, read };
}

/** Reads it all; a person goes to `timeS` at the third frame. @param {ReturnType<typeof service>} from @param {number} timeS */
async function readAll({ read }, timeS) {
  const frames = new VideoFrames(FPS);
  /** @type {number[]} */
  const order = [];
  const parts = new Parts(async function* (part, signal) {
    for await (const line of read(part, signal)) {
      yield line;
      // The third frame of the first part is followed by no other before the person's wish has rested.
      if (order.length === 3 && part.fromS === 0) await new Promise((resolve) => signal.addEventListener("abort", resolve));
    }
  }, frames);
  await parts.run(new AbortController().signal, (line) => {
    if (line.type !== "frame") return;
    order.push(line.time_s);
    if (order.length === 3) parts.want(timeS);
  });
  return { frames, order };
}

test("the reading goes where one goes to, and comes back for the rest, one part at a time", async () => {
  const from = service();
  const { frames, order } = await readAll(from, 8.05);
  assert.deepEqual(from.asked, ["0.0 to 10.0", "8.0 to 10.0", "0.6 to 8.0"]);
  assert.deepEqual(order.slice(2, 4), [0.4, 8]);
  assert.deepEqual(frames.moments.map(({ index, time_s: timeS }) => index === Math.round(timeS * FPS)), Array(FRAMES).fill(true));
  assert.deepEqual(frames.summary?.tracks.map(({ track_id: track, to_s: toS }) => [track, toS]), [[1, 9.8]]);
});

test("a place that is not free yet is asked for again, and another refusal ends it", async () => {
  assert.equal((await readAll(service([503, 503]), 8)).frames.moments.length, FRAMES);
  await assert.rejects(readAll(service([413]), 8), Problem);
});

test("the first request is not repeated, and an answer without its end is a problem", async () => {
  const refused = new Parts(async function* () { throw new Problem("Full", "Later.", 503); }, new VideoFrames(FPS)); // eslint-disable-line require-yield
  await assert.rejects(refused.run(new AbortController().signal, () => {}), /Full/);
  const cut = new Parts(async function* () { yield { value: frame(0, 0), text: "{}" }; }, new VideoFrames(FPS));
  await assert.rejects(cut.run(new AbortController().signal, () => {}), /end is missing/);
});
