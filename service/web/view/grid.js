/** Several pictures side by side, each with what was read in it, and what was read in all of them. */

import { byId, contextOf, create } from "../dom.js";
import { openPicture, sizeOf } from "../input/picture.js";
import { Bars } from "./bars.js";
import { percent } from "./format.js";

/** @typedef {import("../types.d.ts").PictureEntry} PictureEntry */

const SIZE = { width: 320, height: 240 };
const ACCENT = "#5fe3cf";

export class Grid {
  #list = byId("grid-list");
  #head = byId("grid-head");
  #note = byId("grid-note");
  #bars = new Bars(byId("grid-bars", HTMLUListElement));
  /** @type {PictureEntry[]} */
  #entries = [];
  /** @type {(index: number) => void} */
  #onOpen = () => {};

  constructor() {
    this.#list.addEventListener("click", (event) => {
      const button = event.target instanceof Element ? event.target.closest("button") : null;
      if (button) this.#onOpen([...this.#list.children].indexOf(button.parentElement ?? button));
    });
  }

  /** @param {string[]} labels in the model's order */
  set labels(labels) {
    this.#bars.labels = labels;
  }

  /** @param {PictureEntry[]} entries @param {(index: number) => void} onOpen one was pressed */
  show(entries, onOpen) {
    this.#entries = entries;
    this.#onOpen = onOpen;
    this.#list.replaceChildren(...entries.map(({ file }) => tile(file.name)));
    entries.forEach(({ reading, problem }, index) => (reading || problem) && this.fill(index));
  }

  clear() {
    this.#entries = [];
    this.#list.replaceChildren();
  }

  /** The button of a picture. @param {number} index @returns {HTMLElement | undefined} */
  tile(index) {
    return this.#list.children[index]?.querySelector("button") ?? undefined;
  }

  /** Shows what was read in a picture. @param {number} index */
  async fill(index) {
    const entry = this.#entries[index];
    const button = this.#list.children[index]?.firstElementChild;
    const [canvas, , words] = button?.children ?? [];
    if (!entry || !(canvas instanceof HTMLCanvasElement) || !words) return;
    words.textContent = inWords(entry);
    button?.classList.toggle("failed", entry.problem !== null);
    const picture = await openPicture(entry.file);
    if (picture) paint(canvas, picture, entry);
    picture?.close();
  }

  /** Sums up. @param {number} answered so many of them have been read */
  tell(answered) {
    const count = this.#entries.length;
    const faces = this.#entries.flatMap(({ reading }) => reading?.faces ?? []);
    this.#head.textContent = `${faces.length} ${faces.length === 1 ? "face" : "faces"}`;
    this.#note.textContent = answered < count ? `Reading: ${answered} of ${count} pictures` : `in ${count} pictures`;
    const labels = Object.keys(faces[0]?.emotions ?? {});
    if (labels.length === 0) {
      this.#bars.clear();
      return;
    }
    const share = (/** @type {string} */ label) => faces.filter(({ emotion }) => emotion === label).length / faces.length;
    this.#bars.show(Object.fromEntries(labels.map((label) => [label, share(label)])));
  }
}

/** @param {string} name */
function tile(name) {
  const item = create("li");
  const button = create("button", { type: "button" });
  button.append(create("canvas", SIZE), create("span", { className: "name", textContent: name, title: name }), create("strong", { textContent: "…" }));
  item.append(button);
  return item;
}

/** @param {PictureEntry} entry */
function inWords({ reading, problem }) {
  if (problem) return problem.title;
  const [first, ...others] = reading?.faces ?? [];
  if (!first) return "No face";
  if (others.length === 0) return `${first.emotion} ${percent(first.confidence)}`;
  const labels = [...new Set([first, ...others].map(({ emotion }) => emotion))];
  return `${others.length + 1} faces: ${labels.join(", ")}`;
}

/** The whole picture, with its faces' boxes. @param {HTMLCanvasElement} canvas @param {ImageBitmap} picture @param {PictureEntry} entry */
function paint(canvas, picture, { reading }) {
  const { width, height } = sizeOf(picture);
  const scale = Math.min(SIZE.width / width, SIZE.height / height);
  const context = contextOf(canvas);
  context.imageSmoothingQuality = "high";
  context.setTransform(scale, 0, 0, scale, (SIZE.width - width * scale) / 2, (SIZE.height - height * scale) / 2);
  context.drawImage(picture, 0, 0);
  if (!reading) return;
  const own = width / reading.image.width;
  context.lineWidth = 3 / scale;
  context.strokeStyle = ACCENT;
  for (const { box } of reading.faces) context.strokeRect(box.x * own, box.y * own, box.width * own, box.height * own);
}
