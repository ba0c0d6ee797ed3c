/** The camera, live: its frames are read as fast as answers are received. */

import { byId } from "../dom.js";
import { openCamera } from "../input/camera.js";
import { LocalStream } from "../local/stream.js";
import { asJson } from "../output/json.js";
import { Problem } from "../remote/problem.js";
import { Stream } from "../remote/stream.js";
import { notFound, offersFor } from "./offers.js";
import { csvFile, readingChoices, viewChoices } from "./picture.js";
import { Recent, SPAN_MS } from "./recent.js";
import { problemOf } from "./trouble.js";

/**
 * @typedef {import("../types.d.ts").FrameReading} FrameReading
 * @typedef {import("../types.d.ts").Mode} Mode
 * @typedef {import("../types.d.ts").SaveChoice} SaveChoice
 * @typedef {import("../types.d.ts").StreamListener} StreamListener
 * @typedef {import("../types.d.ts").Trouble} Trouble
 * @typedef {{video: HTMLVideoElement, cameras: import("../input/cameras.js").Cameras,
 *   mirror: import("../input/mirror.js").Mirror}} Parts
 */

// Of frames 640 pixels wide: a face at arm's length or one step further. It takes half the time of a search for smaller ones.
const MIN_FACE_PX = 54;
const ALONE_MS = 4000; // so long without a face, and others are offered
const WORDS_MS = 2000; // words that change faster cannot be read

// How the last half minute is drawn: times are seconds before now.
const AXIS = {
  fromS: -SPAN_MS / 1000,
  toS: 0,
  gapS: 3,
  lastS: 0.2,
  unread: [],
  inWords: (/** @type {number} */ timeS) => (timeS > -0.5 ? "now" : `${Math.round(-timeS)} s ago`),
};

/** @implements {Mode} @implements {StreamListener} */
export class LiveMode {
  announceEveryMs = 3000; // a screen reader cannot read every frame's words
  #page;
  #parts;
  #abort = new AbortController();
  #recent = new Recent();
  /** @type {import("../input/camera.js").Camera | null} */
  #camera = null;
  /** @type {import("../types.d.ts").FrameReader | null} */
  #reader = null;
  /** @type {FrameReading | null} */
  #reading = null;
  #newest = 0;
  #minFacePx = MIN_FACE_PX;
  #wordsAt = -Infinity; // performance.now() when the mean was told last
  #aloneSince = NaN; // performance.now() of the first of the frames without a face

  /** @param {import("./page.js").Page} page @param {Parts} parts */
  constructor(page, parts) {
    this.#page = page;
    this.#parts = parts;
  }

