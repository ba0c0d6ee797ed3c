/** The player of a video: play, pause, and a strip of time in the labels' colours, which is also a slider. */

import { byId, fittedContext } from "../dom.js";
import { endOf, loadedZero, seek } from "../input/clock.js";
import { sizeOf } from "../input/picture.js";
import { colourOf } from "./colours.js";
import { clock } from "./format.js";
import { hatch } from "./hatch.js";

const STEP_S = 0.1;
const STILL = 1.5; // intervals; further apart, nothing is said of the time between two frames
const REDRAW_MS = 40; // in browsers that do not tell of each frame

/** @typedef {import("../types.d.ts").PageFace} PageFace */

export class Player {
  #video;
  #onTime;
  #play = byId("play", HTMLButtonElement);
  #seek = byId("seek", HTMLInputElement);
  #strip = byId("strip", HTMLCanvasElement);
  #clock = byId("video-time");
  #durationS = 0;
  #zeroS = 0; // on the clock of the video element
  #isLengthKnown = false;
  #remark = "";
  /** @type {string | null} */
  #address = null;
  #run = 0;

  /**
   * @param {HTMLVideoElement} video
   * @param {(timeS: number) => void} onTime another frame is shown
   */
  constructor(video, onTime) {
    this.#video = video;
    this.#onTime = onTime;
    this.#play.addEventListener("click", () => (video.paused ? video.play() : video.pause()));
    this.#seek.addEventListener("input", () => this.goTo(Number(this.#seek.value)));
    for (const event of ["play", "pause", "ended"]) video.addEventListener(event, () => this.#showState());
    video.addEventListener("seeked", () => {
      this.#tellTime();
      // On a busy machine the frame is there a little later.
      if ("requestVideoFrameCallback" in video) video.requestVideoFrameCallback(() => video.paused && this.#address && this.#tellTime());
    });
    video.addEventListener("play", () => this.#follow(++this.#run));
  }

  /** Whether the browser can show this video. */
  get isShown() {
    return this.#video.videoWidth > 0;
  }

  get size() {
    return sizeOf(this.#video);
  }

  get isPlaying() {
    return !this.#video.paused;
  }

  /** Whether the browser knows how long the video is. */
  get isLengthKnown() {
    return this.#isLengthKnown;
  }

  get timeS() {
    return this.isShown ? this.#video.currentTime - this.#zeroS : Number(this.#seek.value);
  }

  get durationS() {
    return this.#durationS;
  }

  /** @param {number} seconds as far as it is known */
  set durationS(seconds) {
    this.#durationS = seconds;
    this.#seek.max = String(seconds);
    this.#seek.step = String(STEP_S);
    this.#showTime();
  }

  /** What a screen reader is told of the time that is shown. @param {string} words */
  set remark(words) {
    this.#remark = words;
    this.#showTime();
  }

  /** Loads a file. @param {File} file @returns {Promise<string>} its address while it is open */
  async open(file) {
    this.close();
    const source = URL.createObjectURL(file);
    this.#address = source;
    const zeroS = loadedZero(this.#video);
    this.#video.src = source;
    this.#zeroS = (await zeroS) || 0;
    const lengthS = this.isShown ? await this.#findLength() : 0;
    this.#isLengthKnown = lengthS > 0;
    this.durationS = lengthS;
    this.#play.disabled = !this.isShown;
    this.#showState();
    return source;
  }

  /** Plays, unless the person prefers less movement. */
  start() {
    if (this.isShown && !matchMedia("(prefers-reduced-motion: reduce)").matches) this.#video.play().catch(() => {});
  }

  /** @param {number} timeS */
  goTo(timeS) {
    if (this.isShown) {
      this.#video.currentTime = timeS + this.#zeroS;
    } else {
      this.#seek.value = String(timeS);
      this.#tellTime();
    }
  }

  close() {
    this.#run += 1;
    this.#video.pause();
    this.#video.removeAttribute("src");
    this.#video.load();
    if (this.#address) URL.revokeObjectURL(this.#address);
    this.#address = null;
    this.#remark = "";
    this.#seek.value = "0";
    this.durationS = 0;
  }

  /**
   * Paints the strip: labels where a face was read, grey where none was found, hatched where nothing was read.
   * @param {import("../modes/frames.js").VideoFrames} frames
   * @param {(faces: PageFace[]) => PageFace | undefined} pick the face to show of each frame
   * @param {string[]} labels
   */
  paint(frames, pick, labels) {
    const { moments, intervalS } = frames;
    const context = fittedContext(this.#strip);
    const { clientWidth: width, clientHeight: height } = this.#strip;
    context.clearRect(0, 0, width, height);
    const ratio = window.devicePixelRatio;
    /** Whole pixels of the screen, so that no seam is visible between two frames. @param {number} timeS */
    const x = (timeS) => Math.round((ratio * width * Math.min(timeS, this.#durationS)) / (this.#durationS || 1)) / ratio;
    for (const [fromS, toS] of frames.unread(this.#durationS)) hatch(context, x(fromS), x(toS), height);
    moments.forEach(({ time_s: timeS, faces }, i) => {
      const face = pick(faces);
      // Frames of a video lie a little further apart where its own rate does not fit.
      const nextS = moments[i + 1]?.time_s ?? Infinity;
      const toS = nextS < timeS + STILL * intervalS ? nextS : timeS + intervalS;
      context.fillStyle = face ? colourOf(labels.indexOf(face.emotion)) : "rgb(128 136 144 / 35%)";
      context.fillRect(x(timeS), 0, x(toS) - x(timeS), height);
    });
  }

  /** Seconds. Browsers differ in whether the `duration` of a video that begins late counts from its beginning. */
  async #findLength() {
    const video = this.#video;
    if (Number.isFinite(video.duration) && this.#zeroS < STEP_S) return video.duration;
    const endS = await endOf(video);
    await seek(video, this.#zeroS);
    return endS - this.#zeroS;
  }



  /** Tells of every frame that is shown, while it plays. @param {number} run */
  #follow(run) {
    const video = this.#video;
    /** @param {(timeS: number) => void} callback */
    const next = (callback) =>
      "requestVideoFrameCallback" in video
        ? video.requestVideoFrameCallback((_, { mediaTime }) => callback(mediaTime - this.#zeroS))
        : setTimeout(() => callback(this.timeS), REDRAW_MS);
    /** @param {number} timeS */
    const step = (timeS) => {
      if (run !== this.#run) return;
      this.#tellTime(timeS);
      if (!video.paused) next(step);
    };
    next(step);
  }

  #tellTime(timeS = this.timeS) {
    if (this.isShown) this.#seek.value = String(timeS);
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
    this.#clock.textContent = text;
    this.#seek.setAttribute("aria-valuetext", this.#remark ? `${text}, ${this.#remark}` : text);
  }
}
