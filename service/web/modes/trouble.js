/** What can go wrong with a live session, in words. */

import { Problem } from "../remote/problem.js";

/** @typedef {import("../types.d.ts").Trouble} Trouble */

/** @param {Trouble} kind @param {string} detail */
export function problemOf(kind, detail) {
  switch (kind) {
    case "gone":
      return new Problem("The server does not answer", "The page tries again by itself; no frame is sent meanwhile.");
    case "full":
      return new Problem("The server is full", `${detail || "No place is left."} The page tries again every few seconds.`);
    case "refused":
      return new Problem("The server refuses this stream", detail);
    case "local":
      return new Problem("This browser could not run the model", detail);
    case "rejected":
      return new Problem("A frame could not be read", detail);
  }
}
