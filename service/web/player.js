/** The film's player: play, pause, and a strip of time in the colours of the labels, to click or to walk along. */

import { colourOf } from "./colours.js";
import { fitted } from "./timeline.js";

const STEP_S = 0.1;
const FRAME_S = 0.04; // redrawn so often where the browser does not tell of each frame

const HATCH_PX = 7;

const byId = (id) => document.getElementById(id);

export class Player {
  #video;
  #onTime;
  #play = byId("play");
  #seek = byId("seek");
  #strip = byId("strip");
  #durationS = 0;
  #isLengthKnown = false;
  #remark = "";
  #address = null;
  #running = 0;

  /**
   * @param {HTMLVideoElement} video
   * @param {(timeS: number) => void} onTime another frame is shown
   */
  constructor(video, onTime) {
    this.#video = video;
    this.#onTime = onTime;
    this.#play.addEventListener("click", () => (video.paused ? video.play() : video.pause()));
    this.#seek.addEventListener("input", () => this.#go(Number(this.#seek.value)));
    for (const event of ["play", "pause", "ended"]) video.addEventListener(event, () => this.#showState());
    video.addEventListener("seeked", () => this.#tell());
    video.addEventListener("play", () => this.#follow(++this.#running));
  }

  /** Whether the browser can show this film. */
  get shown() {
    return this.#video.videoWidth > 0;
  }

  get size() {
    return { width: this.#video.videoWidth, height: this.#video.videoHeight };
  }

  get timeS() {
    return this.shown ? this.#video.currentTime : Number(this.#seek.value);
  }

  /** Whether the browser knows how long the film is. */
  get isLengthKnown() {
    return this.#isLengthKnown;
  }

  get playing() {
    return !this.#video.paused;
  }

  /** What a screen reader is told of the place that is shown, beside its time. @param {string} words */
  set remark(words) {
    this.#remark = words;
    this.#showTime();
  }

  get durationS() {
    return this.#durationS;
  }

  /** Loads a file. @returns {Promise<string>} its address, for as long as it is open */
  async open(file) {
    this.close();
    this.#address = URL.createObjectURL(file);
    this.#video.src = this.#address;
    await new Promise((resolve) => {
      this.#video.onloadeddata = this.#video.onerror = resolve;
    });
    const { duration } = this.#video;
    this.#isLengthKnown = this.shown && Number.isFinite(duration);
    this.duration = this.#isLengthKnown ? duration : 0;
    this.#play.disabled = !this.shown;
    this.#showState();
    return this.#address;
  }

  /** Starts by itself, where the person likes movement. */
  start() {
    if (this.shown && !matchMedia("(prefers-reduced-motion: reduce)").matches) this.#video.play().catch(() => {});
  }

  /** @param {number} seconds as far as it is known */
  set duration(seconds) {
    this.#durationS = seconds;
    this.#seek.max = String(seconds);
    this.#seek.step = String(STEP_S);
    this.#showTime();
  }

  close() {
    this.#running += 1;
    this.#video.pause();
    this.#video.removeAttribute("src");
    this.#video.load();
    if (this.#address) URL.revokeObjectURL(this.#address);
    this.#address = null;
    this.#remark = "";
    this.#seek.value = "0";
    this.duration = 0;
  }

  /**
   * Paints what has been read.
   * @param {import("./film.js").Moment[]} moments
   * @param {(faces: object[]) => object | undefined} look the face to show of each
   * @param {string[]} labels
   * @param {number} intervalS between two moments
   * @param {number} readS what follows has not been read, and is hatched
   */
  paint(moments, look, labels, intervalS, readS) {
    const context = fitted(this.#strip);
    const { clientWidth: width, clientHeight: height } = this.#strip;
    context.clearRect(0, 0, width, height);
    const x = (timeS) => (width * timeS) / (this.#durationS || 1);
    hatch(context, x(readS + intervalS), width, height);
    for (const { time_s: time, faces } of moments) {
      const face = look(faces);
      context.fillStyle = face ? colourOf(labels.indexOf(face.emotion)) : "rgb(128 136 144 / 35%)";
      // A pixel wider, or the joints would shine through.
      context.fillRect(x(time), 0, Math.min(x(intervalS) + 1, width - x(time)), height);
    }
  }

  #go(timeS) {
    if (this.shown) this.#video.currentTime = timeS;
    else this.#tell();
  }

  /** Every frame that is shown is told of, while it plays. */
  #follow(run) {
    const next = (callback) =>
      this.#video.requestVideoFrameCallback
        ? this.#video.requestVideoFrameCallback((_, { mediaTime }) => callback(mediaTime))
        : setTimeout(() => callback(this.#video.currentTime), FRAME_S * 1000);
    const step = (timeS) => {
      if (run !== this.#running) return;
      this.#tell(timeS);
      if (!this.#video.paused) next(step);
    };
    next(step);
  }

  #tell(timeS = this.timeS) {
    if (this.shown) this.#seek.value = String(timeS);
    this.#showTime();
    this.#onTime(timeS);
  }

  #showState() {
    const { paused } = this.#video;
    this.#play.ariaLabel = paused ? "Play" : "Pause";
    this.#play.classList.toggle("playing", !paused);
  }

  #showTime() {
    const text = `${clock(Number(this.#seek.value))} / ${clock(this.#durationS)}`;
    byId("film-time").textContent = text;
    this.#seek.setAttribute("aria-valuetext", this.#remark ? `${text}, ${this.#remark}` : text);
  }
}

/** Slanted lines from one place to another: neither a label nor "no face". */
function hatch(context, from, to, height) {
  context.save();
  context.beginPath();
  context.rect(from, 0, Math.max(0, to - from), height);
  context.clip();
  context.beginPath();
  for (let x = from - height; x < to; x += HATCH_PX) {
    context.moveTo(x, height);
    context.lineTo(x + height, 0);
  }
  context.strokeStyle = "rgb(128 136 144 / 45%)";
  context.stroke();
  context.restore();
}

export const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
