import assert from "node:assert/strict";
import { test } from "node:test";

import { FirstFrames } from "../../service/web/local/first-frames.js";

const FPS = 5;
const SLACK_S = 5e-4;

/** What the service reads of a video whose frames begin at these times: see `frames` in service/video/reader.py. @param {number[]} begins */
function wanted(begins) {
  let wantedS = 0;
  return begins.filter((timeS) => {
    if (timeS + SLACK_S < wantedS) return false;
    wantedS = (Math.floor((timeS + SLACK_S) * FPS) + 1) / FPS;
    return true;
  });
}

/** What is found, and how often the browser sought for it. @param {number[]} begins */
async function found(begins) {
  let seeks = 0;
  const frames = new FirstFrames((timeS) => {
    seeks += 1;
    return Promise.resolve(begins.findLast((beginS) => beginS <= timeS) ?? null);
  });
  /** @type {number[]} */
  const times = [];
  for (let place = 0; place / FPS <= (begins.at(-1) ?? 0); place += 1) {
    const timeS = await frames.find(place / FPS, (place + 1) / FPS);
    if (timeS !== null) times.push(timeS);
  }
  return { times, seeks };
}

/** @param {number} count @param {(index: number) => number} distanceS after each frame */
function video(count, distanceS) {
  let timeS = 0;
  return Array.from({ length: count }, (_, index) => {
    const beginS = timeS;
    timeS += distanceS(index);
    return Math.round(beginS * 1e6) / 1e6;
  });
}

/** @type {Record<string, number[]>} */
const VIDEOS = {
  "25 a second": video(100, () => 0.04),
  "29.97 a second": video(100, () => 1.001 / 30),
  "of a phone": video(200, (index) => 0.0333 + 0.0007 * Math.sin(index)),
  "of a browser": video(150, (index) => 0.04 + 0.004 * ((index * 7) % 3) - 0.004),
  "fast, then still": video(70, (index) => (index < 50 ? 0.04 : 0.4)),
  "still, then fast": video(90, (index) => (index < 10 ? 0.4 : 0.0167)),
  "25, then 60 a second": video(200, (index) => (index < 40 ? 0.0407 : 0.0163)),
  "three a second": video(20, () => 1 / 3),
};

for (const [name, begins] of Object.entries(VIDEOS)) {
  test(`the frames that the service reads, ${name}`, async () => {
    assert.deepEqual((await found(begins)).times, wanted(begins));
  });
}

test("an even video costs few seeks", async () => {
  for (const [name, most] of /** @type {const} */ ([["25 a second", 1], ["29.97 a second", 2.5], ["of a phone", 2.5]])) {
    const { times, seeks } = await found(VIDEOS[name] ?? []);
    assert.ok(seeks <= most * times.length + 2, `${name}: ${seeks} for ${times.length}`);
  }
});

test("a browser that shows a frame for as long as it was to be shown, though the next one has begun", async () => {
  const begins = [4.515, 4.562, 4.594, 4.64, 4.674];
  const shown = (/** @type {number} */ timeS) => begins.find((beginS) => beginS <= timeS && timeS < beginS + 0.04);
  const frames = new FirstFrames((timeS) => Promise.resolve(shown(timeS) ?? begins.findLast((beginS) => beginS <= timeS) ?? null));
  assert.equal(await frames.find(4.6, 4.8), 4.64);
});

test("a browser that does not tell is believed to show another frame at each place", async () => {
  assert.equal(await new FirstFrames(() => Promise.resolve(null)).find(0.4, 0.6), 0.4);
});
