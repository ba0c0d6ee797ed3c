/**
 * The types of the service's answers, from openapi/: `npm run types` writes them to service/web/contract.d.ts, and a test
 * fails when that file is stale. The meanings stay in openapi/: other words there change nothing here.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { parse } from "yaml";

/** What the page reads; the schemas that these refer to come with them. */
const REST = ["Result", "VideoFrame", "VideoSummary", "VideoError", "ModelDescription", "Limits"];
const STREAM = ["SessionCreated", "StreamResult", "FrameDropped", "StreamError"];

const root = new URL("../../", import.meta.url);
const file = new URL("service/web/contract.d.ts", root);
/** @param {string} path */
const read = (path) => readFileSync(new URL(path, root), "utf8");

/** openapi/asyncapi.yaml as an object. @returns {any} */
export const asyncapi = () => parse(read("openapi/asyncapi.yaml"));

/** The file as it is. */
export const committed = () => readFileSync(file, "utf8");

/** The file as it should be. */
export function generated() {
  const openapi = JSON.parse(read("openapi/openapi.json"));
  const schemas = { ...asyncapi().components.schemas, ...openapi.components.schemas };
  /** @type {Map<string, string>} */
  const interfaces = new Map();
  const waiting = [...REST, ...STREAM];
  for (const name of waiting) {
    if (interfaces.has(name)) continue;
    if (!(name in schemas)) throw new Error(`openapi/ has no schema ${name}`);
    const text = interfaceOf(name, schemas[name]);
    interfaces.set(name, text);
    waiting.push(...[...JSON.stringify(schemas[name]).matchAll(/#\/components\/schemas\/(\w+)/g)].map(([, used = ""]) => used));
  }
  const sorted = [...interfaces].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, text]) => text);
  return ["/** The service's answers. Written by `npm run types` from openapi/; do not edit. */", ...sorted].join("\n\n") + "\n";
}

/** @param {string} name @param {any} schema */
function interfaceOf(name, { properties }) {
  // The service sends every member, also those that have a default.
  const members = Object.entries(properties).map(([member, given]) => `  ${member}: ${typeOf(given)};`);
  return `export interface ${name} {\n${members.join("\n")}\n}`;
}

/** A JSON schema as a TypeScript type. @param {any} schema @returns {string} */
function typeOf(schema) {
  if (schema.$ref) return schema.$ref.split("/").at(-1);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((/** @type {unknown} */ value) => JSON.stringify(value)).join(" | ");
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return choices.map(typeOf).join(" | ");
  switch (schema.type) {
    case "integer":
    case "number":
      return "number";
    case "array":
      return schema.items ? `Array<${typeOf(schema.items)}>` : "unknown[]";
    case "object":
      return `Record<string, ${typeof schema.additionalProperties === "object" ? typeOf(schema.additionalProperties) : "any"}>`;
    case "string":
    case "boolean":
    case "null":
      return schema.type;
    default:
      return "any";
  }
}

if (process.argv.includes("--write")) writeFileSync(file, generated());
