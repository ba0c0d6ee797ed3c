/** The view: a picture and the faces found in it, painted together, so that they are of the same frame. */

import { contextOf } from "../dom.js";
import { percent } from "./format.js";
import { placeLabels } from "./labels.js";

const ACCENT = "#5fe3cf";
const PLAIN = "#ffffff";
const INK = "#0b1014";
const FAMILY = '"Inter", ui-sans-serif, system-ui, sans-serif';
const CHOSEN_PX = 14;
const OTHER_PX = 12;

/**
 * @typedef {import("../types.d.ts").Scene} Scene
 * @typedef {import("../contract.d.ts").Box} Box
 */

export class Overlay {
  #canvas;
  #context;
  /** @type {Scene | null} */
  #scene = null;
  #showsHeat = true;
  #heatOpacity = 1;
  #blur = new OffscreenCanvas(16, 12); // so few pixels that enlarging them blurs the picture

  /** @param {HTMLCanvasElement} canvas always as large as its container */
  constructor(canvas) {
    this.#canvas = canvas;
    this.#context = contextOf(canvas);
    new ResizeObserver(() => this.#fit()).observe(canvas);
  }

  get scene() {
    return this.#scene;
  }

  /** @param {boolean} value whether heatmaps are painted */
  set showsHeat(value) {
    this.#showsHeat = value;
    this.#paint();
  }

  /** @param {number} value 0 to 1 */
  set heatOpacity(value) {
    this.#heatOpacity = value;
    this.#paint();
  }

  /** @param {Scene | null} scene its picture belongs to the overlay from now on; null clears the view */
  show(scene) {
    const before = this.#scene?.picture;
    if (before instanceof ImageBitmap && before !== scene?.picture) before.close();
    this.#scene = scene;
    this.#paint();
  }

  /** What is shown, without the empty space around the picture. @returns {Promise<Blob>} PNG */
  async snapshot() {
    if (!this.#scene) throw new Error("nothing is shown");
    const ratio = window.devicePixelRatio;
    const { x, y, width, height } = this.#placement(this.#scene)({ x: 0, y: 0, ...this.#scene.size });
    const copy = new OffscreenCanvas(Math.round(width * ratio), Math.round(height * ratio));
    contextOf(copy).drawImage(this.#canvas, -Math.round(x * ratio), -Math.round(y * ratio));
    return copy.convertToBlob({ type: "image/png" });
  }

  /** The index of the face under a pointer, or -1. @param {MouseEvent} event */
  faceAt(event) {
    if (!this.#scene) return -1;
    const bounds = this.#canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - bounds.x, event.clientY - bounds.y];
    const place = this.#placement(this.#scene);
    return this.#scene.faces.findIndex(({ box }) => {
      const on = place(box);
      return x >= on.x && x <= on.x + on.width && y >= on.y && y <= on.y + on.height;
    });
  }

  #fit() {
    // Canvas pixels are device pixels, or lines and letters would be soft.
    const ratio = window.devicePixelRatio;
    this.#canvas.width = Math.round(this.#canvas.clientWidth * ratio);
    this.#canvas.height = Math.round(this.#canvas.clientHeight * ratio);
    this.#paint();
  }

  /**
   * A function from a box in the picture to its place on the canvas, mirrored as the picture is.
   * @param {Scene} scene @returns {(box: Box) => Box}
   */
  #placement({ size, mirrored }) {
    const { clientWidth, clientHeight } = this.#canvas;
    const scale = Math.min(clientWidth / size.width, clientHeight / size.height);
    const left = (clientWidth - size.width * scale) / 2;
    const top = (clientHeight - size.height * scale) / 2;
    return ({ x, y, width, height }) => ({
      x: left + (mirrored ? size.width - x - width : x) * scale,
      y: top + y * scale,
      width: width * scale,
      height: height * scale,
    });
  }

  #paint() {
    const context = this.#context;
    const ratio = window.devicePixelRatio;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, this.#canvas.clientWidth, this.#canvas.clientHeight);
    if (!this.#scene) return;
    const { picture, size, faces, heatmaps, chosen } = this.#scene;
    const place = this.#placement(this.#scene);
    context.imageSmoothingQuality = "high";
    this.#surround(picture);
    this.#draw(picture, place({ x: 0, y: 0, ...size }));
    if (this.#showsHeat) {
      context.globalAlpha = this.#heatOpacity;
      for (const heatmap of heatmaps) if (heatmap) this.#draw(heatmap.canvas, place(heatmap.box), heatmap.degrees);
      context.globalAlpha = 1;
    }
    this.#mark(faces, chosen, place);
  }

