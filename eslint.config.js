/** Rules for the page's modules: mistakes, not style. */

import js from "@eslint/js";
import globals from "globals";

const WINDOW_PROPERTIES = ["close", "event", "focus", "frames", "length", "model", "name", "open", "parent", "status", "top"];

export default [
  { ignores: ["service/web/vendor/", "node_modules/", ".venv*/", ".cache/", "**/*.d.ts"] },
  js.configs.recommended,
  {
    files: ["**/*.js"],
    languageOptions: { ecmaVersion: 2025, sourceType: "module" },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      eqeqeq: "error",
      "max-lines": ["error", 250],
      "no-implicit-globals": "error",
      // Properties of `window` that nobody reads by their bare name may be names of ours; History, location … may not.
      "no-shadow": ["error", { builtinGlobals: true, hoist: "all", allow: WINDOW_PROPERTIES }],
      "no-unused-vars": ["error", { varsIgnorePattern: "^_+$", argsIgnorePattern: "^_" }],
      "no-var": "error",
      "prefer-const": "error",
    },
  },
  { files: ["service/web/**/*.js"], languageOptions: { globals: globals.browser } },
  { files: ["service/web/local/worker.js"], languageOptions: { globals: globals.worker } },
  { files: ["tests/web/**/*.js", "eslint.config.js"], languageOptions: { globals: globals.node } },
];
