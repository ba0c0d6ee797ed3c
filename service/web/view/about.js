/** The dialog about the model. */

import { byId, create } from "../dom.js";
import { Bars } from "./bars.js";
import { paintConfusion } from "./confusion.js";

/**
 * @typedef {import("../types.d.ts").SplitFigures} SplitFigures
 * @typedef {import("../contract.d.ts").ModelDescription} ModelDescription
 */

/** The dialog opens with its button, at its top, and closes with a click beside it. */
export function wireAbout() {
  const dialog = byId("about", HTMLDialogElement);
  byId("about-open").addEventListener("click", () => {
    dialog.showModal();
    dialog.scrollTop = 0;
  });
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
}

/**
 * @param {ModelDescription} model
 * @param {Record<string, SplitFigures> | null} figures those of the model's card, by split; null: it has none
 */
export function describeModel(model, figures) {
  const version = byId("model-version");
  version.textContent = model.version.split("+")[0] ?? ""; // the dialog shows the whole version
  version.hidden = false;
  byId("about-labels").textContent = `${model.labels.length}`;
  byId("about-text").textContent =
    "It was measured on single faces of one data set. On other cameras, ages and people it may do worse.";
  showRows("about-facts", { ...(figures ? accuracies(figures) : accuracyOfFile(model)), ...votesOf(model) });
  showRows("about-file", {
    Name: model.name,
    Version: model.version,
    Labels: model.labels.join(", "),
    "SHA-256": model.sha256,
    Licence: model.licence,
  });
  const test = figures?.["test"];
  showRecall(model, test?.recall ?? model.metrics.recall);
  byId("about-confusion").hidden = !test?.confusion;
  if (test?.confusion) paintConfusion(byId("confusion", HTMLTableElement), test.confusion, model.labels);
  byId("about-card").hidden = figures === null;
}

/** What the card and the README say: which figure is which. @param {Record<string, SplitFigures>} figures */
function accuracies({ test, validation }) {
  return {
    "Accuracy, test": test && `${inWords(test)}. These faces were used for nothing else: the figure to quote.`,
    "Accuracy, validation": validation && `${inWords(validation)}. They chose the weights and fitted the calibration.`,
  };
}

/** @param {SplitFigures} figures */
function inWords({ accuracy, faces, accuracy_95: [low, high] }) {
  return `${share(accuracy)} of ${faces.toLocaleString("en")} faces (95 % interval ${share(low)} to ${share(high)})`;
}

/** Where nothing but the file itself is known. @param {ModelDescription} model */
function accuracyOfFile({ metrics }) {
  return { [`Accuracy${metrics.split ? `, ${metrics.split}` : ""}`]: share(metrics.accuracy), "Macro F1": share(metrics.macro_f1) };
}

/** @param {ModelDescription} model @returns {Record<string, string | undefined>} */
function votesOf({ heads }) {
  const votes = heads.find(({ option }) => option === "votes");
  if (!votes) return {};
  return {
    "Answer is what most people say": share(votes.metrics.agreement_of_emotions),
    "Votes are what most people say": share(votes.metrics.agreement),
    "When to use the answer": capitalised(heads.find(({ option }) => option === "emotions")?.use ?? ""),
    "When to use the votes": capitalised(votes.use),
  };
}

/** @param {string} id @param {Record<string, string | undefined>} facts those without a value are left out */
function showRows(id, facts) {
  const rows = Object.entries(facts).filter(([, value]) => value !== undefined);
  byId(id).replaceChildren(
    ...rows.flatMap(([name, value]) => [create("dt", { textContent: name }), create("dd", { textContent: value ?? "" })]),
  );
}

/** @param {ModelDescription} model @param {Record<string, number> | undefined} recall */
function showRecall({ labels }, recall) {
  byId("about-recall").hidden = !recall;
  if (!recall) return;
  const bars = new Bars(byId("about-bars", HTMLUListElement));
  bars.labels = labels;
  bars.show(recall);
}

/** @param {string} words */
const capitalised = (words) => words.charAt(0).toUpperCase() + words.slice(1);

/** @param {unknown} value */
const share = (value) => (typeof value === "number" ? `${(100 * value).toFixed(1)} %` : undefined);
