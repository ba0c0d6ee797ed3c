/** A picture is read and shown. */

import { byId } from "../dom.js";
import { openPicture, pixelsOf } from "../input/picture.js";
import { asCsv } from "../output/csv.js";
import { asJson } from "../output/json.js";
import { Problem } from "../remote/problem.js";
import { uploadPicture } from "../remote/upload.js";

/**
 * @typedef {import("../types.d.ts").Mode} Mode
 * @typedef {import("../types.d.ts").Reading} Reading
 * @typedef {import("../types.d.ts").SaveChoice} SaveChoice
 */

/** @implements {Mode} */
export class PictureMode {
  #page;
  #file;
  #abort = new AbortController();
  /** @type {Reading | null} */
  #reading = null;

  /** @param {import("./page.js").Page} page @param {File} file */
  constructor(page, file) {
    this.#page = page;
    this.#file = file;
  }

  async start() {
    const page = this.#page;
    page.begin(this, "reading", "Reading the picture…");
    page.timing.clear("picture");
    const { signal } = this.#abort;
    const sentAt = performance.now();
    try {
      const [picture, reading] = await this.#read();
      const scene = await page.stage.sceneOf(reading, picture);
      if (signal.aborted) return;
      this.#reading = reading;
      page.enter("picture");
      page.stage.show(scene);
      page.showAnswer(reading);
      page.timing.add(sentAt, reading);
      page.showRemark(remark(scene));
      byId("back").focus({ preventScroll: true });
    } catch (error) {
      if (!signal.aborted) page.fail(error, "The picture could not be shown");
    }
  }

  stop() {
    this.#abort.abort();
  }

  restart() {
    new PictureMode(this.#page, this.#file).start();
  }

  /** @returns {SaveChoice[]} */
  choices() {
    const reading = this.#reading;
    return reading ? [...viewChoices(this.#page), ...readingChoices(reading, this.#page)] : [];
  }

  /** @returns {Promise<[ImageBitmap | null, Reading]>} */
  async #read() {
    const local = this.#page.local.reader;
    if (!local) {
      const limits = await this.#page.service.limits;
      return Promise.all([openPicture(this.#file), uploadPicture(this.#file, limits?.max_body_bytes, this.#abort.signal)]);
    }
    const picture = await openPicture(this.#file);
    if (!picture) {
      throw new Problem("This browser cannot read the file", "It is damaged, or of a kind that this browser does not know.");
    }
    return [picture, await local.read(pixelsOf(picture))];
  }
}

/** @param {import("../types.d.ts").Scene} scene */
function remark({ picture, faces }) {
  if (faces.length === 0) return "No face was found in this picture."; // the panel says what helps
  return picture ? "" : "The server has read this picture, but your browser cannot show it.";
}

/** @param {import("./page.js").Page} page @returns {SaveChoice[]} */
export const viewChoices = ({ stage }) => (stage.scene ? [["Picture of the view (PNG)", "view.png", () => stage.snapshot()]] : []);

/** @param {Reading} reading @param {import("./page.js").Page} page @returns {SaveChoice[]} */
export const readingChoices = (reading, page) => [
  ["This reading (JSON)", "reading.json", () => new Blob([asJson(reading)], { type: "application/json" })],
  ["This reading (CSV)", "reading.csv", () => csvFile([{ index: 0, time_s: 0, faces: reading.faces }], page)],
];

/** @param {import("../types.d.ts").Moment[]} moments @param {import("./page.js").Page} page */
export async function csvFile(moments, { service, stage }) {
  const { csv_columns: columns } = await service.requireLimits();
  return new Blob([asCsv(moments, columns, stage.labels)], { type: "text/csv" });
}
