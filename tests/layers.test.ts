import { deepEqual, ok } from "node:assert/strict";
import { glob, readFile } from "node:fs/promises";
import { test } from "node:test";

/** Each package and what its `src` may import. A package may name only those above it: no cycles. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  base: [],
  ports: ["base"],
  api: ["base"],
  testing: ["base", "ports"],
  kernels: ["base"],
  collect: ["base", "ports", "kernels"],
  tsdb: ["base", "ports", "kernels"],
  promql: ["base", "ports", "kernels"],
  alert: ["base", "promql/syntax"],
  notify: ["base", "ports", "alert"],
  adapters: ["base", "ports"],
  server: [
    ...["base", "ports", "api", "api/columns", "testing/promqltest", "kernels", "collect", "tsdb"],
    ...["promql/syntax", "promql/engine", "alert", "notify", "adapters/node", "adapters/sqlite"],
    ...["adapters/prometheus", "adapters/victoria-metrics", "adapters/smtp"],
    ...["adapters/postgres", "adapters/postgres/url"],
  ],
  web: ["base", "api", "api/columns", "alert", "promql/syntax"],
};

/** Folders whose code a browser runs as well: nothing of Node in them. */
const RUNS_IN_BROWSERS = [
  "packages/base/src/",
  "packages/ports/src/",
  "packages/api/src/",
  "packages/alert/src/",
  "packages/promql/src/syntax/",
  "packages/web/src/",
];

const IMPORT = /(?:from |import\(|import )"([^"]+)"/g;

test("packages import only what their layer allows", async () => {
  const names = Object.keys(MAY_IMPORT);
  for (const [at, name] of names.entries())
    for (const other of MAY_IMPORT[name] ?? [])
      ok(names.indexOf(other.split("/")[0] ?? "") < at, `${name} -> ${other} points up`);

  let importsSeen = 0;
  for await (const path of glob("packages/*/src/**/*.{ts,tsx}")) {
    const name = path.split("/")[1] ?? "";
    const source = await readFile(path, "utf8");
    for (const [, target = ""] of source.matchAll(IMPORT)) {
      if (RUNS_IN_BROWSERS.some((folder) => path.startsWith(folder)))
        ok(!target.startsWith("node:"), `${path} must run in a browser and imports ${target}`);
      if (!target.startsWith("@pharos/")) continue;
      importsSeen++;
      const other = target.slice("@pharos/".length);
      ok(MAY_IMPORT[name]?.includes(other), `${path}: ${name} may not import ${target}`);
    }
  }
  ok(importsSeen > 50, "the scan looked at something");
});

test("manifests list exactly the packages that their sources import", async () => {
  for (const name of Object.keys(MAY_IMPORT)) {
    const manifest = JSON.parse(await readFile(`packages/${name}/package.json`, "utf8")) as {
      dependencies?: Record<string, string>;
    };
    const imported = new Set<string>();
    for await (const path of glob(`packages/${name}/src/**/*.{ts,tsx}`)) {
      const source = await readFile(path, "utf8");
      for (const [, target = ""] of source.matchAll(IMPORT))
        if (target.startsWith("@pharos/")) imported.add(target.split("/").slice(0, 2).join("/"));
    }
    const listed = Object.keys(manifest.dependencies ?? {}).filter((key) =>
      key.startsWith("@pharos/"),
    );
    deepEqual(listed.sort(), [...imported].sort(), `packages/${name}/package.json`);
  }
});

test("the architecture's table of imports is this one", async () => {
  const document = await readFile("docs/ARCHITECTURE.md", "utf8");
  const table = document.split("| package | imports |")[1]?.split("\n\n")[0] ?? "";
  const shown: Record<string, readonly string[]> = {};
  for (const row of table.split("\n")) {
    const [packages = [], imports = []] = row
      .split("|")
      .slice(1, 3)
      .map((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name));
    for (const name of packages) shown[name] = imports;
  }
  for (const [name, others] of Object.entries(MAY_IMPORT)) {
    // The server connects everything, and the page has a part of `api` for itself.
    if (name === "server") continue;
    const expected = others.filter((other) => other !== "api/columns");
    deepEqual([...(shown[name] ?? [])].sort(), [...expected].sort(), name);
  }
});