  /** @param {HTMLElement} [focus] the element that keeps the keyboard's focus; otherwise Stop gets it */
  async start(focus) {
    const [page, { video, cameras, mirror }] = [this.#page, this.#parts];
    page.begin(this, "asking", "Your browser asks whether this page may use the camera.");
    page.curves.begin({ title: "Last 30 seconds" });
    page.focus(byId("stop"));
    try {
      this.#camera = await openCamera(video, this.#abort.signal, cameras.chosen);
      if (this.#camera === null) return;
      this.#camera.onended = () =>
        page.mode === this && page.fail(new Problem("The camera was disconnected", "Connect it or allow it again, then open it."), "");
      mirror.begin(this.#camera.mirrored);
      this.#reader = this.#openReader();
      this.#sendFrames(this.#camera, this.#reader);
      await cameras.refresh(this.#camera.deviceId);
      if (this.#isOver) return;
      page.enter("live");
      if (focus) page.focus(focus);
    } catch (error) {
      if (!this.#isOver) page.fail(error, "The camera did not start");
    }
  }

  stop() {
    this.#abort.abort();
    this.#camera?.stop();
    this.#reader?.end();
  }

  /** @param {HTMLElement} [focus] */
  restart(focus) {
    new LiveMode(this.#page, this.#parts).start(focus);
  }

  wake() {
    this.#reader?.wake();
  }

  onHeatmap() {
    this.#reader?.update(this.#page.stage.explanation);
  }

  onDetector() {
    this.#reader?.update(this.#page.detectors.options);
  }

  /** @returns {import("../output/snippets.js").Request} */
  request() {
    const { stage, detectors } = this.#page;
    return { kind: "live", files: [], options: { ...stage.shortExplanation, ...detectors.options, min_face_px: this.#minFacePx } };
  }

  /** @returns {SaveChoice[]} */
  choices() {
    const { moments } = this.#recent;
    const choices = viewChoices(this.#page);
    if (this.#reading) choices.push(...readingChoices(this.#reading, this.#page));
    if (moments.length > 0) {
      choices.push(
        ["The last 30 seconds (JSON)", "last-30-s.json", () => new Blob([asJson(moments)], { type: "application/json" })],
        ["The last 30 seconds (CSV)", "last-30-s.csv", () => csvFile(moments, this.#page)],
      );
    }
    return choices;
  }

  /** @param {Parameters<StreamListener["onSession"]>[0]} session */
  onSession({ labels }) {
    if (this.#isOver) return;
    this.#page.labels = labels;
    this.#page.notice.clear("stream");
  }

  /** @param {FrameReading} reading @param {import("../types.d.ts").CameraFrame} frame */
  async onResult(reading, frame) {
    const { curves, stage, notice, timing } = this.#page;
    const { mirror } = this.#parts;
    const scene = await stage.sceneOf(reading, frame.bitmap);
    // Decoding its heatmaps took a while: a newer frame may be shown by now.
    if (this.#isOver || reading.frame_id < this.#newest) {
      frame.bitmap.close();
      return;
    }
    this.#newest = reading.frame_id;
    this.#reading = reading;
    stage.show({ ...scene, mirrored: mirror.isOn });
    curves.picture({ ...scene, mirrored: mirror.isOn });
    this.#page.showAnswer(reading);
    this.#remember(reading, scene.chosen);
    this.#offerMore(reading);
    timing.add(frame.capturedAt, reading);
    notice.clear("frame");
  }

  /** @param {Trouble} kind @param {string} detail */
  onTrouble(kind, detail) {
    if (this.#isOver) return;
    if (kind !== "rejected") this.#showUnread();
    const isRetried = kind === "gone" || kind === "full";
    this.#page.notice.show(problemOf(kind, detail), {
      topic: kind === "rejected" ? "frame" : "stream",
      action: isRetried ? ["Try now", () => this.wake()] : undefined,
    });
  }

  /** Where no face was found for some seconds: what may find one. @param {FrameReading} reading */
  async #offerMore({ faces, image, searched_from_px: searchedPx }) {
    const now = performance.now();
    if (faces.length > 0) {
      if (Number.isNaN(this.#aloneSince)) return;
      this.#aloneSince = NaN;
      this.#page.showRemark("");
    } else if (Number.isNaN(this.#aloneSince)) {
      this.#aloneSince = now;
    } else if (now - this.#aloneSince > ALONE_MS) {
      this.#aloneSince = Infinity; // once is enough
      const offers = await offersFor(this.#page, image, searchedPx, (px) => this.#lookFor(px));
      if (!this.#isOver && offers.length > 0) this.#page.showRemark(notFound(searchedPx, "before the camera"), offers);
    }
  }

  /** @param {number} minFacePx */
  #lookFor(minFacePx) {
    this.#minFacePx = minFacePx;
    this.#aloneSince = NaN;
    this.#page.showRemark("");
    this.#reader?.update({ min_face_px: minFacePx });
    this.#page.focus(byId("stop"));
  }

  get #isOver() {
    return this.#abort.signal.aborted;
  }

  #openReader() {
    const { local: { reader }, stage, detectors } = this.#page;
    const options = { ...detectors.options, min_face_px: this.#minFacePx };
    return reader ? new LocalStream(this, reader, options) : new Stream(this, { ...stage.explanation, ...options });
  }

  /** @param {import("../input/camera.js").Camera} camera @param {import("../types.d.ts").FrameReader} reader */
  async #sendFrames(camera, reader) {
    while (!this.#isOver) {
      const capturedAt = await camera.nextFrame();
      if (this.#isOver || document.hidden || !reader.hasCredit) continue;
      // A camera that is being disconnected gives no frame; `onended` is called next.
      const frame = await camera.grab(capturedAt).catch(() => null);
      if (frame) await reader.send(frame).catch(() => frame.bitmap.close());
    }
  }

  /** @param {FrameReading} reading @param {number} chosen */
  #remember({ faces }, chosen) {
    // 30 seconds of heatmaps would be megabytes.
    const plain = faces.map(({ explanations: _, heatmaps: __, ...face }) => face);
    const nowMs = performance.now();
    this.#recent.add({ atMs: nowMs, faces: plain, chosen });
    this.#page.curves.show(this.#recent.before(nowMs), AXIS);
    if (nowMs - this.#wordsAt < WORDS_MS) return;
    this.#wordsAt = nowMs;
    this.#page.curves.words = this.#recent.words;
  }

  /** Shows the camera's picture only: nothing is known of its faces. */
  #showUnread() {
    const { stage, timing } = this.#page;
    this.#reading = null;
    stage.empty();
    this.#page.showAnswer(null);
    this.#page.announce("");
    timing.clear("live", this.#page.local.reader !== null);
  }
}
