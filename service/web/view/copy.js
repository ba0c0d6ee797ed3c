/** Buttons that copy a text. */

const COPIED_MS = 2000;

/** @param {HTMLButtonElement} button @param {() => string} text */
export function wireCopy(button, text) {
  button.hidden = !navigator.clipboard; // browsers give none to a page without https
  const name = button.ariaLabel;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text());
    button.textContent = button.ariaLabel = "Copied";
    setTimeout(() => Object.assign(button, { textContent: "Copy", ariaLabel: name }), COPIED_MS);
  });
}
