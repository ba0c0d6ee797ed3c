/** The dialog about the model. */

import { byId, create } from "../dom.js";
import { Bars } from "./bars.js";

/** The dialog opens with its button, and closes with a click beside it. */
export function wireAbout() {
  const dialog = byId("about", HTMLDialogElement);
  byId("about-open").addEventListener("click", () => dialog.showModal());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
}

/** @param {import("../contract.d.ts").ModelDescription} model */
export function describeModel(model) {
  const { metrics, heads } = model;
  const votes = heads.find(({ option }) => option === "votes");
  /** @param {"emotions" | "votes"} head */
  const use = (head) => capitalised(heads.find(({ option }) => option === head)?.use ?? "");
  const version = byId("model-version");
  version.textContent = model.version.split("+")[0] ?? ""; // the dialog shows the whole version
  version.hidden = false;
  byId("about-text").textContent =
    `It was measured on single faces of one data set (${metrics.split ?? "its test split"}). ` +
    "On other cameras, ages and people it may do worse.";
  /** @type {Record<string, string | undefined>} */
  const facts = {
    Name: model.name,
    Version: model.version,
    Accuracy: share(metrics.accuracy),
    "Macro F1": share(metrics.macro_f1),
    "Answer is what most people say": share(votes?.metrics.agreement_of_emotions),
    "Votes are what most people say": share(votes?.metrics.agreement),
    "When to use the answer": votes && use("emotions"),
    "When to use the votes": votes && use("votes"),
    Labels: model.labels.join(", "),
    "SHA-256": model.sha256,
    Licence: model.licence,
  };
  const rows = Object.entries(facts).filter(([, value]) => value !== undefined);
  byId("about-facts").replaceChildren(
    ...rows.flatMap(([name, value]) => [create("dt", { textContent: name }), create("dd", { textContent: value ?? "" })]),
  );
  if (metrics.recall) {
    byId("about-recall").hidden = false;
    const bars = new Bars(byId("about-bars", HTMLUListElement));
    bars.labels = model.labels;
    bars.show(metrics.recall);
  }
}

/** @param {string} words */
const capitalised = (words) => words.charAt(0).toUpperCase() + words.slice(1);

/** @param {unknown} value */
const share = (value) => (typeof value === "number" ? `${(100 * value).toFixed(1)} %` : undefined);
