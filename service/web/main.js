/** The page: its modes, and what they have to do with each other. */

import { Cameras } from "./cameras.js";
import { isFilm, watchFiles } from "./files.js";
import { Film } from "./film.js";
import { FPS, linesOfBrowser, linesOfServer } from "./filmreader.js";
import { History } from "./history.js";
import { Live } from "./live.js";
import { LocalReader, LocalStream } from "./local.js";
import { describeModel, fetchJson, wireAbout } from "./model.js";
import { Notice } from "./notice.js";
import { openPicture, pixelsOf, predict } from "./picture.js";
import { Player, clock } from "./player.js";
import { Problem } from "./problem.js";
import { Raw } from "./raw.js";
import { asCsv, asJson, asWebVtt, caption } from "./records.js";
import { SaveMenu } from "./save.js";
import { Stage, summary } from "./stage.js";
import { Stream } from "./stream.js";
import { Timeline } from "./timeline.js";
import { Timing } from "./timing.js";

// Of frames 640 pixels wide: a face at arm's length to a step back. Half the time of looking for every smaller one.
const LIVE_FACE_PX = 54;
const ANNOUNCE_MS = 3000; // a screen reader cannot follow every frame

const byId = (id) => document.getElementById(id);
const camera = byId("camera");
const mirrorSwitch = byId("mirror");
const localSwitch = byId("local");
const notice = new Notice();
const timing = new Timing();
const history = new History();
const timeline = new Timeline(byId("timeline"), byId("timeline-text"));
const raw = new Raw();
const stage = new Stage(() => live?.update(stage.explanation), shown);
const player = new Player(byId("film"), showFilm);
const cameras = new Cameras(byId("cameras"), () => startLive(byId("cameras")));

/** @type {Live | null} */
let live = null;
/** @type {AbortController | null} the file under way */
let reading = null;
/** @type {File | null} the file that is shown */
let file = null;
/** @type {Film | null} */
let film = null;
/** Whether the film's reading ended with an error. */
let filmStopped = false;
/** @type {object | null} the last answer, as it came */
let answer = null;
/** @type {LocalReader | null} where this browser can run the model */
let local = null;
/** @type {boolean | null} what the person wants, over what the camera suggests */
let mirrored = null;
let limits = null;
let announcedAt = 0;

const isLocal = () => local !== null && localSwitch.checked;

// --- modes: idle, asking (for the camera), live, reading (a file), picture, film -------------------

/** Shows the parts that belong to a mode: those whose data-in names it. */
function enter(mode, waiting = "") {
  document.body.dataset.mode = mode;
  for (const part of document.querySelectorAll("[data-in]")) part.hidden = !part.dataset.in.split(" ").includes(mode);
  byId("waiting-text").textContent = waiting;
}

/** Ends whatever runs and empties view and panel. */
function reset() {
  live?.stop();
  reading?.abort();
  live = reading = file = film = null;
  filmStopped = false;
  player.close();
  stage.clear();
  answered(null);
  history.clear();
  timeline.clear();
  timing.clear();
  notice.clear();
  byId("empty").hidden = true;
  byId("announcer").textContent = ""; // of what is no longer shown
}

function goIdle(focus = true) {
  reset();
  enter("idle");
  // The button that was pressed is gone; the keyboard must not fall back to the top of the page.
  if (focus) byId("start").focus({ preventScroll: true });
}

function fail(error, title) {
  goIdle();
  notice.show(error instanceof Problem ? error : new Problem(title, String(error)));
}

function answered(result) {
  answer = result;
  raw.show(result);
}

function shown(scene) {
  const now = performance.now();
  if (live && now - announcedAt < ANNOUNCE_MS) return;
  if (film && player.playing) return;
  announcedAt = now;
  const words = scene.unread?.title ?? summary(scene);
  if (byId("announcer").textContent !== words) byId("announcer").textContent = words;
}

// --- live ------------------------------------------------------------------------------------------

/** @param {HTMLElement} [focus] what asked for it, where that stays in view */
async function startLive(focus) {
  reset();
  enter("asking", "Your browser asks whether this page may use the camera.");
  byId("stop").focus({ preventScroll: true });
  const session = new Live(
    () => (isLocal() ? new LocalStream(told, local, LIVE_FACE_PX) : new Stream(told, { ...stage.explanation, min_face_px: LIVE_FACE_PX })),
    () => live === session && fail(new Problem("The camera went away", "It was unplugged or taken from this page. Open it again.")),
  );
  const told = listener(() => live === session);
  live = session;
  try {
    if (!(await session.start(camera, cameras.chosen))) return;
    mirror();
    await cameras.refresh(session.camera.deviceId);
    if (live !== session) return;
    enter("live");
    focus?.focus({ preventScroll: true });
  } catch (error) {
    if (live === session) fail(error, "The camera did not start");
  }
}

const isMirrored = () => mirrored ?? live?.camera?.mirrored ?? true;

function mirror() {
  mirrorSwitch.checked = isMirrored();
  camera.classList.toggle("mirrored", isMirrored());
}

