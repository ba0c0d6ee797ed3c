/** "What it looks at": the chosen face once for each label, with that label's heatmap, all on one scale. */

import { byId, contextOf, create } from "../dom.js";
import { sizeOf } from "../input/picture.js";
import { percent } from "./format.js";
import { heatmapOf, peaksOf, sharesOf, topOf } from "./heatmap.js";

/** @typedef {import("../types.d.ts").Scene} Scene */

const SIDE_PX = 112;

export class Looks {
  #section = byId("looks");
  #list = byId("looks-list");
  #switch = byId("votes-maps", HTMLInputElement);
  #target = "top";
  /** @type {Scene | null} */
  #scene = null;
  #turn = 0;

  /** @param {(label: string) => void} onPick a label was pressed @param {() => void} onHead the other answer's maps are wanted */
  constructor(onPick, onHead) {
    this.#switch.addEventListener("change", onHead);
    this.#list.addEventListener("click", (event) => {
      const button = event.target instanceof Element ? event.target.closest("button") : null;
      if (button?.dataset.label) onPick(button.dataset.label);
    });
  }

  /** @param {string} target the label whose heatmap is shown in the view, or "top" */
  set target(target) {
    this.#target = target;
    this.#press();
  }

  /** Whether the model has a votes head, and so a choice. */
  set hasVotes(/** @type {boolean} */ hasVotes) {
    byId("votes-maps-choice").hidden = !hasVotes;
    if (!hasVotes) this.#switch.checked = false;
  }

  /** The answer whose maps are wanted. @returns {import("../types.d.ts").Head} */
  get head() {
    return this.#switch.checked ? "votes" : "emotions";
  }

  /** Only where each label has its map: a live session sends one. @param {Scene | null} scene */
  async show(scene) {
    this.#scene = scene;
    this.#turn += 1;
    const turn = this.#turn;
    const face = scene?.faces[scene.chosen];
    const { head } = this;
    const labels = face ? Object.keys(peaksOf(face, head)) : [];
    // While the other answer's maps are on their way, those of the first stay.
    const isComing = face !== undefined && labels.length === 0 && Object.keys(peaksOf(face, head === "votes" ? "emotions" : "votes")).length > 1;
    this.#section.hidden = (labels.length < 2 && !isComing) || !scene?.picture;
    if (!scene || !face || this.#section.hidden || isComing) return;
    const maps = await Promise.all(labels.map((label) => heatmapOf(face, label, head)));
    if (turn !== this.#turn) return;
    byId("looks-whose").textContent = head === "votes" ? "votes for that label" : "that label";
    while (this.#list.children.length > labels.length) this.#list.lastElementChild?.remove();
    while (this.#list.children.length < labels.length) this.#list.append(tile());
    labels.forEach((label, i) => {
      const button = this.#list.children[i]?.firstElementChild;
      const [canvas, words] = button?.children ?? [];
      const map = maps[i];
      if (!(button instanceof HTMLButtonElement && canvas instanceof HTMLCanvasElement && words && map)) return;
      button.dataset.label = label;
      words.textContent = `${label} ${percent(sharesOf(face, head)[label] ?? 0)}`;
      paint(canvas, scene, map);
    });
    this.#press();
  }

  #press() {
    const face = this.#scene?.faces[this.#scene.chosen];
    const shown = this.#target === "top" && face ? topOf(face, this.head) : this.#target;
    for (const item of this.#list.children) {
      const button = item.firstElementChild;
      if (button instanceof HTMLButtonElement) button.ariaPressed = String(button.dataset.label === shown);
    }
  }
}

function tile() {
  const button = create("button", { type: "button" });
  button.append(create("canvas", { width: SIDE_PX, height: SIDE_PX }), create("span"));
  const item = create("li");
  item.append(button);
  return item;
}

/** The square that the map covers, upright, with the map. @param {HTMLCanvasElement} canvas @param {Scene} scene @param {import("../types.d.ts").PlacedHeatmap} map */
function paint(canvas, { picture, size }, { canvas: heat, box, degrees }) {
  if (!picture) return;
  const scale = sizeOf(picture).width / size.width;
  const context = contextOf(canvas);
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, SIDE_PX, SIDE_PX);
  context.imageSmoothingQuality = "high";
  context.save();
  context.translate(SIDE_PX / 2, SIDE_PX / 2);
  context.rotate((-degrees * Math.PI) / 180);
  context.scale(SIDE_PX / box.width, SIDE_PX / box.height);
  context.translate(-box.x - box.width / 2, -box.y - box.height / 2);
  context.scale(1 / scale, 1 / scale);
  context.drawImage(picture, 0, 0);
  context.restore();
  context.globalAlpha = Number(getComputedStyle(canvas).getPropertyValue("--heat")) || 1;
  context.drawImage(heat, 0, 0, SIDE_PX, SIDE_PX);
  context.globalAlpha = 1;
}
