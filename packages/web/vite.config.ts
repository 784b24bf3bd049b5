import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";
import { bundleBudget } from "./bundle-budget.ts";

// `vite` and `vite preview` show the page against a running server; PHAROS_URL names another one.
declare const process: { env: Record<string, string | undefined> };
const target = process.env["PHAROS_URL"] ?? "http://127.0.0.1:9090";
// The server refuses changes from pages of another host: it has to hear the one that the browser knows.
const proxy = { "/api": { target, changeOrigin: false } };

export default defineConfig({
  // Relative, so that the one <base href> in index.html decides under which prefix the page lives.
  base: "./",
  plugins: [react(), bundleBudget()],
  build: {
    target: "es2023",
    // The polyfill is an inline-free script too many: every browser of the target has modulepreload.
    modulePreload: { polyfill: false },
    // Fonts or images inlined as data: URIs would need a wider content security policy.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 900,
  },
  server: { proxy },
  preview: { proxy },
  test: {
    environment: "jsdom",
    // For one that hangs: on a busy machine the slowest take seconds.
    testTimeout: 60_000,
    include: ["test/**/*.test.{ts,tsx}"],
    // Styles are no part of what jsdom can show; one test reads the colours.
    css: { include: [/page\.css/] },
    setupFiles: ["test/setup.ts"],
    // Outside a bundle its CommonJS half would be taken, with a CodeMirror of its own beside ours.
    alias: [
      {
        find: /^@prometheus-io\/codemirror-promql$/,
        replacement: "@prometheus-io/codemirror-promql/dist/esm/index.js",
      },
    ],
    server: { deps: { inline: [/@prometheus-io/] } },
    isolate: false,
  },
});
