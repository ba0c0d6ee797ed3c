/** The panel's reading: the chosen face's expression in words and bars, and the other faces to choose from. */

import { Bars } from "./bars.js";
import { colourOf } from "./colours.js";
import { percent } from "./format.js";

const THUMBNAIL_PX = 72;

const AT_REST = "One share for each expression, 100 % in all, once there is a face.";
const NO_FACE = "It helps to look into the camera, upright, with light on the face, and not too far away.";

const byId = (id) => document.getElementById(id);

export class Reading {
  #section = byId("reading");
  #emotion = byId("emotion");
  #confidence = byId("confidence");
  #note = byId("note");
  #faces = byId("faces");
  #bars;

  /**
   * @param {(index: number) => void} onChoose a face was pressed
   * @param {(label: string) => void} onPick a label was pressed
   */
  constructor(onChoose, onPick) {
    this.#bars = new Bars(byId("bars"), onPick);
    this.#faces.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button) onChoose([...this.#faces.children].indexOf(button));
    });
  }

  /** @param {string[]} labels in the model's order */
  set labels(labels) {
    this.#bars.labels = labels;
  }

  /** @param {string} target the label whose heatmap is shown, or "top" */
  set target(target) {
    this.#bars.picked = target;
  }

  /** @param {import("./overlay.js").Scene} scene */
  show(scene) {
    const face = scene.faces[scene.chosen];
    this.#showFaces(scene);
    if (!face) {
      this.#rest(...(scene.unread ? [scene.unread.title, scene.unread.detail] : ["No face", NO_FACE]));
      return;
    }
    this.#section.classList.remove("resting");
    this.#emotion.textContent = face.emotion;
    this.#confidence.textContent = percent(face.confidence);
    this.#note.textContent = remark(face);
    this.#bars.show(face.emotions, face.emotion);
  }

  clear() {
    this.#faces.hidden = true;
    this.#faces.replaceChildren();
    this.#rest("–", AT_REST);
  }

  #rest(headline, note) {
    this.#section.classList.add("resting");
    this.#emotion.textContent = headline;
    this.#confidence.textContent = "";
    this.#note.textContent = note;
    this.#bars.clear();
  }

  /** Buttons are changed in place: one that was replaced would lose the keyboard's focus. */
  #showFaces(scene) {
    const { faces, chosen } = scene;
    this.#faces.hidden = faces.length < 2;
    const count = this.#faces.hidden ? 0 : faces.length;
    while (this.#faces.children.length > count) this.#faces.lastElementChild.remove();
    while (this.#faces.children.length < count) this.#faces.append(faceButton());
    [...this.#faces.children].forEach((button, i) => {
      button.ariaPressed = String(i === chosen);
      button.querySelector("span").textContent = `${faces[i].emotion} ${percent(faces[i].confidence)}`;
      showColumns(button.querySelector(".columns"), Object.values(faces[i].emotions));
      button.ariaDescription = inWords(faces[i].emotions);
      paintThumbnail(button.querySelector("canvas"), scene, faces[i].box);
    });
  }
}

const inWords = (emotions) => Object.entries(emotions).map(([label, share]) => `${label} ${percent(share)}`).join(", ");

/** A small bar for each share, in the order and the colours of the large ones. */
function showColumns(parent, shares) {
  while (parent.children.length < shares.length) {
    const column = document.createElement("i");
    column.style.setProperty("--hue", colourOf(parent.children.length));
    parent.append(column);
  }
  [...parent.children].forEach((column, i) => (column.style.transform = `scaleY(${shares[i]})`));
}

function remark({ plausible, quality }) {
  return [
    plausible.length > 1 ? `Could also be ${plausible.slice(1).join(", ")}.` : "",
    quality?.warnings.length > 0 ? `The face is ${quality.warnings.join(" and ")}: trust it less.` : "",
  ].join(" ");
}

function faceButton() {
  const button = document.createElement("button");
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = THUMBNAIL_PX;
  button.type = "button";
  const columns = document.createElement("div");
  columns.className = "columns";
  columns.ariaHidden = "true";
  button.append(canvas, document.createElement("span"), columns);
  return button;
}

function paintThumbnail(canvas, { picture, size, mirrored }, { x, y, width, height }) {
  if (!picture) return;
  const scale = (picture.videoWidth ?? picture.width) / size.width;
  const context = canvas.getContext("2d");
  const flip = mirrored ? -1 : 1;
  context.setTransform(flip, 0, 0, 1, mirrored ? THUMBNAIL_PX : 0, 0);
  context.drawImage(picture, x * scale, y * scale, width * scale, height * scale, 0, 0, THUMBNAIL_PX, THUMBNAIL_PX);
}