/** What a live session tells; `current` is false once another has taken its place. */
function listener(current) {
  let newest = 0;
  return {
    onSession({ model, labels }) {
      if (!current()) return;
      stage.cropMargin = model.crop_margin;
      stage.labels = labels;
      notice.clear("stream");
    },
    async onResult(result, frame) {
      const scene = await stage.sceneOf(result, frame.bitmap, isMirrored());
      if (!current() || result.frame_id < newest) {
        frame.bitmap.close();
        return;
      }
      newest = result.frame_id;
      stage.show({ ...scene, mirrored: isMirrored() });
      answered(result);
      remember(result, scene.chosen);
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
  };
}

function remember({ faces }, chosen) {
  // Half a minute of heatmaps would be megabytes.
  const plain = faces.map(({ explanations, heatmaps, ...face }) => face);
  history.add({ atMs: performance.now(), faces: plain, chosen });
  timeline.show(history, stage.labels);
}

/** The plain camera picture: without answers there is nothing to draw on it. */
function showUnread() {
  stage.empty();
  answered(null);
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
    case "local":
      return new Problem("This browser could not run the model", detail);
    default:
      return new Problem("A frame could not be read", detail);
  }
}

// --- pictures --------------------------------------------------------------------------------------

async function readPicture(given) {
  begin(given, "Reading the picture…");
  timing.clear("picture");
  const { signal } = reading;
  const sentAt = performance.now();
  try {
    const [picture, result] = await (isLocal() ? readHere(given) : Promise.all([openPicture(given), predict(given, limits?.max_body_bytes, signal)]));
    const scene = await stage.sceneOf(result, picture, false);
    if (signal.aborted) return;
    enter("picture");
    stage.show(scene);
    answered(result);
    timing.add(sentAt, result);
    byId("empty").textContent = emptyText(scene);
    byId("empty").hidden = byId("empty").textContent === "";
    byId("back").focus({ preventScroll: true });
  } catch (error) {
    if (!signal.aborted) fail(error, "The picture could not be shown");
  }
}

function begin(given, words) {
  reset();
  enter("reading", words);
  file = given;
  reading = new AbortController();
}

async function readSample() {
  try {
    const response = await fetch(byId("sample").querySelector("img").src);
    readPicture(new File([await response.blob()], "sample.jpg", { type: "image/jpeg" }));
  } catch (error) {
    fail(error, "The portrait could not be fetched");
  }
}

async function readHere(given) {
  const picture = await openPicture(given);
  if (!picture) throw new Problem("This browser cannot read the file", "It is damaged, or of a kind that only others know.");
  return [picture, await local.read(pixelsOf(picture))];
}

function emptyText({ picture, faces }) {
  if (faces.length === 0) {
    return "No face was found in this picture."; // the panel says what helps
  }
  return picture ? "" : "The server has read this picture, but your browser cannot show it.";
}

// --- films -----------------------------------------------------------------------------------------

async function readFilm(given) {
  begin(given, "Opening the film…");
  const { signal } = reading;
  const mine = new Film(FPS);
  try {
    const source = await player.open(given);
    if (signal.aborted) return;
    film = mine;
    const lines = isLocal() ? linesOfBrowser(source, local, signal) : linesOfServer(given, limits?.max_video_bytes, signal);
    for await (const line of lines) {
      if (signal.aborted) return;
      if (line.type === "error") throw new Problem(line.title, line.detail);
      filmRead(line);
    }
    if (mine.summary === null) throw new Problem("The film's end is missing", "The server stopped before it had read all of it.");
  } catch (error) {
    if (signal.aborted) return;
    if (mine.moments.length === 0) fail(error, "The film could not be read");
    else filmBroke(error);
  }
}

function filmRead(line) {
  const newest = film.moments.at(-1)?.time_s ?? 0;
  film.add(line);
  if (document.body.dataset.mode !== "film") {
    enter("film");
    byId("play").focus({ preventScroll: true });
    byId("empty").hidden = player.shown;
    byId("empty").textContent = "Your browser cannot play this film; this is what was read in it.";
    player.start();
  }
  if (!player.isLengthKnown) player.duration = film.readS;
  answered(line);
  paintStrip();
  byId("film-state").textContent = film.summary ? outcome(film.summary) : `Reading: ${progress()}`;
  // What is shown may have been waiting for this line.
  if (player.timeS >= newest || film.summary) showFilm(player.timeS);
}

function filmBroke(error) {
  const { title, detail } = error instanceof Problem ? error : new Problem("The server does not answer", "Look whether it is running, then try again.");
  notice.show(new Problem(title, `${detail} What was read before is kept.`));
  filmStopped = true;
  byId("film-state").textContent = `Stopped: ${progress()}`;
  showFilm(player.timeS);
}

const reached = () => (player.isLengthKnown ? `${clock(film.readS)} of ${clock(player.durationS)}` : clock(film.readS));
const progress = () => `${reached()}, ${film.moments.length} frames`;

