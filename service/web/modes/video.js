/** A video is read and played with its faces. */

import { byId } from "../dom.js";
import { readVideo } from "../local/video.js";
import { uploadVideo } from "../remote/upload.js";
import { tenths } from "../view/format.js";
import { Annotated } from "./annotated.js";
import { FacePictures } from "./face-pictures.js";
import { VideoFrames } from "./frames.js";
import { notFound, offersFor } from "./offers.js";
import { Parts } from "./parts.js";
import { videoChoices } from "./video-files.js";
import { caption, extent, outcome, reached, stoppedBy, unread } from "./video-words.js";

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
  #annotated;
  #abort = new AbortController();
  #frames = new VideoFrames(NaN); // until the service has said its rate
  /** @type {import("../contract.d.ts").VideoError | null} the line that ended the reading early */
  #error = null;
  /** @type {Parts | null} */
  #parts = null;
  /** @type {FacePictures | null} */
  #pictures = null;
  #isStopped = false;
  #isUnread = false; // what is shown
  #shownS = 0;
  #isOpen = false;
  /** @type {VideoMode | null} the mode whose reading this one goes on with */
  #past = null;
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
    this.#annotated = new Annotated(page.service, file, this.#abort.signal);
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
      this.#pictures = new FacePictures(source, (scene) => signal.aborted || page.curves.picture(scene));
      page.curves.begin({ title: "Over time", onPlace: (timeS) => this.#player.goTo(timeS) });
      if (this.#past) this.#reopen(this.#past, focus);
      else this.#frames = new VideoFrames(limits.defaults.fps);
      if (this.#isStopped) return;
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

  /** From where it was, with what was read. */
  resume() {
    if (!this.#isOpen) return false;
    const again = new VideoMode(this.#page, this.#player, this.#file, this.#minFacePx);
    again.#past = this;
    again.start();
    return true;
  }

  /** Shows the faces at a time. @param {number} timeS */
  async show(timeS) {
    if (!this.#isOpen) return;
    const [stage, player] = [this.#page.stage, this.#player];
    const known = this.#frames.facesAt(timeS);
    const faces = known ?? [];
    const nothing = known ? undefined : unread(this.#frames.summary !== null, this.#isStopped, this.#reached);
    // A video that plays on is not followed: the reading would begin again and again.
    const isSought = !player.isPlaying || Math.abs(timeS - this.#shownS) > JUMP_S;
    if (nothing && isSought && !this.#isStopped) this.#parts?.want(timeS);
    this.#isUnread = nothing !== undefined;
    this.#shownS = timeS;
    player.remark = nothing?.title ?? "";
    const image = player.isShown ? player.size : extent(this.#frames.moments);
    const scene = await stage.sceneOf({ image, faces }, player.isShown ? this.#video : null, { unread: nothing, absent: ABSENT });
    if (this.#abort.signal.aborted) return;
    stage.show(scene);
    this.#page.curves.playhead = timeS / (player.durationS || 1);
    this.#caption.textContent = nothing ? nothing.detail : faces.map(caption).join(", ");
  }

  /** @returns {import("../output/snippets.js").Request} */
  request() {
    return { kind: "video", files: [this.#file.name], options: this.#options };
  }

  /** @returns {import("../types.d.ts").SaveChoice[]} */
  choices() {
    return videoChoices(this.#page, this.#frames, this.#error, this.#annotated.isBeingMade ? null : () => this.#annotate());
  }

  /**
   * @param {string} source @param {import("../contract.d.ts").Limits} limits @param {AbortSignal} signal
   * @param {import("./frames.js").Part} part
   */
  #lines(source, limits, signal, { fromS, toS }) {
    const { local: { reader: local }, detectors } = this.#page;
    if (local) return readVideo(source, local, limits.defaults.fps, signal, { ...detectors.options, minFacePx: this.#minFacePx, fromS, toS });
    const times = { ...(fromS > 0 && { from_s: fromS }), ...(toS !== undefined && { to_s: toS }) };
    return uploadVideo(this.#file, limits.max_video_bytes, signal, { ...this.#options, ...times });
  }

  /** The service's options for this video. */
  get #options() {
    return { ...this.#page.detectors.options, ...(this.#minFacePx && { min_face_px: this.#minFacePx }) };
  }

  async #annotate() {
    try {
      return await this.#annotated.make(this.#options, (progress) => (this.#state.textContent = progress));
    } finally {
      if (!this.#abort.signal.aborted) this.#draw();
    }
  }

  /** @param {VideoLine} line @param {HTMLElement} focus */
  #add(line, focus) {
    const [page, player, frames] = [this.#page, this.#player, this.#frames];
    if (line.type === "error") {
      this.#error = line;
      return;
    }
    if (!this.#isOpen) {
      this.#open(focus);
      player.start();
    }
    page.showAnswer(line.type === "summary" && frames.summary ? frames.summary : line);
    this.#draw();
    this.#pictureAll(frames.takeNumbered());
    // What is shown may have waited for this line.
    if (frames.summary) this.show(player.timeS).then(() => page.announce(this.#state.textContent ?? ""));
    else if (this.#isUnread || (line.type === "frame" && Math.abs(player.timeS - line.time_s) < frames.intervalS)) this.show(player.timeS);
  }

  /** What is known of the whole video: strip, curves, state. */
  #draw() {
    const [{ curves, stage }, player, frames] = [this.#page, this.#player, this.#frames];
    const { intervalS, moments } = frames;
    // A video may last longer than its file says.
    if (!player.isLengthKnown || frames.lastS > player.durationS) player.durationS = frames.lastS;
    const toS = player.durationS;
    player.paint(frames, (faces) => stage.pick(faces), stage.labels);
    curves.show(moments, { fromS: 0, toS, gapS: GAP * intervalS, lastS: intervalS, unread: frames.unread(toS), inWords: tenths });
    const progress = `${this.#reached}, ${moments.length} ${moments.length === 1 ? "frame" : "frames"}`;
    this.#state.textContent = frames.summary ? outcome(frames.summary) : `${this.#isStopped ? "Stopped" : "Reading"}: ${progress}`;
  }

  /** @param {{moments: import("../types.d.ts").Moment[], isRenumbered: boolean}} numbered */
  #pictureAll({ moments, isRenumbered }) {
    if (isRenumbered) {
      this.#pictures?.forget();
      this.#page.curves.forgetPictures();
      this.#page.stage.rename(this.#frames.facesAt(this.#shownS) ?? []);
    }
    this.#pictures?.take(moments);
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
  }

  /** Shows what another mode has read of the same video, at the place that it showed. @param {VideoMode} past @param {HTMLElement} focus */
  #reopen(past, focus) {
    this.#frames = past.#frames;
    this.#error = past.#error;
    this.#isStopped = past.#isStopped;
    this.#open(focus);
    this.#page.showAnswer(this.#frames.summary ?? this.#frames.moments.at(-1) ?? null);
    this.#draw();
    this.#pictureAll({ ...this.#frames.takeNumbered(), moments: this.#frames.moments });
    this.#player.goTo(past.#shownS);
  }

  /** @param {unknown} error */
  #showStopped(error) {
    this.#page.notice.show(stoppedBy(error));
    this.#isStopped = true;
    this.#draw();
    this.show(this.#player.timeS);
  }

  get #reached() {
    return reached(this.#frames.readS, this.#player.isLengthKnown ? this.#player.durationS : 0);
  }
}
