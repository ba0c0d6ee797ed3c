/** Wiring: which part of the page starts which mode. */

import { byId } from "./dom.js";
import { Cameras } from "./input/cameras.js";
import { watchFiles } from "./input/files.js";
import { Mirror } from "./input/mirror.js";
import { LocalReader } from "./local/reader.js";
import { wireIdle } from "./modes/idle.js";
import { LiveMode } from "./modes/live.js";
import { openFiles } from "./modes/open.js";
import { Page } from "./modes/page.js";
import { VideoMode } from "./modes/video.js";
import { SaveMenu } from "./output/save.js";
import { askWith } from "./remote/key.js";
import { asProblem, Problem } from "./remote/problem.js";
import { Service } from "./remote/service.js";
import { describeModel, wireAbout } from "./view/about.js";
import { askForKey } from "./view/key-dialog.js";
import { Player } from "./view/player.js";

askWith(askForKey);
const page = new Page(new Service());

const camera = byId("camera", HTMLVideoElement);
const cameraList = byId("cameras", HTMLSelectElement);
const live = {
  video: camera,
  cameras: new Cameras(cameraList, () => startLive(cameraList)),
  mirror: new Mirror(camera, (isOn) => page.stage.mirror(isOn)),
};
/** @param {HTMLElement} [focus] */
const startLive = (focus) => void new LiveMode(page, live).start(focus);

const player = new Player(byId("video", HTMLVideoElement), (timeS) => {
  if (page.mode instanceof VideoMode) page.mode.show(timeS);
});
/** @param {File[]} files */
const readFiles = (files) => openFiles(page, player, files);

wireIdle(page, { onCamera: () => startLive(), onFile: (file) => readFiles([file]) });
wireAbout();
new SaveMenu(() => page.mode?.choices() ?? [], (error) => page.notice.show(asProblem(error, "The file could not be saved")));
const input = byId("file", HTMLInputElement);
watchFiles({ input, curtain: byId("drop") }, readFiles, (problem) => page.notice.show(problem));
for (const button of document.querySelectorAll(".choose")) button.addEventListener("click", () => input.click());
byId("stop").addEventListener("click", () => page.goIdle());
byId("back").addEventListener("click", () => page.goBack());
document.addEventListener("visibilitychange", () => !document.hidden && page.mode?.wake?.());
// A page that is left, or kept for the back button, must not keep the camera on.
window.addEventListener("pagehide", () => page.goIdle(false));

const { service } = page;
const [model, limits, abilities] = await Promise.all([service.model, service.limits, service.abilities]);
if (model && limits) {
  page.labels = model.labels;
  page.stage.hasVotes = await service.hasVotes;
  describeModel(model, await service.figures);
  page.detectors.offer(model);
  if (abilities?.runtime) page.local.offer(new LocalReader(abilities.runtime, model, limits));
} else if (service.needsKey) {
  page.notice.show(new Problem("This server needs a key", "Reload the page to give it one."));
} else {
  page.notice.show(new Problem("The server does not answer", "It may still be starting. Reload the page in a moment."));
}
