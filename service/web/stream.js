// The example with the address of this very service.
const here = new URL("v1/stream", document.baseURI).href.replace(/^http/, "ws");
const example = document.getElementById("example");
if (example) example.textContent = example.textContent.replace("ws://127.0.0.1:8000/v1/stream", here);
