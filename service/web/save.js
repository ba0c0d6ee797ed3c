/** The menu of what can be kept. */

const byId = (id) => document.getElementById(id);

export class SaveMenu {
  #menu = byId("save");
  #list = byId("save-list");

  /** @param {() => [string, string, () => Blob | Promise<Blob>][]} choices words, file name and content; asked when it opens */
  constructor(choices) {
    this.#menu.addEventListener("toggle", () => {
      if (this.#menu.open) this.#list.replaceChildren(...choices().map((choice) => this.#item(...choice)));
    });
    this.#menu.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.#close();
    });
    document.addEventListener("pointerdown", (event) => {
      if (!this.#menu.contains(event.target)) this.#menu.open = false;
    });
  }

  #item(words, name, content) {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = words;
    button.addEventListener("click", async () => {
      this.#close();
      download(await content(), name);
    });
    item.append(button);
    return item;
  }

  #close() {
    this.#menu.open = false;
    this.#menu.querySelector("summary").focus();
  }
}

function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // The browser has begun to read it by the next turn.
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
