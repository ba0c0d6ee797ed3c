/** What view and panel show together: a picture, its faces, the chosen one, and the heatmap of a label. */

import { byId, scrollUpTo } from "../dom.js";
import { Choice } from "./choice.js";
import { percent } from "./format.js";
import { heatmapOf, paintScale } from "./heatmap.js";
import { Looks } from "./looks.js";
import { Overlay } from "./overlay.js";
import { Panel } from "./panel.js";

/**
 * @typedef {import("../types.d.ts").PageFace} PageFace
 * @typedef {import("../types.d.ts").Reading} Reading
 * @typedef {import("../types.d.ts").Scene} Scene
 */

const NOTHING = "Nothing is shown yet";

export class Stage {
  #view = byId("view", HTMLCanvasElement);
  #frame = byId("stage");
  #switch = byId("heatmap", HTMLInputElement);
  #heatTarget = byId("heat-target");
  #overlay = new Overlay(this.#view);
  #choice = new Choice();
  #panel = new Panel(
    (index) => this.choose(index),
    (label) => this.#pickTarget(label),
  );
  #looks = new Looks(
    (label) => this.#pickTarget(label),
    () => this.#changeHeatmap(),
  );
  #opacity = byId("heat-opacity", HTMLInputElement);
  #target = "top";
  #hasVotes = false;
  #onHeatmap;
  #onShow;
  /** @type {string[]} */
  #labels = [];
  #turn = 0;

  /**
   * @param {() => void} onHeatmap another heatmap is wanted, or none
   * @param {(scene: Scene) => void} onShow something new is shown
   */
  constructor(onHeatmap, onShow) {
    this.#onHeatmap = onHeatmap;
    this.#onShow = onShow;
    this.#switch.addEventListener("change", () => this.#changeHeatmap());
    this.#view.addEventListener("click", (event) => this.choose(this.#overlay.faceAt(event)));
    this.#opacity.addEventListener("input", () => this.#changeOpacity());
    paintScale(byId("heat-scale", HTMLCanvasElement));
    this.#overlay.showsHeat = this.#switch.checked; // browsers restore a switch after a reload
    this.#panel.clear();
  }

  get labels() {
    return this.#labels;
  }

  set labels(labels) {
    this.#labels = labels;
    this.#panel.labels = labels;
    this.#panel.target = this.#target;
  }

  /** Whether the model has a votes head. */
  set hasVotes(/** @type {boolean} */ hasVotes) {
    this.#panel.hasVotes = this.#looks.hasVotes = this.#hasVotes = hasVotes;
  }

  get scene() {
    return this.#overlay.scene;
  }

  /** The service's options for the heatmap that is wanted. */
  get explanation() {
    return { explain: this.#switch.checked ? "gradcam" : "none", target: this.#target, ...(this.#hasVotes && { head: this.head }) };
  }

  /** The same, without those that are the service's defaults. @returns {{explain?: string, target?: string, head?: string}} */
  get shortExplanation() {
    const { explain, target, head } = this.explanation;
    return explain === "none" ? {} : { explain, ...(target !== "top" && { target }), ...(head === "votes" && { head }) };
  }

  /** The answer whose heatmaps are wanted. */
  get head() {
    return this.#looks.head;
  }

  /** Shows the same faces, which have more heatmaps now. @param {PageFace[]} faces */
  async replace(faces) {
    const { scene } = this;
    if (scene) this.show({ ...scene, faces, heatmaps: await this.#heatmapsOf(faces) });
  }

  /** The chosen face among those of another frame. @param {PageFace[]} faces */
  pick(faces) {
    return faces[this.#choice.indexIn(faces)];
  }

  /**
   * A scene to be shown by `show`.
   * @param {Pick<Reading, "image" | "faces">} reading
   * @param {Scene["picture"]} picture
   * @param {{mirrored?: boolean, unread?: Scene["unread"], absent?: Scene["absent"]}} [more]
   * @returns {Promise<Scene>}
   */
  async sceneOf({ image, faces }, picture, { mirrored = false, unread, absent } = {}) {
    const heatmaps = await this.#heatmapsOf(faces);
    return { picture, size: image, faces, heatmaps, chosen: this.#choice.follow(faces), mirrored, unread, absent };
  }

  /** @param {Scene} scene */
  show(scene) {
    this.#turn += 1;
    this.#frame.style.setProperty("--aspect", String(scene.size.width / scene.size.height));
    this.#overlay.show(scene);
    this.#panel.show(scene);
    this.#looks.show(scene);
    this.#view.ariaLabel = summary(scene);
    this.#onShow(scene);
  }

  /** Shows nothing; the chosen face is still followed when it is back. */
  empty() {
    this.#turn += 1;
    this.#overlay.show(null);
    this.#looks.show(null);
    this.#panel.clear();
    this.#view.ariaLabel = NOTHING;
  }

  clear() {
    this.#choice.choose(null);
    this.empty();
  }

  /** @param {number} index */
  choose(index) {
    const { scene } = this;
    const face = scene?.faces[index];
    if (!scene || !face) return;
    this.#choice.choose(face);
    this.show({ ...scene, chosen: index });
  }

  /** The faces that are shown have other numbers now. @param {PageFace[]} faces in the same order */
  rename(faces) {
    const { scene } = this;
    if (scene && scene.faces.length === faces.length) this.#choice.rename(faces[scene.chosen]);
  }

  /** @param {boolean} mirrored */
  mirror(mirrored) {
    if (this.scene) this.show({ ...this.scene, mirrored });
  }

  /** @returns {Promise<Blob>} PNG of the picture with all that is painted on it */
  snapshot() {
    return this.#overlay.snapshot();
  }

  #changeOpacity() {
    const share = Number(this.#opacity.value) / 100;
    this.#opacity.setAttribute("aria-valuetext", percent(share));
    document.documentElement.style.setProperty("--heat", String(share));
    this.#overlay.heatOpacity = share;
    this.#looks.show(this.scene);
  }

  /** Shows a label's heatmap; a second press goes back to that of the top label. @param {string} label */
  #pickTarget(label) {
    this.#target = this.#target === label ? "top" : label;
    this.#switch.checked = true;
    this.#changeHeatmap();
    // On phones labels are below the view: what was asked for would not be seen.
    const { top, bottom } = this.#frame.getBoundingClientRect();
    if (top + bottom < 0) scrollUpTo(this.#frame);
  }

  async #changeHeatmap() {
    this.#panel.target = this.#looks.target = this.#target;
    this.#heatTarget.textContent = this.#target === "top" ? "" : `of ${this.#target}`;
    this.#overlay.showsHeat = this.#switch.checked;
    this.#onHeatmap();
    const { scene } = this;
    if (!scene) return;
    const turn = this.#turn;
    const heatmaps = await this.#heatmapsOf(scene.faces);
    // A newer frame may be shown by now.
    if (turn === this.#turn) this.show({ ...scene, heatmaps });
  }

  /** @param {PageFace[]} faces */
  #heatmapsOf(faces) {
    return Promise.all(faces.map((face) => heatmapOf(face, this.#target, this.head)));
  }
}

/** A scene in words. @param {Scene} scene */
export function summary({ faces, chosen, unread }) {
  const face = faces[chosen];
  if (unread) return unread.detail;
  if (!face) return "No face in view";
  return `${faces.length === 1 ? "One face" : `${faces.length} faces`}, ${face.emotion} ${percent(face.confidence)}`;
}
