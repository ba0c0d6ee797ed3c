/** The dialog that asks for the service's key. */

import { byId } from "../dom.js";

/** The key that the person gives; null: none. @param {boolean} again the last one was not the right one @returns {Promise<string | null>} */
export function askForKey(again) {
  const dialog = byId("key", HTMLDialogElement);
  const input = byId("key-input", HTMLInputElement);
  byId("key-wrong").hidden = !again;
  input.value = "";
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    const given = () => {
      const value = input.value.trim();
      input.value = "";
      resolve(dialog.returnValue === "use" && value !== "" ? value : null);
    };
    dialog.addEventListener("close", given, { once: true });
  });
}
