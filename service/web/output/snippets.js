/** What is on screen as code for curl, Python and JavaScript: the same request with the same options. */

/**
 * @typedef {Record<string, string | number>} Options of the service, beside its defaults
 * @typedef {{kind: "picture" | "pictures" | "video" | "live", files: string[], options: Options}} Request
 * @typedef {{curl: string, python: string, javascript: string}} Snippets
 */

const SAMPLES = { picture: "photo.jpg", pictures: "photo.jpg", video: "clip.mp4", live: "photo.jpg" };
const KEY = "YOUR_KEY";
const MOST_FILES = 3;

/**
 * @param {Request} request
 * @param {string} base the service's address, without a slash at its end
 * @param {boolean} hasKey whether the service needs a key, which is not shown
 * @returns {Snippets}
 */
export function snippets({ kind, files, options }, base, hasKey) {
  const named = files.map((name) => (/^[\w.-]+$/.test(name) && !name.startsWith("-") ? name : SAMPLES[kind]));
  const names = [...new Set(named.length > 0 ? named : [SAMPLES[kind]])].slice(0, MOST_FILES);
  const given = { names, options, base, hasKey };
  const missing = files.length > names.length ? `Shortened: ${names.length} of the ${files.length} files. Add the others after ${names.at(-1)}.` : "";
  const [hash, slashes] = ["# ", "// "].map((mark) => missing && `${mark}${missing}\n`);
  return { curl: hash + CURL[kind](given), python: hash + PYTHON[kind](given), javascript: slashes + JAVASCRIPT[kind](given) };
}

/** @typedef {{names: string[], options: Options, base: string, hasKey: boolean}} Given */
/** @typedef {Record<Request["kind"], (given: Given) => string>} Writers */

/** @param {string} path @param {Given} given */
function url(path, { base, options }) {
  const query = new URLSearchParams(Object.entries(options).map(([name, value]) => [name, String(value)])).toString();
  return `${base}/v1/${path}${query && "?"}${query}`;
}

/** @param {string[]} words @param {string} path @param {Given} given */
const curl = (words, path, given) =>
  ["curl", ...(given.hasKey ? [`-H 'Authorization: Bearer ${KEY}'`] : []), ...words, `'${url(path, given)}'`].join(" ");

/** @type {Writers} */
const CURL = {
  picture: (given) => curl([`--data-binary @${given.names[0]}`], "predict", given),
  pictures: (given) => curl(["-H 'Accept: application/x-ndjson'", ...given.names.map((name) => `-F file=@${name}`)], "predict/batch", given),
  video: (given) => curl([`--no-buffer --data-binary @${given.names[0]}`], "predict/video", given),
  live: (given) => `# One frame: curl keeps no stream open.\n${CURL.picture(given)}`,
};

/** @param {Given} given @param {string[]} lines inside the client's block */
const python = ({ base, hasKey }, ...lines) =>
  [
    "from fer_client import Client  # pip install ./client, of this project",
    "",
    `with Client("${base}"${hasKey ? `, api_key="${KEY}"` : ""}) as client:`,
    ...lines.map((line) => `    ${line}`),
  ].join("\n");

/** The options as keyword arguments. @param {Given} given */
const keywords = ({ options }) =>
  Object.entries(options)
    .map(([name, value]) => `, ${name}=${JSON.stringify(value)}`)
    .join("");

/** @type {Writers} */
const PYTHON = {
  picture: (given) =>
    python(
      given,
      `result = client.predict("${given.names[0]}"${keywords(given)})`,
      "for face in result.faces:",
      "    print(face.emotion, face.confidence, face.box)",
    ),
  pictures: (given) =>
    python(
      given,
      `files = [${given.names.map((name) => `"${name}"`).join(", ")}]`,
      `for path, result in client.predict_many(files${keywords(given)}):`,
      '    print(path, [face.emotion for face in result.faces] if hasattr(result, "faces") else result)',
    ),
  video: (given) =>
    python(
      given,
      `for line in client.video("${given.names[0]}"${keywords(given)}):`,
      '    if hasattr(line, "faces"):  # the last line is the summary',
      "        print(line.time_s, [face.emotion for face in line.faces])",
    ),
  live: (given) =>
    python(
      given,
      `frames = [open("${given.names[0]}", "rb").read()]  # any iterable of JPEG, PNG or WebP files`,
      `for answer in client.stream(frames${keywords(given)}):`,
      "    print([face.emotion for face in answer.faces])",
    ),
};

/** @param {Given} given @param {string} path @param {string} body @param {Record<string, string>} [more] headers */
function fetched(given, path, body, more = {}) {
  const headers = { ...(given.hasKey && { Authorization: `Bearer ${KEY}` }), ...more };
  const written = Object.keys(headers).length > 0 ? `, headers: ${JSON.stringify(headers)}` : "";
  return `const response = await fetch("${url(path, given)}", { method: "POST", body: ${body}${written} });`;
}

const READ = 'import { readFile } from "node:fs/promises"; // in a page: a file of <input type="file">';
// What ends with a line end: a line of a stream of them may come in pieces.
const LINES = [
  'let rest = "";',
  "for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {",
  '  const lines = (rest + piece).split("\\n");',
  "  rest = lines.pop();",
];

/** @type {Writers} */
const JAVASCRIPT = {
  picture: (given) =>
    [
      READ,
      "",
      fetched(given, "predict", `await readFile("${given.names[0]}")`),
      "const { faces } = await response.json();",
      "for (const { emotion, confidence, box } of faces) console.log(emotion, confidence, box);",
    ].join("\n"),
  pictures: (given) =>
    [
      'import { openAsBlob } from "node:fs"; // in a page: files of <input type="file" multiple>',
      "",
      "const form = new FormData();",
      `for (const name of ${JSON.stringify(given.names)}) form.append("file", await openAsBlob(name), name);`,
      fetched(given, "predict/batch", "form"),
      "for (const { result, error } of (await response.json()).entries) {",
      "  console.log(result ? result.faces.map((face) => face.emotion) : error.detail);",
      "}",
    ].join("\n"),
  video: (given) =>
    [
      READ,
      "",
      fetched(given, "predict/video", `await readFile("${given.names[0]}")`),
      ...LINES,
      "  for (const { time_s, faces } of lines.map(JSON.parse)) {",
      "    if (faces) console.log(time_s, faces.map((face) => face.emotion)); // the last line is the summary",
      "  }",
      "}",
    ].join("\n"),
  live: (given) =>
    [
      READ,
      "",
      `const frame = await readFile("${given.names[0]}"); // in a page: a canvas as JPEG, again and again`,
      `const socket = new WebSocket("${url("stream", { ...given, options: {} }).replace(/^http/, "ws")}", ["fer.v1"${given.hasKey ? `, "${KEY}"` : ""}]);`,
      "socket.onmessage = ({ data }) => {",
      "  const message = JSON.parse(data);",
      `  if (message.type === "session.created") socket.send(JSON.stringify(${JSON.stringify({ type: "session.update", ...given.options })}));`,
      '  if (message.type === "session.updated") socket.send(frame); // each answer allows one more',
      '  if (message.type === "error") console.error(message.detail);',
      '  if (message.type === "result") {',
      "    console.log(message.faces.map((face) => face.emotion));",
      "    socket.close();",
      "  }",
      "};",
    ].join("\n"),
};
