/** Nothing is open: what can be opened, and the portrait to try. */

import { byId } from "../dom.js";

/**
 * @param {import("./page.js").Page} page
 * @param {{onCamera: () => void, onFile: (file: File) => void}} open
 */
export function wireIdle(page, { onCamera, onFile }) {
  byId("host").textContent = location.host;
  byId("start").addEventListener("click", onCamera);
  byId("sample").addEventListener("click", async () => {
    try {
      const response = await fetch(byId("sample-image", HTMLImageElement).src);
      onFile(new File([await response.blob()], "sample.jpg", { type: "image/jpeg" }));
    } catch (error) {
      page.fail(error, "The portrait could not be fetched");
    }
  });
}
