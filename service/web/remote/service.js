/** What the service says of itself, asked for once. */

import { address } from "./address.js";
import { Problem } from "./problem.js";

export class Service {
  /** @type {Promise<import("../contract.d.ts").ModelDescription | null>} null where the service does not answer */
  model = fetchJson("v1/model");
  /** @type {Promise<import("../contract.d.ts").Limits | null>} */
  limits = fetchJson("v1/limits");
  /** @type {Promise<{runtime: string | null} | null>} `runtime`: address of ONNX Runtime, null where it is missing */
  abilities = fetchJson("page.json");

  /** Raises Problem where the service does not answer. */
  async requireLimits() {
    const limits = await this.limits;
    if (limits === null) throw new Problem("The server does not answer", "Reload the page, then try again.");
    return limits;
  }
}

/** @param {string} path @returns {Promise<any>} null where the service does not answer */
async function fetchJson(path) {
  try {
    const response = await fetch(address(path));
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
}
