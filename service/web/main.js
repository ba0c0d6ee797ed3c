/** The page: wires the camera, the stream and pictures to the view and the panel. */

import { Choice } from "./choice.js";
import { percent } from "./format.js";
import { heatmapOf, paintScale } from "./heatmap.js";
import { Live } from "./live.js";
import { describeModel, fetchJson, wireAbout } from "./model.js";
import { Notice } from "./notice.js";
import { Overlay } from "./overlay.js";
import { openPicture, predict, watchFiles } from "./picture.js";
import { Problem } from "./problem.js";
import { Reading } from "./reading.js";
import { Timing } from "./timing.js";

// Of frames 640 pixels wide: a face at arm's length to a step back. Half the time of looking for every smaller one.
const LIVE_FACE_PX = 54;
const ANNOUNCE_MS = 3000; // a screen reader cannot follow every frame

const byId = (id) => document.getElementById(id);
const video = byId("camera");
const heatmapSwitch = byId("heatmap");
const notice = new Notice();
const overlay = new Overlay(byId("view"));
const timing = new Timing();
const choice = new Choice();
const reading = new Reading(chooseFace);

/** @type {Live | null} */
let live = null;
/** @type {AbortController | null} the picture under way */
let upload = null;
let cropMargin = 0;
let largestBody;
let announcedAt = 0;

// --- modes: idle, asking (for the camera), live, reading (a picture), picture ----------------------

/** Shows the parts that belong to a mode: those whose data-in names it. */
function enter(mode, waiting = "") {
  document.body.dataset.mode = mode;
  for (const part of document.querySelectorAll("[data-in]")) part.hidden = !part.dataset.in.split(" ").includes(mode);
  byId("waiting-text").textContent = waiting;
}

/** Ends whatever runs and empties view and panel. */
function reset() {
  live?.stop();
  upload?.abort();
  live = upload = null;
  choice.choose(null);
  overlay.show(null);
  reading.clear();
  timing.clear();
  notice.clear();
  byId("empty").hidden = true;
  byId("view").ariaLabel = "Nothing is shown yet";
}

function goIdle(focus = true) {
  reset();
  enter("idle");
  // The button that was pressed is gone; the keyboard must not fall back to the top of the page.
  if (focus) byId("start").focus({ preventScroll: true });
}

// --- a scene on view and panel ---------------------------------------------------------------------

/** @returns {Promise<import("./overlay.js").Scene>} */
async function sceneOf(result, picture, mirrored) {
  return {
    picture,
    size: result.image,
    faces: result.faces,
    heatmaps: await Promise.all(result.faces.map(heatmapOf)),
    cropMargin,
    chosen: choice.find(result.faces),
    mirrored,
  };
}

function show(scene) {
  byId("stage").style.setProperty("--aspect", scene.size.width / scene.size.height);
  overlay.show(scene);
  reading.show(scene);
  const text = summary(scene);
  byId("view").ariaLabel = text;
  announce(text);
}

function summary({ faces, chosen }) {
  if (faces.length === 0) return "No face in view";
  const { emotion, confidence } = faces[chosen];
  return `${faces.length === 1 ? "One face" : `${faces.length} faces`}, ${emotion} ${percent(confidence)}`;
}

function announce(text) {
  const now = performance.now();
  if (now - announcedAt < ANNOUNCE_MS && live) return;
  announcedAt = now;
  byId("announcer").textContent = text;
}

function chooseFace(index) {
  const { scene } = overlay;
  if (!scene?.faces[index]) return;
  choice.choose(scene.faces[index]);
  show({ ...scene, chosen: index });
}

// --- live ------------------------------------------------------------------------------------------

async function startLive() {
  reset();
  enter("asking", "Your browser asks whether this page may use the camera.");
  byId("stop").focus({ preventScroll: true });
  const session = new Live(listener(() => live === session), { explain: explainOption(), min_face_px: LIVE_FACE_PX });
  live = session;
  try {
    if (!(await session.start(video))) return;
    video.classList.toggle("mirrored", session.mirrored);
    enter("live");
  } catch (error) {
    goIdle();
    notice.show(error instanceof Problem ? error : new Problem("The camera did not start", String(error)));
  }
}

