/** A video is read and played with its faces. */

import { byId } from "../dom.js";
import { sizeOf } from "../input/picture.js";
import { Stills } from "../input/stills.js";
import { readVideo } from "../local/video.js";
import { Problem } from "../remote/problem.js";
import { uploadVideo } from "../remote/upload.js";
import { clock, tenths } from "../view/format.js";
import { VideoFrames } from "./frames.js";
import { notFound, offersFor } from "./offers.js";
import { Parts } from "./parts.js";
import { videoChoices } from "./video-files.js";
import { caption, extent, outcome } from "./video-words.js";

/**
 * @typedef {import("../types.d.ts").Mode} Mode
 * @typedef {import("../types.d.ts").VideoLine} VideoLine
 */

const JUMP_S = 1; // so far no frame is from the one before it, unless a person has gone there
const GAP = 2.5; // intervals; a face that is missed in one frame leaves no gap in its curve
const ABSENT = { title: "No face", detail: "No face was found at this time of the video." };

/** @implements {Mode} */
export class VideoMode {
  #page;
  #player;
  #file;
  #minFacePx;
  #abort = new AbortController();
  #frames = new VideoFrames(NaN); // until the service has said its rate
  /** @type {import("../contract.d.ts").VideoError | null} the line that ended the reading early */
  #error = null;
  /** @type {Parts | null} */
  #parts = null;
  /** @type {Stills | null} */
  #stills = null;
  /** @type {Set<number>} the tracks whose picture is taken, or on its way */
  #pictured = new Set();
  #isStopped = false;
  #isUnread = false; // what is shown
  #shownS = 0;
  #isOpen = false;
  #state = byId("video-state");
  #caption = byId("caption");
  #video = byId("video", HTMLVideoElement);

  /**
   * @param {import("./page.js").Page} page @param {import("../view/player.js").Player} player @param {File} file
   * @param {number} [minFacePx] by default what the detector's is
   */
  constructor(page, player, file, minFacePx) {
    this.#page = page;
    this.#player = player;
    this.#file = file;
    this.#minFacePx = minFacePx;
  }

  /** While it plays, words that change with every frame would never end. */
  get isAnnounced() {
    return !this.#player.isPlaying;
  }

