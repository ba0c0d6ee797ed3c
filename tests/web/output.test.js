import assert from "node:assert/strict";
import { test } from "node:test";

import { asCsv } from "../../service/web/output/csv.js";
import { asJson, asShortJson } from "../../service/web/output/json.js";
import { float } from "../../service/web/output/numbers.js";
import { asWebVtt } from "../../service/web/output/webvtt.js";
import { LABELS, face, frame, voted } from "./faces.js";

const COLUMNS = ["index", "time_s", "face", "track_id", "x", "y", "width", "height", "emotion", "confidence", "uncertain"];

const floats = {
  "0.0": 0,
  "1.0": 1,
  "0.1": 0.1,
  "0.30000000000000004": 0.1 + 0.2,
  "0.0001": 0.0001,
  "1e-05": 0.00001,
  "1.5e-07": 1.5e-7,
  "-2.5": -2.5,
  "1e+16": 1e16,
};

for (const [text, value] of Object.entries(floats)) {
  test(`a float is written as ${text}`, () => assert.equal(float(value), text));
}

test("CSV has a row for each face, the labels' shares, and an empty error", () => {
  const rows = asCsv([frame(0, 0, face("happy", 20)), frame(1, 0.2), frame(2, 0.4, face("angry", 5, null))], COLUMNS, LABELS, false);
  assert.equal(
    rows,
    "index,time_s,face,track_id,x,y,width,height,emotion,confidence,uncertain,angry,happy,neutral,error\r\n" +
      "0,0.0,0,1,20,60,80,80,happy,0.8,false,0.1,0.8,0.1,\r\n" +
      "2,0.4,0,,5,60,80,80,angry,0.8,false,0.8,0.1,0.1,\r\n",
  );
});

test("with a votes head, CSV has another column for each label", () => {
  const moments = [frame(0, 0, voted(face("happy", 20), [0.25, 0.5, 0.25]), face("angry", 5))];
  assert.equal(
    asCsv(moments, ["face"], LABELS, true),
    "face,angry,happy,neutral,votes_angry,votes_happy,votes_neutral,error\r\n" +
      "0,0.1,0.8,0.1,0.25,0.5,0.25,\r\n" +
      "1,0.8,0.1,0.1,,,,\r\n",
  );
  const error = { code: "c", detail: "d" };
  assert.match(asCsv([], ["face"], LABELS, true, /** @type {any} */ (error)), /\n,,,,,,,c: d\r\n$/);
});

test("CSV ends with the error that ended the reading", () => {
  const error = { code: "undecodable_video", detail: 'damaged, after "0.4 s"' };
  const rows = asCsv([], ["index"], ["happy"], false, /** @type {any} */ (error));
  assert.equal(rows, 'index,happy,error\r\n,,"undecodable_video: damaged, after ""0.4 s"""\r\n');
});

test("a column that the page does not know is an error, not an empty cell", () => {
  assert.throws(() => asCsv([], ["index", "mood"], LABELS, false), /mood/);
});

test("a cue of WebVTT lasts as long as the same faces have the same labels", () => {
  const two = [face("happy", 0, 1), face("angry", 200, 2)];
  const frames = [frame(0, 0, ...two), frame(1, 0.2, ...two.toReversed()), frame(2, 0.4), frame(3, 3599.9996, face("<b> & co", 0, null))];
  assert.equal(
    asWebVtt(frames, 0.2, '{"type":"summary","duration_s":2.0}'),
    "WEBVTT\n\n" +
      "00:00:00.000 --> 00:00:00.400\nface 1: happy\nface 2: angry\n\n" +
      "01:00:00.000 --> 01:00:00.200\n&lt;b&gt; &amp; co\n\n" +
      'NOTE {"type":"summary","duration_s":2.0}\n',
  );
});

test("a cue names the label with the most votes", () => {
  const text = asWebVtt([frame(0, 0, voted(face("happy", 0), [0.125, 0.25, 0.625]))], 0.2);
  assert.match(text, /\nface 1: happy, votes neutral\n/);
});

test("while a video is still being read, its captions end with the last cue", () => {
  assert.equal(asWebVtt([], 0.2), "WEBVTT\n\n");
  assert.match(asWebVtt([frame(0, 0, face("happy", 0))], 0.2), /0\.200\nface 1: happy\n\n$/);
});

test("JSON leaves out heatmaps as pixels, and the short form cuts long data off", () => {
  const reading = { faces: [{ heatmaps: { emotions: {} }, explanations: [{ data: "x".repeat(50) }] }] };
  assert.deepEqual(JSON.parse(asJson(reading)), { faces: [{ explanations: [{ data: "x".repeat(50) }] }] });
  assert.equal(JSON.parse(asShortJson(reading)).faces[0].explanations[0].data, `${"x".repeat(16)}… (50 characters)`);
});