/** What a live session tells; `current` is false once another has taken its place. */
function listener(current) {
  let newest = 0;
  return {
    onSession(session) {
      cropMargin = session.model.crop_margin;
      reading.labels = session.labels;
      notice.clear("stream");
    },
    async onResult(result, frame) {
      const scene = await sceneOf(result, frame.bitmap, live?.mirrored ?? true);
      if (!current() || result.frame_id < newest) {
        frame.bitmap.close();
        return;
      }
      newest = result.frame_id;
      show(scene);
      timing.add(frame.capturedAt, result);
      notice.clear("frame");
    },
    onTrouble(kind, detail) {
      if (!current()) return;
      if (kind !== "rejected") showUnread();
      const again = kind === "gone" || kind === "full";
      notice.show(troubleOf(kind, detail), {
        topic: kind === "rejected" ? "frame" : "stream",
        action: again ? ["Try now", () => live?.wake()] : undefined,
      });
    },
    onCameraEnded() {
      if (!current()) return;
      goIdle();
      notice.show(new Problem("The camera went away", "It was unplugged or taken from this page. Open it again."));
    },
  };
}

/** The plain camera picture: without answers there is nothing to draw on it. */
function showUnread() {
  overlay.show(null);
  reading.clear();
  timing.clear();
}

function troubleOf(kind, detail) {
  switch (kind) {
    case "gone":
      return new Problem("The server does not answer", "Trying again by itself; no frame leaves this page meanwhile.");
    case "full":
      return new Problem("The server is full", "Every live place is taken. Trying again every few seconds.");
    case "refused":
      return new Problem("The server refuses this stream", detail);
    default:
      return new Problem("A frame could not be read", detail);
  }
}

// --- pictures --------------------------------------------------------------------------------------

async function readPicture(file) {
  reset();
  timing.clear("picture");
  enter("reading", "Reading the picture…");
  upload = new AbortController();
  const { signal } = upload;
  const sentAt = performance.now();
  try {
    const [picture, result] = await Promise.all([openPicture(file), predict(file, largestBody, signal)]);
    const scene = await sceneOf(result, picture, false);
    if (signal.aborted) return;
    enter("picture");
    show(scene);
    timing.add(sentAt, result);
    byId("empty").textContent = emptyText(scene);
    byId("empty").hidden = byId("empty").textContent === "";
    byId("back").focus({ preventScroll: true });
  } catch (error) {
    if (signal.aborted) return;
    goIdle();
    notice.show(error instanceof Problem ? error : new Problem("The picture could not be shown", String(error)));
  }
}

function emptyText({ picture, faces }) {
  if (faces.length === 0) {
    return "No face was found in this picture."; // the panel says what helps
  }
  return picture ? "" : "The server has read this picture, but your browser cannot show it.";
}

// --- wiring ----------------------------------------------------------------------------------------

const explainOption = () => (heatmapSwitch.checked ? "gradcam" : "none");

byId("host").textContent = location.host;
byId("start").addEventListener("click", startLive);
byId("stop").addEventListener("click", () => goIdle());
byId("back").addEventListener("click", () => goIdle());
byId("view").addEventListener("click", (event) => chooseFace(overlay.faceAt(event)));
for (const button of document.querySelectorAll(".choose")) button.addEventListener("click", () => byId("file").click());
heatmapSwitch.addEventListener("change", () => {
  overlay.showsHeat = heatmapSwitch.checked;
  live?.update({ explain: explainOption() });
});
document.addEventListener("visibilitychange", () => !document.hidden && live?.wake());
// Leaving the page, or keeping it for the back button, must not keep the camera on.
window.addEventListener("pagehide", () => goIdle(false));
watchFiles({ input: byId("file"), curtain: byId("drop") }, readPicture, (problem) => notice.show(problem));
wireAbout();
paintScale(byId("heat-scale"));
overlay.showsHeat = heatmapSwitch.checked; // browsers restore a switch over a reload
reading.clear();

const [model, limits] = await Promise.all([fetchJson("v1/model"), fetchJson("v1/limits")]);
largestBody = limits?.max_body_bytes;
if (model) {
  cropMargin = model.crop_margin;
  reading.labels = model.labels;
  describeModel(model);
} else {
  notice.show(new Problem("The server does not answer", "It may still be starting. Reload the page in a moment."));
}