  /** @param {HTMLElement} [focus] the element that keeps the keyboard's focus; otherwise Play gets it */
  async start(focus = byId("play")) {
    const page = this.#page;
    const before = page.mode;
    page.begin(this, "reading", "Opening the video…");
    const { signal } = this.#abort;
    try {
      const source = await this.#player.open(this.#file);
      const limits = await page.service.requireLimits();
      if (signal.aborted) return;
      this.#stills = new Stills(source);
      page.curves.begin({ title: "Over time", onPlace: (timeS) => this.#player.goTo(timeS) });
      this.#frames = new VideoFrames(limits.defaults.fps);
      this.#parts = new Parts((part, partSignal) => this.#lines(source, limits, partSignal, part), this.#frames);
      await this.#parts.run(signal, (line) => this.#add(line, focus));
      if (!signal.aborted) await this.#offerMore();
    } catch (error) {
      if (signal.aborted) return;
      if (this.#isOpen) this.#showStopped(error);
      else page.fail(error, "The video could not be read", before);
    }
  }

  stop() {
    this.#abort.abort();
    this.#player.close();
  }

  /** @param {HTMLElement} [focus] */
  restart(focus) {
    new VideoMode(this.#page, this.#player, this.#file, this.#minFacePx).start(focus);
  }

  /** Shows the faces at a time. @param {number} timeS */
  async show(timeS) {
    if (!this.#isOpen) return;
    const [stage, player] = [this.#page.stage, this.#player];
    const known = this.#frames.facesAt(timeS);
    const faces = known ?? [];
    const unread = known ? undefined : this.#unreadPart();
    // A video that plays on is not followed: the reading would begin again and again.
    const isSought = !player.isPlaying || Math.abs(timeS - this.#shownS) > JUMP_S;
    if (unread && isSought && !this.#isStopped) this.#parts?.want(timeS);
    this.#isUnread = unread !== undefined;
    this.#shownS = timeS;
    player.remark = unread?.title ?? "";
    const image = player.isShown ? player.size : extent(this.#frames.moments);
    const scene = await stage.sceneOf({ image, faces }, player.isShown ? this.#video : null, { unread, absent: ABSENT });
    if (this.#abort.signal.aborted) return;
    stage.show(scene);
    this.#page.curves.playhead = timeS / (player.durationS || 1);
    this.#caption.textContent = unread ? unread.detail : faces.map(caption).join(", ");
  }

  /** @returns {import("../output/snippets.js").Request} */
  request() {
    const { detectors } = this.#page;
    return { kind: "video", files: [this.#file.name], options: { ...detectors.options, ...(this.#minFacePx && { min_face_px: this.#minFacePx }) } };
  }

  /** @returns {import("../types.d.ts").SaveChoice[]} */
  choices() {
    return videoChoices(this.#page, this.#frames, this.#error);
  }

  /**
   * @param {string} source @param {import("../contract.d.ts").Limits} limits @param {AbortSignal} signal
   * @param {import("./frames.js").Part} part
   */
  #lines(source, limits, signal, { fromS, toS }) {
    const { local: { reader: local }, detectors } = this.#page;
    const minFacePx = this.#minFacePx;
    if (local) return readVideo(source, local, limits.defaults.fps, signal, { ...detectors.options, minFacePx, fromS, toS });
    const times = { ...(fromS > 0 && { from_s: fromS }), ...(toS !== undefined && { to_s: toS }) };
    const options = { ...detectors.options, ...(minFacePx && { min_face_px: minFacePx }), ...times };
    return uploadVideo(this.#file, limits.max_video_bytes, signal, options);
  }

  #paintStrip() {
    const { stage } = this.#page;
    this.#player.paint(this.#frames, (faces) => stage.pick(faces), stage.labels);
  }

  /** @param {VideoLine} line @param {HTMLElement} focus */
  #add(line, focus) {
    const [page, player, frames] = [this.#page, this.#player, this.#frames];
    if (line.type === "error") {
      this.#error = line;
      return;
    }
    if (!this.#isOpen) this.#open(focus);
    // A video may last longer than its file says.
    if (!player.isLengthKnown || frames.lastS > player.durationS) player.durationS = frames.lastS;
    page.showAnswer(line.type === "summary" && frames.summary ? frames.summary : line);
    this.#paintStrip();
    this.#drawCurves();
    this.#pictureAll(frames.takeNumbered());
    this.#state.textContent = frames.summary ? outcome(frames.summary) : `Reading: ${this.#progress()}`;
    // What is shown may have waited for this line.
    if (frames.summary) this.show(player.timeS).then(() => page.announce(this.#state.textContent ?? ""));
    else if (this.#isUnread || (line.type === "frame" && Math.abs(player.timeS - line.time_s) < frames.intervalS)) this.show(player.timeS);
  }

  #drawCurves() {
    const { intervalS, moments } = this.#frames;
    const toS = this.#player.durationS;
    const axis = { fromS: 0, toS, gapS: GAP * intervalS, lastS: intervalS, unread: this.#frames.unread(toS), inWords: tenths };
    this.#page.curves.show(moments, axis);
  }

  /** @param {{moments: import("../types.d.ts").Moment[], isRenumbered: boolean}} numbered */
  #pictureAll({ moments, isRenumbered }) {
    if (isRenumbered) {
      this.#pictured.clear();
      this.#page.curves.forgetPictures();
      this.#page.stage.rename(this.#frames.facesAt(this.#shownS) ?? []);
    }
    for (const moment of moments) this.#picture(moment);
  }

  /** Takes the pictures of faces that were not in view before. @param {import("../types.d.ts").Moment} moment */
  #picture({ time_s: timeS, faces }) {
    const strangers = faces.filter(({ track_id: track }) => track !== null && !this.#pictured.has(track));
    for (const { track_id: track } of strangers) this.#pictured.add(track ?? 0);
    if (strangers.length === 0) return;
    this.#stills?.at(timeS, (picture) => {
      const scene = { picture, size: sizeOf(picture), mirrored: false, faces: strangers };
      if (!this.#abort.signal.aborted) this.#page.curves.picture(scene);
    });
  }

  /** Where the whole video has no face: what may find one. */
  async #offerMore() {
    const [page, player, { moments }] = [this.#page, this.#player, this.#frames];
    const [first] = moments;
    if (!first || !player.isShown || moments.some(({ faces }) => faces.length > 0)) return;
    const { searched_from_px: searchedPx } = first;
    const again = (/** @type {number} */ px) => void new VideoMode(page, player, this.#file, px).start();
    const offers = await offersFor(page, player.size, searchedPx, again);
    if (!this.#abort.signal.aborted) page.showRemark(notFound(searchedPx, "in this video"), offers);
  }

  /** The first line is here: the player is shown. @param {HTMLElement} focus */
  #open(focus) {
    const [page, player] = [this.#page, this.#player];
    this.#isOpen = true;
    page.enter("video");
    page.focus(focus);
    page.showRemark(player.isShown ? "" : "Your browser cannot play this video; this is what was read in it.");
    player.start();
  }

  /** @param {unknown} error */
  #showStopped(error) {
    const { title, detail } =
      error instanceof Problem ? error : new Problem("The server does not answer", "Check that it is running, then try again.");
    this.#page.notice.show(new Problem(title, `${detail} What was read before is kept.`));
    this.#isStopped = true;
    this.#state.textContent = `Stopped: ${this.#progress()}`;
    this.show(this.#player.timeS);
  }

  /** How far the reading is, such as "0:06 of 1:00". */
  get #reached() {
    const read = clock(this.#frames.readS);
    return this.#player.isLengthKnown ? `${read} of ${clock(this.#player.durationS)}` : read;
  }

  #progress() {
    const count = this.#frames.moments.length;
    return `${this.#reached}, ${count} ${count === 1 ? "frame" : "frames"}`;
  }

  /** What is said where the video has not been read. */
  #unreadPart() {
    if (this.#frames.summary) return { title: "Not read", detail: "No frame of this video was read." };
    return this.#isStopped
      ? { title: "Not read", detail: `Not read: the reading stopped at ${this.#reached}` }
      : { title: "Still reading", detail: `Reading: ${this.#reached}` };
  }
}
