/** What the service says of itself, asked for once. */

import { address } from "./address.js";
import { fetchWithKey } from "./key.js";
import { Problem } from "./problem.js";

export class Service {
  /** The service wants a key, and got none that it knows. */
  needsKey = false;
  /** @type {Promise<import("../contract.d.ts").ModelDescription | null>} null where the service does not answer */
  model = this.#fetchJson("v1/model");
  /** @type {Promise<import("../contract.d.ts").Limits | null>} */
  limits = this.#fetchJson("v1/limits");
  /** @type {Promise<{runtime: string | null} | null>} `runtime`: address of ONNX Runtime, null where it is missing */
  abilities = this.#fetchJson("page.json");
  /** @type {Promise<Record<string, import("../types.d.ts").SplitFigures> | null>} the card's, by split; null: there are none */
  figures = this.#fetchJson("card.json");

  /** Whether the model has a votes head. */
  get hasVotes() {
    return this.model.then((model) => model?.heads.some(({ option }) => option === "votes") ?? false);
  }

  /** Raises Problem where the service does not answer. */
  async requireLimits() {
    const limits = await this.limits;
    if (limits === null && this.needsKey) throw new Problem("This server needs a key", "Reload the page to give it one.");
    if (limits === null) throw new Problem("The server does not answer", "Reload the page, then try again.");
    return limits;
  }

  /** @param {string} path @returns {Promise<any>} null where the service does not answer */
  async #fetchJson(path) {
    try {
      const response = await fetchWithKey(address(path));
      if (response.status === 401) this.needsKey = true;
      return response.ok ? await response.json() : null;
    } catch {
      return null;
    }
  }
}
