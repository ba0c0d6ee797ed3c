/** The view: a picture with the faces found in it, painted together so that they always belong together. */

import { percent } from "./format.js";

const ACCENT = "#5fe3cf";
const PLAIN = "#ffffff";
const INK = "#0b1014";
const FAMILY = '"Inter", ui-sans-serif, system-ui, sans-serif';
const CHOSEN_PX = 14;
const OTHER_PX = 12;
const GAP = 8;

/**
 * @typedef {object} Scene
 * @property {ImageBitmap | HTMLVideoElement | null} picture null where the browser cannot show what the server could read
 * @property {{width: number, height: number}} size what the boxes refer to
 * @property {object[]} faces of a Result
 * @property {(HTMLCanvasElement | null)[]} heatmaps one for each face
 * @property {number} cropMargin share of a box's side that the crop adds on every side
 * @property {number} chosen index of the face that the panel shows
 * @property {boolean} mirrored
 * @property {{title: string, detail: string}} [unread] why nothing is known of this picture's faces; `faces` is empty then
 */

export class Overlay {
  #canvas;
  #context;
  /** @type {Scene | null} */
  #scene = null;
  #showsHeat = true;
  #blur = new OffscreenCanvas(16, 12); // so small that enlarging it blurs it

  /** @param {HTMLCanvasElement} canvas as large as its container, whatever it shows */
  constructor(canvas) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d");
    new ResizeObserver(() => this.#fit()).observe(canvas);
  }

  get scene() {
    return this.#scene;
  }

  set showsHeat(value) {
    this.#showsHeat = value;
    this.#paint();
  }

  /** @param {Scene | null} scene its picture belongs to the overlay now; null clears the view */
  show(scene) {
    const before = this.#scene?.picture;
    if (before instanceof ImageBitmap && before !== scene?.picture) before.close();
    this.#scene = scene;
    this.#paint();
  }

  /** What is shown, without the empty space around the picture. @returns {Promise<Blob>} PNG */
  snapshot() {
    const ratio = window.devicePixelRatio;
    const whole = this.#placement()({ x: 0, y: 0, ...this.#scene.size });
    const [x, y, width, height] = [whole.x, whole.y, whole.width, whole.height].map((value) => Math.round(value * ratio));
    const copy = new OffscreenCanvas(width, height);
    copy.getContext("2d").drawImage(this.#canvas, -x, -y);
    return copy.convertToBlob({ type: "image/png" });
  }

  /** The index of the face under a pointer, or -1. */
  faceAt(event) {
    if (!this.#scene) return -1;
    const bounds = this.#canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - bounds.x, event.clientY - bounds.y];
    const place = this.#placement();
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

  /** A function from a box in the picture to where it is on the canvas, mirrored as the picture is. */
  #placement() {
    const { size, mirrored } = this.#scene;
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
    const { picture, size, faces, heatmaps, cropMargin, chosen } = this.#scene;
    const place = this.#placement();
    context.imageSmoothingQuality = "high";
    this.#surround(picture);
    this.#draw(picture, place({ x: 0, y: 0, ...size }));
    if (this.#showsHeat) {
      faces.forEach(({ box }, i) => this.#draw(heatmaps[i], place(cropOf(box, cropMargin))));
    }
    // Few words on the others, or a group's labels would cover its faces; the chosen one lies on top.
    for (const face of faces) if (face !== faces[chosen]) this.#mark(place(face.box), face.emotion, PLAIN, OTHER_PX);
    const face = faces[chosen];
    if (face) this.#mark(place(face.box), `${face.emotion} ${percent(face.confidence)}`, ACCENT, CHOSEN_PX);
  }

  /** What the picture leaves over of the view takes its colours, out of focus and dimmed. */
  #surround(picture) {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    if (!picture) return;
    const context = this.#blur.getContext("2d");
    context.imageSmoothingQuality = "high"; // else a few pixels stand for all, and flicker
    context.drawImage(picture, 0, 0, this.#blur.width, this.#blur.height);
    this.#draw(this.#blur, { x: 0, y: 0, width, height });
    this.#context.fillStyle = "rgb(7 9 11 / 68%)";
    this.#context.fillRect(0, 0, width, height);
  }

  #draw(image, { x, y, width, height }) {
    if (!image) return;
    const context = this.#context;
    context.save();
    if (this.#scene.mirrored) {
      context.translate(2 * x + width, 0);
      context.scale(-1, 1);
    }
    context.drawImage(image, x, y, width, height);
    context.restore();
  }

  /** Corners around the face and its label above, or below where there is no room. */
  #mark(box, text, colour, size) {
    const context = this.#context;
    context.lineCap = "round";
    context.lineJoin = "round";
    for (const [width, style] of [[5, "rgb(0 0 0 / 45%)"], [2.5, colour]]) {
      context.lineWidth = width;
      context.strokeStyle = style;
      context.stroke(corners(box));
    }
    this.#label(box, text, colour, size);
  }

  #label(box, text, colour, size) {
    const context = this.#context;
    context.font = `600 ${size}px ${FAMILY}`;
    const width = context.measureText(text).width + 1.4 * size;
    const height = 1.8 * size;
    const above = box.y - height - GAP;
    const below = Math.min(box.y + box.height + GAP, this.#canvas.clientHeight - height - 4);
    const y = above >= 4 ? above : below;
    const x = Math.max(4, Math.min(box.x + box.width / 2 - width / 2, this.#canvas.clientWidth - width - 4));
    context.fillStyle = colour;
    context.beginPath();
    context.roundRect(x, y, width, height, height / 2);
    context.fill();
    context.fillStyle = INK;
    context.textBaseline = "middle";
    context.fillText(text, x + 0.7 * size, y + height / 2 + 0.5);
  }
}

/** The square that the network saw: the box's longer side, and the margin on every side. */
function cropOf(box, margin) {
  const side = Math.max(box.width, box.height) * (1 + 2 * margin);
  return { x: box.x + (box.width - side) / 2, y: box.y + (box.height - side) / 2, width: side, height: side };
}

function corners({ x, y, width, height }) {
  const arm = Math.min(width, height) * 0.2;
  const bend = Math.min(10, arm / 2);
  const path = new Path2D();
  for (const [cx, cy, dx, dy] of [
    [x, y, 1, 1],
    [x + width, y, -1, 1],
    [x + width, y + height, -1, -1],
    [x, y + height, 1, -1],
  ]) {
    path.moveTo(cx, cy + dy * arm);
    path.arcTo(cx, cy, cx + dx * arm, cy, bend);
    path.lineTo(cx + dx * arm, cy);
  }
  return path;
}
