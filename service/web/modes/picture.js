/** A picture is read and shown. */

import { byId } from "../dom.js";
import { openPicture, pixelsOf } from "../input/picture.js";
import { sendable } from "../input/shrink.js";
import { asCsv } from "../output/csv.js";
import { asJson } from "../output/json.js";
import { asProblem, Problem } from "../remote/problem.js";
import { uploadPicture } from "../remote/upload.js";
import { peaksOf } from "../view/heatmap.js";
import { notFound, offersFor } from "./offers.js";

/**
 * @typedef {import("../types.d.ts").Mode} Mode
 * @typedef {import("../types.d.ts").Reading} Reading
 * @typedef {import("../types.d.ts").SaveChoice} SaveChoice
 */

const ABSENT = { title: "No face", detail: "Faces that are small, tilted, covered or turned away are missed most." };

/** @implements {Mode} */
export class PictureMode {
  #page;
  #file;
  #minFacePx;
  #abort = new AbortController();
  /** @type {Reading | null} */
  #reading = null;

  /**
   * @param {import("./page.js").Page} page @param {File} file
   * @param {{minFacePx?: number, onBack?: () => void}} [more] `minFacePx`: by default what the detector's is; `onBack`: where
   *   Back leads, by default to where nothing is open
   */
  constructor(page, file, { minFacePx, onBack } = {}) {
    this.#page = page;
    this.#file = file;
    this.#minFacePx = minFacePx;
    this.back = onBack;
  }

  /** @param {HTMLElement} [focus] the element that keeps the keyboard's focus; otherwise Back gets it */
  async start(focus = byId("back")) {
    const page = this.#page;
    const before = page.mode;
    page.begin(this, "reading", "Reading the picture…");
    page.timing.clear("picture", page.local.reader !== null);
    const { signal } = this.#abort;
    const sentAt = performance.now();
    try {
      const [picture, reading] = await this.#read();
      const scene = await page.stage.sceneOf(reading, picture, { absent: ABSENT });
      const offers = reading.faces.length > 0 ? [] : await this.#offers(reading);
      if (signal.aborted) return;
      this.#reading = reading;
      page.enter("picture");
      page.stage.show(scene);
      page.showAnswer(reading);
      page.timing.add(sentAt, reading);
      page.showRemark(remark(scene, reading), offers);
      page.focus(focus);
    } catch (error) {
      if (!signal.aborted) page.fail(error, "The picture could not be shown", before);
    }
  }

  stop() {
    this.#abort.abort();
  }

  /** @param {HTMLElement} [focus] */
  restart(focus) {
    this.#again(this.#minFacePx).start(focus);
  }

  /** Without asking again. */
  resume() {
    if (this.#reading === null) return false;
    const again = this.#again(this.#minFacePx);
    again.#reading = this.#reading;
    again.start();
    return true;
  }

  /** The service sends the heatmaps of one answer at a time. */
  async onHeatmap() {
    const { stage, local } = this.#page;
    const [reading, head] = [this.#reading, stage.head];
    if (!reading || local.reader || reading.faces.every((face) => Object.keys(peaksOf(face, head)).length > 0)) return;
    try {
      const picture = await openPicture(this.#file);
      const more = await this.#send(picture, head);
      picture?.close();
      if (this.#abort.signal.aborted || this.#reading !== reading) return;
      const faces = reading.faces.map((face, i) => ({ ...face, explanations: [...(face.explanations ?? []), ...(more.faces[i]?.explanations ?? [])] }));
      this.#reading = { ...reading, faces };
      await stage.replace(faces);
    } catch (error) {
      if (!this.#abort.signal.aborted) this.#page.notice.show(asProblem(error, "The heatmaps could not be had"));
    }
  }

  /** @returns {import("../output/snippets.js").Request} */
  request() {
    const { stage, detectors } = this.#page;
    return { kind: "picture", files: [this.#file.name], options: { ...stage.shortExplanation, ...detectors.options, ...(this.#minFacePx && { min_face_px: this.#minFacePx }) } };
  }

  /** @returns {SaveChoice[]} */
  choices() {
    const reading = this.#reading;
    return reading ? [...viewChoices(this.#page), ...readingChoices(reading, this.#page)] : [];
  }

  /** @returns {Promise<[ImageBitmap | null, Reading]>} */
  async #read() {
    const page = this.#page;
    const { local: { reader: local }, detectors } = page;
    const minFacePx = this.#minFacePx;
    const picture = await openPicture(this.#file);
    if (this.#reading) return [picture, this.#reading];
    if (!local) return [picture, await this.#send(picture, page.stage.head)];
    if (!picture) {
      throw new Problem("This browser cannot read the file", "It is damaged, or of a kind that this browser does not know.");
    }
    return [picture, await local.read(pixelsOf(picture), { ...detectors.options, minFacePx })];
  }

  /** By the service, with the heatmaps of all labels: the panel shows them side by side. @param {ImageBitmap | null} picture @param {import("../types.d.ts").Head} head */
  async #send(picture, head) {
    const { service, detectors } = this.#page;
    const limits = await service.limits;
    const size = this.#minFacePx && { min_face_px: this.#minFacePx };
    const options = { explain: "gradcam", target: "all", ...(head === "votes" && { head }), ...detectors.options, ...size };
    const body = await sendable(this.#file, picture, limits);
    return uploadPicture(body, limits?.max_body_bytes, this.#abort.signal, options);
  }

  /** @param {Reading} reading */
  #offers({ image, searched_from_px: searchedPx }) {
    return offersFor(this.#page, image, searchedPx, (px) => void this.#again(px).start());
  }

  /** @param {number} [minFacePx] */
  #again(minFacePx) {
    return new PictureMode(this.#page, this.#file, { minFacePx, onBack: this.back });
  }
}

/** @param {import("../types.d.ts").Scene} scene @param {Reading} reading */
function remark({ picture, faces }, { searched_from_px: searchedPx }) {
  if (faces.length === 0) return notFound(searchedPx, "in this picture");
  return picture ? "" : "The server has read this picture, but your browser cannot show it.";
}

/** @param {import("./page.js").Page} page @returns {SaveChoice[]} */
export const viewChoices = ({ stage }) => (stage.scene ? [["Picture of the view (PNG)", "view.png", () => stage.snapshot()]] : []);

/** @param {Reading} reading @param {import("./page.js").Page} page @returns {SaveChoice[]} */
export const readingChoices = (reading, page) => [
  ["This reading (JSON)", "reading.json", () => new Blob([asJson(reading)], { type: "application/json" })],
  ["This reading (CSV)", "reading.csv", () => csvFile([{ index: 0, time_s: 0, faces: reading.faces }], page)],
];

/**
 * @param {import("../types.d.ts").Moment[]} moments @param {import("./page.js").Page} page
 * @param {import("../contract.d.ts").VideoError | null} [error] what ended the reading early
 */
export async function csvFile(moments, { service, stage }, error) {
  const [{ csv_columns: columns }, hasVotes] = await Promise.all([service.requireLimits(), service.hasVotes]);
  return new Blob([asCsv(moments, columns, stage.labels, hasVotes, error)], { type: "text/csv" });
}
