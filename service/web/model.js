/** What the server says of itself: its model, for the panel and the dialog, and its limits. */

import { address } from "./address.js";
import { Bars } from "./bars.js";
import { percent } from "./format.js";

const byId = (id) => document.getElementById(id);

/** @returns {Promise<object | null>} null where the server does not answer */
export async function fetchJson(path) {
  try {
    const response = await fetch(address(path));
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
}

/** The dialog about the model opens and closes. */
export function wireAbout() {
  const dialog = byId("about");
  byId("about-open").addEventListener("click", () => dialog.showModal());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
}

/** @param {object} model of GET /v1/model */
export function describeModel(model) {
  const metrics = model.metrics ?? {};
  byId("model-version").textContent = model.version.split("+")[0]; // the dialog has the whole
  byId("model-version").hidden = false;
  byId("about-text").textContent =
    `It was measured on single faces of one data set (${metrics.split ?? "its test split"}). ` +
    "On other cameras, ages and people it may do worse.";
  const facts = {
    Name: model.name,
    Version: model.version,
    Accuracy: share(metrics.accuracy),
    "Macro F1": share(metrics.macro_f1),
    Labels: model.labels.join(", "),
    "SHA-256": model.sha256,
    Licence: model.licence,
  };
  const rows = Object.entries(facts).filter(([, value]) => value !== undefined);
  byId("about-facts").replaceChildren(...rows.flatMap(([name, value]) => [cell("dt", name), cell("dd", value)]));
  if (metrics.recall) {
    byId("about-recall").hidden = false;
    const bars = new Bars(byId("about-bars"));
    bars.labels = model.labels;
    bars.show(metrics.recall);
  }
}

const share = (value) => (typeof value === "number" ? `${(100 * value).toFixed(1)} %` : undefined);

function cell(tag, text) {
  const element = document.createElement(tag);
  element.textContent = text;
  return element;
}
