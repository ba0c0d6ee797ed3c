// Swagger UI, from files that this service holds: the page works with no network.

const SAMPLES = { image: "static/samples/portrait.jpg", video: "static/samples/portrait.mp4" };
const JSON_TYPE = "application/json";
const FORM_TYPE = "multipart/form-data";
const PART = "file"; // of a form

/** Below each form that takes a file: which one is chosen, that none is, and a sample to take. */
const files = ({ React: { createElement: element } }) => ({
  wrapComponents: {
    RequestBody: (Form) => (properties) => {
      const form = element(Form, properties);
      const { isExecute, contentType, requestBody } = properties;
      // Where no type was chosen yet, it is the first one.
      const type = contentType || requestBody.get("content").keySeq().first();
      if (!isExecute || type === JSON_TYPE) return form;
      return element("div", null, form, ...choice(element, properties, type));
    },
  },
  // What was entered into one form fits into no other.
  statePlugins: {
    oas3: {
      wrapActions: {
        setRequestContentType: (set, { oas3Actions }) => (change) => {
          const done = set(change);
          oas3Actions.setRequestBodyValue({ value: undefined, pathMethod: change.pathMethod });
          return done;
        },
      },
    },
  },
});

function choice(element, { specPath, requestBody, requestBodyValue: value, requestBodyErrors: errors, onChange }, type) {
  const path = type === FORM_TYPE ? [PART] : undefined;
  const isList = requestBody.getIn(["content", type, "schema", "properties", PART, "type"]) === "array";
  const kind = specPath.includes("/v1/predict/video") ? "video" : "image";
  const held = path ? value?.getIn?.([PART, "value"]) : value;
  const chosen = [...(isList ? (held ?? []) : [held])].filter((each) => each instanceof File);
  const isMissed = errors?.size > 0 || value?.getIn?.([PART, "errors"])?.size > 0;
  const take = async () => {
    const sample = await fileAt(SAMPLES[kind]);
    onChange(isList ? [sample, sample] : sample, path);
  };
  const names = chosen.map(({ name }) => name).join(", ");
  const needed = `Choose ${isList ? "files" : "a file"}${isMissed ? " first: nothing was sent" : ""}`;
  const words = chosen.length > 0 ? `Will be sent: ${names}` : `${needed}.`;
  const role = isMissed && chosen.length === 0 ? "alert" : "status";
  return [
    element("p", { role, key: role, className: "chosen" }, words),
    element("button", { type: "button", className: "btn", onClick: take }, `Take a sample ${kind}`),
  ];
}

async function fileAt(address) {
  const blob = await (await fetch(address)).blob();
  return new File([blob], address.split("/").at(-1), { type: blob.type });
}

/** What Swagger UI lacks, or has otherwise than it may be. */
const parts = ({ React: { createElement: element } }) => ({
  components: {
    // Its own is a link inside of a button. The page's address says what is opened without it.
    DeepLink: ({ text }) => element("span", null, text),
    JsonSchema_string_binary: ({ disabled, onChange }) =>
      element("input", { type: "file", disabled, onChange: ({ target }) => onChange(target.files[0]) }),
  },
});

const place = document.getElementById("swagger-ui");

/** Names for the fields that Swagger UI leaves without one, and the keyboard for what scrolls. */
function nameFields() {
  for (const field of place.querySelectorAll("select:not([aria-label]), input:not([aria-label]), textarea:not([aria-label])")) {
    const { paramName, propertyName } = field.closest("tr")?.dataset ?? {};
    field.ariaLabel = paramName ?? propertyName ?? (field.id === "servers" ? "Server" : "Request body");
  }
  for (const block of place.querySelectorAll("pre:not([tabindex])")) block.tabIndex = 0;
}

new MutationObserver(nameFields).observe(place, { childList: true, subtree: true });

const dark = matchMedia("(prefers-color-scheme: dark)");
const showScheme = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", showScheme);
showScheme();

const description = await (await fetch("openapi.json")).json();
window.SwaggerUIBundle({
  // Its requests go to where this page is, which may be a path of a larger site.
  spec: { ...description, servers: [{ url: new URL(".", location.href).pathname }] },
  dom_id: "#swagger-ui",
  deepLinking: true,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  syntaxHighlight: { theme: "obsidian" }, // the one whose colours are all easy to read
  plugins: [files, parts],
});