/** What is said over a part of the film that nobody has looked at. */
function unreadPart() {
  if (film.summary) return { title: "Not read", detail: "No frame of this film was read." };
  return filmStopped
    ? { title: "Not read", detail: `Not read: the reading stopped at ${reached()}` }
    : { title: "Still reading", detail: `Reading: ${reached()}` };
}

function outcome({ duration_s: durationS, frames_analysed: frames, tracks }) {
  const faces = tracks.map((track) => `face ${track.track_id} mostly ${track.dominant} (${clock(track.from_s)} to ${clock(track.to_s)})`);
  return [`${frames} frames of ${clock(durationS)} read`, ...faces].join("; ");
}

function paintStrip() {
  player.paint(film.moments, (faces) => stage.look(faces), stage.labels, 1 / FPS, film.readS);
}

async function showFilm(timeS) {
  if (!film || document.body.dataset.mode !== "film") return;
  const known = film.facesAt(timeS);
  const faces = known ?? [];
  const unread = known ? undefined : unreadPart();
  player.remark = unread?.title ?? "";
  const size = player.shown ? player.size : extent(film.moments);
  stage.show(await stage.sceneOf({ image: size, faces }, player.shown ? byId("film") : null, false, unread));
  byId("caption").textContent = unread ? unread.detail : faces.map(caption).join(", ");
}

/** As much of a film's frame as its faces take up. */
function extent(moments) {
  const boxes = moments.flatMap(({ faces }) => faces.map(({ box }) => box));
  const reach = (of) => Math.max(1, ...boxes.map(of));
  return { width: reach(({ x, width }) => x + width), height: reach(({ y, height }) => y + height) };
}

// --- what can be kept ------------------------------------------------------------------------------

const JSON_TYPE = "application/json";
const text = (content, type) => new Blob([content], { type });

function choices() {
  const items = [];
  if (stage.scene) items.push(["Picture of the view (PNG)", "view.png", () => stage.snapshot()]);
  if (film) {
    const lines = () => [...film.moments, ...(film.summary ? [film.summary] : [])];
    items.push(
      ["The film's readings (JSON)", "film.json", () => text(asJson(lines()), JSON_TYPE)],
      ["The film's readings (CSV)", "film.csv", () => text(asCsv(film.moments, stage.labels), "text/csv")],
      ["The film's captions (WebVTT)", "film.vtt", () => text(asWebVtt(film.moments, player.durationS), "text/vtt")],
    );
    return items;
  }
  const result = answer;
  if (result) {
    items.push(
      ["This reading (JSON)", "reading.json", () => text(asJson(result), JSON_TYPE)],
      ["This reading (CSV)", "reading.csv", () => text(asCsv([{ index: 0, time_s: 0, faces: result.faces }], stage.labels), "text/csv")],
    );
  }
  if (live && history.instants.length > 0) {
    items.push(
      ["The last 30 seconds (JSON)", "last-30-s.json", () => text(asJson(history.moments), JSON_TYPE)],
      ["The last 30 seconds (CSV)", "last-30-s.csv", () => text(asCsv(history.moments, stage.labels), "text/csv")],
    );
  }
  return items;
}

// --- wiring ----------------------------------------------------------------------------------------

const readFile = (given) => (isFilm(given) ? readFilm(given) : readPicture(given));

/** Says where pixels go, and reads again what is shown. */
function whereChanged() {
  for (const part of document.querySelectorAll("[data-where]")) part.hidden = (part.dataset.where === "browser") !== isLocal();
  if (live) startLive(localSwitch);
  else if (file) readFile(file);
}

byId("host").textContent = location.host;
byId("start").addEventListener("click", () => startLive());
byId("sample").addEventListener("click", readSample);
byId("stop").addEventListener("click", () => goIdle());
byId("back").addEventListener("click", () => goIdle());
for (const button of document.querySelectorAll(".choose")) button.addEventListener("click", () => byId("file").click());
mirrorSwitch.addEventListener("change", () => {
  mirrored = mirrorSwitch.checked;
  mirror();
  stage.mirror(mirrored);
});
localSwitch.addEventListener("change", whereChanged);
document.addEventListener("visibilitychange", () => !document.hidden && live?.wake());
// Leaving the page, or keeping it for the back button, must not keep the camera on.
window.addEventListener("pagehide", () => goIdle(false));
watchFiles({ input: byId("file"), curtain: byId("drop") }, readFile, (problem) => notice.show(problem));
new SaveMenu(choices);
wireAbout();
timeline.clear();

const [model, given, abilities] = await Promise.all(["v1/model", "v1/limits", "page.json"].map(fetchJson));
limits = given;
if (model) {
  stage.cropMargin = model.crop_margin;
  stage.labels = model.labels;
  describeModel(model);
  if (abilities?.runtime) {
    local = new LocalReader(abilities.runtime, model);
    byId("local-choice").hidden = false;
    // Browsers restore a switch over a reload; where it is off, what was given meanwhile is already on its way.
    if (isLocal()) whereChanged();
  }
} else {
  notice.show(new Problem("The server does not answer", "It may still be starting. Reload the page in a moment."));
}
