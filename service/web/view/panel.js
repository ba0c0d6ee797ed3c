/** The panel: the chosen face's expression in words and bars, and the other faces to choose from. */

import { byId, create } from "../dom.js";
import { Bars } from "./bars.js";
import { colourOf } from "./colours.js";
import { highest, percent } from "./format.js";
import { Pinned } from "./pinned.js";
import { paintThumbnail, thumbnail } from "./thumbnail.js";

/**
 * @typedef {import("../types.d.ts").PageFace} PageFace
 * @typedef {import("../types.d.ts").Scene} Scene
 */

const AT_REST = { title: "–", detail: "One share for each expression, 100 % in all, once there is a face." };
const NO_FACE = {
  title: "No face",
  detail: "It helps to look into the camera, upright, with light on the face, and not too far away.",
};

export class Panel {
  #section = byId("reading");
  #emotion = byId("emotion");
  #confidence = byId("confidence");
  #note = byId("note");
  #legend = byId("votes-legend");
  #faces = byId("faces");
  #pinned = new Pinned(byId("headline"));
  #bars;

  /**
   * @param {(index: number) => void} onChoose a face was pressed
   * @param {(label: string) => void} onPick a label was pressed
   */
  constructor(onChoose, onPick) {
    this.#bars = new Bars(byId("bars", HTMLUListElement), onPick);
    this.#faces.addEventListener("click", (event) => {
      const button = event.target instanceof Element ? event.target.closest("button") : null;
      if (button) onChoose([...this.#faces.children].indexOf(button));
    });
  }

  /** @param {string[]} labels in the model's order */
  set labels(labels) {
    this.#bars.labels = labels;
  }

  /** Whether the model has a votes head. */
  set hasVotes(/** @type {boolean} */ hasVotes) {
    this.#bars.hasVotes = hasVotes;
    this.#legend.hidden = !hasVotes;
  }

  /** @param {string} target the label whose heatmap is shown, or "top" */
  set target(target) {
    this.#bars.picked = target;
  }

  /** @param {Scene} scene */
  show(scene) {
    const face = scene.faces[scene.chosen];
    this.#showFaces(scene);
    if (!face) {
      this.#rest(scene.unread ?? scene.absent ?? NO_FACE);
      return;
    }
    this.#section.classList.remove("resting");
    this.#emotion.textContent = face.emotion;
    this.#confidence.textContent = percent(face.confidence);
    this.#pinned.show(face.emotion, percent(face.confidence));
    this.#note.textContent = remark(face);
    this.#bars.show(face.emotions, face.emotion, face.votes);
    this.#legend.hidden = face.votes === null;
  }

  clear() {
    this.#faces.hidden = true;
    this.#faces.replaceChildren();
    this.#rest(AT_REST);
  }

  /** @param {{title: string, detail: string}} words */
  #rest({ title, detail }) {
    this.#section.classList.add("resting");
    this.#emotion.textContent = title;
    this.#confidence.textContent = "";
    this.#pinned.show(title);
    this.#note.textContent = detail;
    this.#bars.clear();
  }

  /** Buttons are changed in place: a new one would not have the keyboard's focus. @param {Scene} scene */
  #showFaces(scene) {
    const { faces, chosen } = scene;
    this.#faces.hidden = faces.length < 2;
    const count = this.#faces.hidden ? 0 : faces.length;
    while (this.#faces.children.length > count) this.#faces.lastElementChild?.remove();
    while (this.#faces.children.length < count) this.#faces.append(faceButton());
    faces.slice(0, count).forEach((face, i) => {
      const button = this.#faces.children[i];
      const [canvas, words, columns] = button?.children ?? [];
      if (!(canvas instanceof HTMLCanvasElement && button && words && columns)) return;
      button.ariaPressed = String(i === chosen);
      words.textContent = `${face.emotion} ${percent(face.confidence)}`;
      showColumns(columns, Object.values(face.emotions));
      button.ariaDescription = inWords(face.emotions) + (face.votes ? `; votes: ${inWords(face.votes)}` : "");
      paintThumbnail(canvas, scene, face.box);
    });
  }
}

/** @param {Record<string, number>} emotions */
const inWords = (emotions) =>
  Object.entries(emotions)
    .map(([label, share]) => `${label} ${percent(share)}`)
    .join(", ");

/** A small bar for each share, in the order and the colours of the large ones. @param {Element} parent @param {number[]} shares */
function showColumns(parent, shares) {
  while (parent.children.length < shares.length) {
    const column = create("i");
    column.style.setProperty("--hue", colourOf(parent.children.length));
    parent.append(column);
  }
  shares.forEach((share, i) => {
    const column = parent.children[i];
    if (column instanceof HTMLElement) column.style.transform = `scaleY(${share})`;
  });
}

/** @param {PageFace} face */
function remark({ prediction_set: labels, quality, emotion, votes }) {
  const warnings = quality?.warnings ?? [];
  const [chosen] = votes ? highest(votes) : [emotion];
  return [
    labels.length > 1 ? `Could also be ${labels.slice(1).join(", ")}.` : "",
    chosen === emotion ? "" : `Most people would say ${chosen}.`,
    warnings.length > 0 ? `The face is ${warnings.join(" and ")}: trust it less.` : "",
  ].join(" ");
}

function faceButton() {
  const button = create("button", { type: "button" });
  const columns = create("div", { className: "columns", ariaHidden: "true" });
  button.append(thumbnail(), create("span"), columns);
  return button;
}
