/** Which mode shows the files that a person gives. */

import { isVideo } from "../input/files.js";
import { Problem } from "../remote/problem.js";
import { PictureMode } from "./picture.js";
import { PicturesMode } from "./pictures.js";
import { VideoMode } from "./video.js";

/** @param {import("./page.js").Page} page @param {import("../view/player.js").Player} player @param {File[]} files at least one */
export function openFiles(page, player, files) {
  const [first] = files;
  const pictures = files.filter((file) => !isVideo(file));
  if (pictures.length > 0 && files.length > 1) PicturesMode.of(page, pictures).start();
  else if (first && isVideo(first)) new VideoMode(page, player, first).start();
  else if (first) new PictureMode(page, first).start();
  const isLeftOut = files.length > Math.max(1, pictures.length);
  if (isLeftOut) page.notice.show(new Problem("Videos are read one at a time", "Choose each by itself; the others were left out."));
}
