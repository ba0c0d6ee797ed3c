/** Files that a person gives to the page: chosen, dropped or pasted. */

import { Problem } from "./problem.js";

const FILM = /\.(mp4|m4v|mov|webm|mkv|avi)$/i;

/** @param {File} file */
export const isFilm = ({ type, name }) => type.startsWith("video/") || (type === "" && FILM.test(name));

/**
 * Hears of every file that is chosen, dropped or pasted.
 * @param {{input: HTMLInputElement, curtain: HTMLElement}} elements `curtain` shows while a file is dragged
 * @param {(file: File) => void} onFile
 * @param {(problem: Problem) => void} onProblem
 */
export function watchFiles({ input, curtain }, onFile, onProblem) {
  input.addEventListener("change", () => {
    const [file] = input.files;
    input.value = ""; // the same file again is a change, too
    if (file) onFile(file);
  });
  document.addEventListener("paste", (event) => {
    const [file] = event.clipboardData.files;
    if (file) onFile(file);
  });
  let depth = 0; // enter and leave come for every element on the way
  const isFile = (event) => event.dataTransfer.types.includes("Files");
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
    const [file] = event.dataTransfer.files;
    if (file) onFile(file);
    else onProblem(new Problem("That was not a file", "Save the picture or film first, then drop the file here."));
  });
}
