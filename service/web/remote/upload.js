/** Files sent to the service, and its answers. */

import { megabytes } from "../view/format.js";
import { address } from "./address.js";
import { fetchWithKey } from "./key.js";
import { jsonLines } from "./ndjson.js";
import { Problem } from "./problem.js";

/** @typedef {{detector?: string, min_face_px?: number, explain?: string, target?: string, head?: string,
 *   from_s?: number, to_s?: number}} Options of both paths; those left out are the service's defaults */

/**
 * The service's answer to a picture. Raises Problem.
 * @param {Blob} file
 * @param {number | undefined} limitBytes the service's largest body, where it is known
 * @param {AbortSignal} signal
 * @param {Options} options
 * @returns {Promise<import("../contract.d.ts").Result>}
 */
export async function uploadPicture(file, limitBytes, signal, options) {
  const path = withQuery("v1/predict", options);
  const response = await upload(path, file, limitBytes, signal);
  return response.json();
}

/**
 * The lines of a video's reading. Raises Problem before the first line, and after it what the connection raises.
 * @param {File} file
 * @param {number | undefined} limitBytes
 * @param {AbortSignal} signal
 * @param {Options} options
 * @returns {AsyncGenerator<{value: import("../types.d.ts").VideoLine, text: string}>}
 */
export async function* uploadVideo(file, limitBytes, signal, options) {
  const response = await upload(withQuery("v1/predict/video", options), file, limitBytes, signal);
  if (response.body) yield* jsonLines(response.body);
}

/**
 * The video with its faces drawn, which the service makes while it reads the file once more. Raises Problem.
 * @param {File} file
 * @param {number | undefined} limitBytes
 * @param {AbortSignal} signal
 * @param {Options} options
 * @param {(bytes: number) => void} onBytes so much of it is here
 * @returns {Promise<Blob>} MP4
 */
export async function drawVideo(file, limitBytes, signal, options, onBytes) {
  const response = await upload(withQuery("v1/predict/video", { ...options, format: "mp4" }), file, limitBytes, signal);
  let bytes = 0;
  /** @type {TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>} */
  const counted = new TransformStream({
    transform(piece, out) {
      onBytes((bytes += piece.length));
      out.enqueue(piece);
    },
  });
  try {
    return await new Response(response.body?.pipeThrough(counted), { headers: { "Content-Type": "video/mp4" } }).blob();
  } catch {
    signal.throwIfAborted();
    throw new Problem("The annotated video could not be made", "The server stopped before its end.");
  }
}

/**
 * @param {string} path with its query
 * @param {Blob} file
 * @param {number | undefined} limitBytes
 * @param {AbortSignal} signal
 * @returns {Promise<Response>} its body is still to be read
 */
async function upload(path, file, limitBytes, signal) {
  if (limitBytes !== undefined && file.size > limitBytes) {
    const sizes = `It has ${megabytes(file.size)}; this server takes ${megabytes(limitBytes)}.`;
    throw new Problem("The file is too large", sizes);
  }
  // The service looks at the first bytes. A type by name (a file that ends in .json) would select another request form.
  const headers = { "Content-Type": "application/octet-stream" };
  let response;
  try {
    response = await fetchWithKey(address(path), { method: "POST", body: file, headers, signal });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new Problem("The server does not answer", "Check that it is running, then try again.");
  }
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  throw new Problem(problem.title ?? `The server answered ${response.status}`, problem.detail ?? "Try again later.", response.status);
}

/** @param {string} path @param {Record<string, string | number>} options */
function withQuery(path, options) {
  const query = new URLSearchParams(Object.entries(options).map(([name, value]) => [name, String(value)])).toString();
  return query === "" ? path : `${path}?${query}`;
}
