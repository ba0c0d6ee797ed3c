/** Several pictures are read, and shown side by side. */

import { byId } from "../dom.js";
import { openPicture, pixelsOf } from "../input/picture.js";
import { sendable } from "../input/shrink.js";
import { picturesCsv } from "../output/csv.js";
import { asJson } from "../output/json.js";
import { asProblem, Problem } from "../remote/problem.js";
import { uploadPicture } from "../remote/upload.js";
import { PictureMode } from "./picture.js";

/**
 * @typedef {import("../types.d.ts").Mode} Mode
 * @typedef {import("../types.d.ts").PictureEntry} PictureEntry
 */

const AT_ONCE = 2; // the service reads one while the next is on its way

/** @implements {Mode} */
export class PicturesMode {
  #page;
  #entries;
  #from;
  #abort = new AbortController();

  /**
   * @param {import("./page.js").Page} page
   * @param {PictureEntry[]} entries those with an answer are not read again
   * @param {number} [from] the index of the one that was shown by itself: it gets the keyboard's focus
   */
  constructor(page, entries, from = -1) {
    this.#page = page;
    this.#entries = entries;
    this.#from = from;
  }

  /** @param {import("./page.js").Page} page @param {File[]} files */
  static of(page, files) {
    return new PicturesMode(page, files.map((file) => ({ file, reading: null, problem: null })));
  }

  /** @param {HTMLElement} [focus] the element that keeps the keyboard's focus; otherwise Back gets it */
  async start(focus = byId("back")) {
    const page = this.#page;
    page.begin(this, "pictures");
    page.grid.show(this.#entries, (index) => this.#open(index));
    this.#tell();
    const tile = page.grid.tile(this.#from);
    if (tile) tile.focus();
    else page.focus(focus);
    const waiting = this.#entries.filter(({ reading, problem }) => !reading && !problem).values();
    await Promise.all(Array.from({ length: AT_ONCE }, () => this.#readAll(waiting)));
  }

  stop() {
    this.#abort.abort();
    this.#page.grid.clear();
  }

  /** @param {HTMLElement} [focus] */
  restart(focus) {
    PicturesMode.of(this.#page, this.#entries.map(({ file }) => file)).start(focus);
  }

  resume() {
    new PicturesMode(this.#page, this.#entries).start();
    return true;
  }

  /** @returns {import("../output/snippets.js").Request} */
  request() {
    return { kind: "pictures", files: this.#entries.map(({ file }) => file.name), options: this.#page.detectors.options };
  }

  /** @returns {import("../types.d.ts").SaveChoice[]} */
  choices() {
    return [
      ["All readings (CSV)", "pictures.csv", () => this.#csv()],
      ["All readings (JSON)", "pictures.json", () => new Blob([asJson(this.#answers)], { type: "application/json" })],
    ];
  }

  /** @param {Iterator<PictureEntry>} waiting shared by all who read */
  async #readAll(waiting) {
    for (let next = waiting.next(); !next.done && !this.#abort.signal.aborted; next = waiting.next()) {
      const entry = next.value;
      try {
        entry.reading = await this.#read(entry.file);
      } catch (error) {
        if (this.#abort.signal.aborted) return;
        entry.problem = asProblem(error, "The picture could not be read");
      }
      if (this.#abort.signal.aborted) return;
      await this.#page.grid.fill(this.#entries.indexOf(entry));
      this.#tell();
    }
  }

  /** @param {File} file @returns {Promise<import("../types.d.ts").Reading>} */
  async #read(file) {
    const { service, detectors, local: { reader: local } } = this.#page;
    const picture = await openPicture(file);
    if (!local) {
      const limits = await service.limits;
      const body = await sendable(file, picture, limits);
      picture?.close();
      return uploadPicture(body, limits?.max_body_bytes, this.#abort.signal, detectors.options);
    }
    if (!picture) throw new Problem("This browser cannot read the file", "It is damaged, or of a kind that it does not know.");
    const { faces, ...reading } = await local.read(pixelsOf(picture), detectors.options);
    picture.close();
    // The heatmaps of many pictures would be much memory.
    return { ...reading, faces: faces.map(({ heatmaps: _, ...face }) => face) };
  }

  /** Shows one by itself, with its heatmaps; Back leads back here. @param {number} index */
  #open(index) {
    const entry = this.#entries[index];
    if (!entry) return;
    const onBack = () => void new PicturesMode(this.#page, this.#entries, index).start();
    new PictureMode(this.#page, entry.file, { onBack }).start();
  }

  #tell() {
    const page = this.#page;
    const answered = this.#entries.filter(({ reading, problem }) => reading || problem);
    page.grid.tell(answered.length);
    page.showAnswer({ entries: this.#answers });
    if (answered.length === this.#entries.length) page.announce(`${answered.length} pictures are read`);
  }

  get #answers() {
    return this.#entries.map(({ file, reading, problem }) => ({
      file: file.name,
      ...(reading && { result: reading }),
      ...(problem && { error: { title: problem.title, detail: problem.detail } }),
    }));
  }

  async #csv() {
    const { service, stage } = this.#page;
    const { csv_columns: columns } = await service.requireLimits();
    return new Blob([picturesCsv(this.#entries, columns, stage.labels, await service.hasVotes)], { type: "text/csv" });
  }
}