  /** Marks all faces, the chosen one last. Short labels for the others. @param {Scene["faces"]} faces @param {number} chosen @param {(box: Box) => Box} place */
  #mark(faces, chosen, place) {
    const face = faces[chosen];
    const ordered = [...(face ? [face] : []), ...faces.filter((other) => other !== face)];
    const marks = ordered.map((one) => {
      const isChosen = one === face;
      const text = isChosen ? `${one.emotion} ${percent(one.confidence)}` : one.emotion;
      const letters = isChosen ? CHOSEN_PX : OTHER_PX;
      return { box: place(one.box), text, letters, colour: isChosen ? ACCENT : PLAIN, size: this.#sizeOf(text, letters) };
    });
    const places = placeLabels(marks, { width: this.#canvas.clientWidth, height: this.#canvas.clientHeight });
    marks.toReversed().forEach(({ box, colour }) => this.#corners(box, colour));
    marks.forEach((mark, i) => places[i] && this.#label(places[i], mark.text, mark.colour, mark.letters));
  }

  /** Around the picture the view shows its colours, blurred and dimmed. @param {Scene["picture"]} picture */
  #surround(picture) {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    if (!picture) return;
    const context = contextOf(this.#blur);
    context.imageSmoothingQuality = "high"; // otherwise single pixels are taken, and flicker
    context.drawImage(picture, 0, 0, this.#blur.width, this.#blur.height);
    this.#draw(this.#blur, { x: 0, y: 0, width, height });
    this.#context.fillStyle = "rgb(7 9 11 / 68%)";
    this.#context.fillRect(0, 0, width, height);
  }

  /** @param {CanvasImageSource | null} image @param {Box} place @param {number} degrees clockwise, about its centre */
  #draw(image, { x, y, width, height }, degrees = 0) {
    if (!image) return;
    const context = this.#context;
    context.save();
    if (this.#scene?.mirrored) {
      context.translate(2 * x + width, 0);
      context.scale(-1, 1);
    }
    if (degrees) {
      context.translate(x + width / 2, y + height / 2);
      context.rotate((degrees * Math.PI) / 180);
      context.translate(-x - width / 2, -y - height / 2);
    }
    context.drawImage(image, x, y, width, height);
    context.restore();
  }

  /**
   * Corners around a face.
   * @param {Box} box @param {string} colour
   */
  #corners(box, colour) {
    const context = this.#context;
    context.lineCap = "round";
    context.lineJoin = "round";
    for (const { width, style } of [{ width: 5, style: "rgb(0 0 0 / 45%)" }, { width: 2.5, style: colour }]) {
      context.lineWidth = width;
      context.strokeStyle = style;
      context.stroke(corners(box));
    }
  }

  /** @param {string} text @param {number} letters their size */
  #sizeOf(text, letters) {
    this.#context.font = `600 ${letters}px ${FAMILY}`;
    return { width: this.#context.measureText(text).width + 1.4 * letters, height: 1.8 * letters };
  }

  /** @param {Box} place @param {string} text @param {string} colour @param {number} size of the letters */
  #label({ x, y, width, height }, text, colour, size) {
    const context = this.#context;
    context.font = `600 ${size}px ${FAMILY}`;
    context.fillStyle = colour;
    context.beginPath();
    context.roundRect(x, y, width, height, height / 2);
    context.fill();
    context.fillStyle = INK;
    context.textBaseline = "middle";
    context.fillText(text, x + 0.7 * size, y + height / 2 + 0.5);
  }
}

/** @param {Box} box */
function corners({ x, y, width, height }) {
  const arm = Math.min(width, height) * 0.2;
  const bend = Math.min(10, arm / 2);
  const path = new Path2D();
  for (const [cx, cy, dx, dy] of /** @type {const} */ ([
    [x, y, 1, 1],
    [x + width, y, -1, 1],
    [x + width, y + height, -1, -1],
    [x, y + height, 1, -1],
  ])) {
    path.moveTo(cx, cy + dy * arm);
    path.arcTo(cx, cy, cx + dx * arm, cy, bend);
    path.lineTo(cx + dx * arm, cy);
  }
  return path;
}
