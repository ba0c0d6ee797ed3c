/** Pictures: taken from a file, a drop or the clipboard, and read by POST /v1/predict. */

import { address } from "./address.js";
import { Problem } from "./problem.js";

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
    else onProblem(new Problem("That was not a file", "Save the picture first, then drop the file here."));
  });
}

/** The picture upright, as its boxes refer to it; null where this browser cannot show it. */
export async function openPicture(file) {
  try {
    return await createImageBitmap(file);
  } catch {
    return null;
  }
}

/**
 * The server's Result. Raises Problem.
 * @param {File} file
 * @param {number | undefined} limitBytes the server's largest body, where it is known
 * @param {AbortSignal} signal
 */
export async function predict(file, limitBytes, signal) {
  if (file.type.startsWith("video/")) {
    throw new Problem("This is a video", "This page reads pictures and the live camera. Choose a JPEG, PNG or WebP.");
  }
  if (file.size > limitBytes) {
    const sizes = `It has ${megabytes(file.size)}; this server takes ${megabytes(limitBytes)}.`;
    throw new Problem("The picture is too large", sizes);
  }
  // The bytes say what they are; a name that ends in .json must not make them something else.
  const headers = { "Content-Type": "application/octet-stream" };
  let response;
  try {
    response = await fetch(address("v1/predict?explain=gradcam"), { method: "POST", body: file, headers, signal });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new Problem("The server does not answer", "Look whether it is running, then try again.");
  }
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  throw new Problem(answer.title ?? `The server answered ${response.status}`, answer.detail ?? "Try again later.");
}

const megabytes = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MB`;
