/** Nothing is open: what can be opened, and the samples to try. */

import { byId } from "../dom.js";
import { address } from "../remote/address.js";

/**
 * @param {import("./page.js").Page} page
 * @param {{onCamera: () => void, onFile: (file: File) => void}} open
 */
export function wireIdle(page, { onCamera, onFile }) {
  byId("host").textContent = location.host;
  byId("start").addEventListener("click", onCamera);
  byId("samples").addEventListener("click", async (event) => {
    const button = event.target instanceof Element ? event.target.closest("button") : null;
    const name = button?.dataset.file;
    if (!name) return;
    try {
      const response = await fetch(address(`static/samples/${name}`));
      const file = await response.blob();
      onFile(new File([file], name, { type: file.type }));
    } catch (error) {
      page.fail(error, "The sample could not be fetched");
    }
  });
}
