/** What view and panel show together: a picture, its faces, the chosen one, and the heatmap of a label. */

import { Choice } from "./choice.js";
import { percent } from "./format.js";
import { heatmapOf, paintScale } from "./heatmap.js";
import { Overlay } from "./overlay.js";
import { Reading } from "./reading.js";

const byId = (id) => document.getElementById(id);

export class Stage {
  #overlay = new Overlay(byId("view"));
  #choice = new Choice();
  #reading = new Reading(
    (index) => this.choose(index),
    (label) => this.#pick(label),
  );
  #switch = byId("heatmap");
  #target = "top";
  #onHeat;
  #onShow;
  #labels = [];
  #turn = 0;
  cropMargin = 0;

  /**
   * @param {() => void} onHeat another heatmap is wanted, or none
   * @param {(scene: import("./overlay.js").Scene) => void} onShow something new is shown
   */
  constructor(onHeat, onShow) {
    this.#onHeat = onHeat;
    this.#onShow = onShow;
    this.#switch.addEventListener("change", () => this.#heat());
    byId("view").addEventListener("click", (event) => this.choose(this.#overlay.faceAt(event)));
    paintScale(byId("heat-scale"));
    this.#overlay.showsHeat = this.#switch.checked; // browsers restore a switch over a reload
    this.#reading.clear();
  }

  get labels() {
    return this.#labels;
  }

  set labels(labels) {
    this.#labels = labels;
    this.#reading.labels = labels;
    this.#reading.target = this.#target;
  }

  get scene() {
    return this.#overlay.scene;
  }

  /** What the server has to send for the heatmap that is wanted. */
  get explanation() {
    return { explain: this.#switch.checked ? "gradcam" : "none", target: this.#target };
  }

  /** The chosen face among those of another frame. */
  look(faces) {
    return faces[this.#choice.look(faces)];
  }

  /**
   * A scene to be shown by `show`.
   * @param {{image: {width: number, height: number}, faces: object[]}} result
   * @param {ImageBitmap | HTMLVideoElement | null} picture
   * @param {boolean} mirrored
   * @param {{title: string, detail: string}} [unread] why nothing is known of the picture's faces
   * @returns {Promise<import("./overlay.js").Scene>}
   */
  async sceneOf({ image, faces }, picture, mirrored, unread) {
    const heatmaps = await this.#heatmapsOf(faces);
    return { picture, size: image, faces, heatmaps, cropMargin: this.cropMargin, chosen: this.#choice.find(faces), mirrored, unread };
  }

  /** @param {import("./overlay.js").Scene} scene */
  show(scene) {
    this.#turn += 1;
    byId("stage").style.setProperty("--aspect", scene.size.width / scene.size.height);
    this.#overlay.show(scene);
    this.#reading.show(scene);
    byId("view").ariaLabel = summary(scene);
    this.#onShow(scene);
  }

  /** Nothing is shown; the chosen face is kept, it may come back. */
  empty() {
    this.#turn += 1;
    this.#overlay.show(null);
    this.#reading.clear();
    byId("view").ariaLabel = "Nothing is shown yet";
  }

  clear() {
    this.#choice.choose(null);
    this.empty();
  }

  choose(index) {
    const { scene } = this;
    if (!scene?.faces[index]) return;
    this.#choice.choose(scene.faces[index]);
    this.show({ ...scene, chosen: index });
  }

  /** @param {boolean} mirrored */
  mirror(mirrored) {
    if (this.scene) this.show({ ...this.scene, mirrored });
  }

  /** @returns {Promise<Blob>} PNG of the picture with all that is painted on it */
  snapshot() {
    return this.#overlay.snapshot();
  }

  /** A label's heatmap; the same again goes back to that of the top label. */
  #pick(label) {
    this.#target = this.#target === label ? "top" : label;
    this.#switch.checked = true;
    this.#heat();
  }

  async #heat() {
    this.#reading.target = this.#target;
    byId("heat-target").textContent = this.#target === "top" ? "" : `of ${this.#target}`;
    this.#overlay.showsHeat = this.#switch.checked;
    this.#onHeat();
    const { scene } = this;
    if (!scene) return;
    const turn = this.#turn;
    const heatmaps = await this.#heatmapsOf(scene.faces);
    // Meanwhile a newer frame may have come.
    if (turn === this.#turn) this.show({ ...scene, heatmaps });
  }

  #heatmapsOf(faces) {
    return Promise.all(faces.map((face) => heatmapOf(face, this.#target)));
  }
}

/** @param {import("./overlay.js").Scene} scene */
export function summary({ faces, chosen, unread }) {
  if (unread) return unread.detail;
  if (faces.length === 0) return "No face in view";
  const { emotion, confidence } = faces[chosen];
  return `${faces.length === 1 ? "One face" : `${faces.length} faces`}, ${emotion} ${percent(confidence)}`;
}
