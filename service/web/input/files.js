/** Files that a person gives to the page: chosen, dropped or pasted. */

import { Problem } from "../remote/problem.js";

const VIDEO_NAME = /\.(mp4|m4v|mov|webm|mkv|avi)$/i;

/** @param {File} file */
export const isVideo = ({ type, name }) => type.startsWith("video/") || (type === "" && VIDEO_NAME.test(name));

/**
 * Calls `onFiles` with the files that are chosen, dropped or pasted together.
 * @param {{input: HTMLInputElement, curtain: HTMLElement}} elements `curtain` is shown while a file is dragged
 * @param {(files: File[]) => void} onFiles
 * @param {(problem: Problem) => void} onProblem
 */
export function watchFiles({ input, curtain }, onFiles, onProblem) {
  input.addEventListener("change", () => {
    const files = [...(input.files ?? [])];
    input.value = ""; // so that choosing the same file again is a change
    if (files.length > 0) onFiles(files);
  });
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length > 0) onFiles(files);
  });
  let depth = 0; // enter and leave are sent for every element under the pointer
  /** @param {DragEvent} event */
  const isFile = (event) => event.dataTransfer?.types.includes("Files") ?? false;
  document.addEventListener("dragenter", (event) => {
    depth += 1;
    curtain.hidden = !isFile(event);
  });
  document.addEventListener("dragleave", () => {
    depth -= 1;
    if (depth <= 0) curtain.hidden = true;
  });
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    depth = 0;
    curtain.hidden = true;
    const files = [...(event.dataTransfer?.files ?? [])];
    if (files.length > 0) onFiles(files);
    else onProblem(new Problem("That was not a file", "Save the picture or video first, then drop the file here."));
  });
}
