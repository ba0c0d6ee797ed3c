/** What all modes share: the parts of the page, and which mode is on. */

import { byId, create, scrollUpTo } from "../dom.js";
import { LocalSwitch } from "../local/switch.js";
import { asProblem } from "../remote/problem.js";
import { Code } from "../view/code.js";
import { Curves } from "../view/curves.js";
import { Detectors } from "../view/detectors.js";
import { Grid } from "../view/grid.js";
import { Notice } from "../view/notice.js";
import { Raw } from "../view/raw.js";
import { Stage, summary } from "../view/stage.js";
import { Timing } from "../view/timing.js";

/**
 * @typedef {import("../types.d.ts").Mode} Mode
 * @typedef {import("../types.d.ts").Offer} Offer
 * @typedef {import("../types.d.ts").Scene} Scene
 */

export class Page {
  notice = new Notice();
  timing = new Timing();
  curves = new Curves();
  grid = new Grid();
  stage = new Stage(
    () => this.#changeHeatmap(),
    (scene) => this.#announceScene(scene),
  );
  local = new LocalSwitch(() => this.#mode?.restart(this.local.element));
  detectors = new Detectors(() => this.#changeDetector());
  /** @type {object | null} the last answer */
  answer = null;
  #raw = new Raw();
  #code = new Code(() => this.#mode?.request() ?? null);
  #waiting = byId("waiting-text");
  #remark = byId("empty");
  #announcer = byId("announcer");
  #content = byId("content");
  /** @type {Mode | null} null: idle */
  #mode = null;
  #announcedAt = -Infinity;

  /** @param {import("../remote/service.js").Service} service */
  constructor(service) {
    this.service = service;
  }

  get mode() {
    return this.#mode;
  }

  /**
   * Ends the mode that is on, and empties view and panel for the next one.
   * @param {Mode | null} mode @param {string} name as elements with `data-in` name it @param {string} [waiting]
   */
  begin(mode, name, waiting) {
    byId("save", HTMLDetailsElement).open = false; // it lists what could be saved of the mode before
    this.#mode?.stop();
    this.#mode = mode;
    this.clear();
    this.notice.clear();
    this.enter(name, waiting);
  }

  /** Shows the elements whose `data-in` names this. @param {string} name @param {string} [waiting] what is waited for */
  enter(name, waiting = "") {
    document.body.dataset.mode = name;
    for (const part of document.querySelectorAll("[data-in]")) {
      if (part instanceof HTMLElement) part.hidden = !part.dataset.in?.split(" ").includes(name);
    }
    this.#waiting.textContent = waiting;
    if (waiting !== "") scrollUpTo(this.#content);
  }

  /** Gives an element the keyboard's focus; what the page scrolls to is not the element, but what was read. @param {HTMLElement} element */
  focus(element) {
    element.focus({ preventScroll: true });
    scrollUpTo(this.#content);
  }

  clear() {
    this.stage.clear();
    this.showAnswer(null);
    this.timing.clear("live", this.local.reader !== null);
    this.showRemark("");
    this.announce("");
    this.#announcedAt = -Infinity;
  }

  /** @param {boolean} [focus] false: the keyboard's focus stays where it is */
  goIdle(focus = true) {
    this.begin(null, "idle");
    // The button that was pressed is hidden now; without this the focus would go back to the top of the page.
    if (focus) this.focus(byId("start"));
  }

  /** To where one came from. */
  goBack() {
    if (this.#mode?.back) this.#mode.back();
    else this.goIdle();
  }

  /** @param {string[]} labels in the model's order */
  set labels(labels) {
    this.stage.labels = this.curves.labels = this.grid.labels = labels;
  }

  /**
   * Ends the mode, and says why.
   * @param {unknown} error @param {string} title where the error is no Problem
   * @param {Mode | null} [before] the mode before it, which is shown again where it can be
   */
  fail(error, title, before) {
    if (!before?.resume?.()) this.goIdle();
    this.notice.show(asProblem(error, title));
  }

  /** @param {object | null} answer */
  showAnswer(answer) {
    this.answer = answer;
    this.#raw.show(answer);
    this.#code.refresh();
  }

  /** Words over the view, and what can be done. @param {string} words @param {Offer[]} [offers] */
  showRemark(words, offers = []) {
    const buttons = offers.map(([name, run]) => create("button", { type: "button", className: "small", textContent: name, onclick: run }));
    const after = buttons.length > 0 ? [create("br"), ...buttons] : [];
    this.#remark.replaceChildren(words, ...after);
    this.#remark.hidden = words === "";
  }

  /** For screen readers. @param {string} words */
  announce(words) {
    if (this.#announcer.textContent !== words) this.#announcer.textContent = words;
  }

  #changeHeatmap() {
    this.#code.refresh();
    this.#mode?.onHeatmap?.();
  }

  #changeDetector() {
    this.#code.refresh();
    if (this.#mode?.onDetector) this.#mode.onDetector();
    else this.#mode?.restart(this.detectors.element);
  }

  /** @param {Scene} scene */
  #announceScene(scene) {
    const { isAnnounced = true, announceEveryMs = 0 } = this.#mode ?? {};
    const now = performance.now();
    if (!isAnnounced || now - this.#announcedAt < announceEveryMs) return;
    this.#announcedAt = now;
    this.announce(scene.unread?.title ?? summary(scene));
  }
}
