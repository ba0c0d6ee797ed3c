/** Files on their way to the server, and its problems on their way back. */

import { address } from "./address.js";
import { Problem } from "./problem.js";

/**
 * The server's answer to a file, its body still to be read. Raises Problem.
 * @param {string} path with its query
 * @param {File} file
 * @param {number | undefined} limitBytes the server's largest body, where it is known
 * @param {AbortSignal} signal
 * @returns {Promise<Response>}
 */
export async function upload(path, file, limitBytes, signal) {
  if (file.size > limitBytes) {
    const sizes = `It has ${megabytes(file.size)}; this server takes ${megabytes(limitBytes)}.`;
    throw new Problem("The file is too large", sizes);
  }
  // The bytes say what they are; a name that ends in .json must not make them something else.
  const headers = { "Content-Type": "application/octet-stream" };
  let response;
  try {
    response = await fetch(address(path), { method: "POST", body: file, headers, signal });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new Problem("The server does not answer", "Look whether it is running, then try again.");
  }
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  throw new Problem(problem.title ?? `The server answered ${response.status}`, problem.detail ?? "Try again later.");
}

const megabytes = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MB`;
