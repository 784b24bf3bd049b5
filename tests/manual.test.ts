// What the documents list, held against the code they are about.
import { deepEqual, ok } from "node:assert/strict";
import { glob, readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { test } from "node:test";
import { FUNCTIONS } from "@pharos/promql/syntax";
import { ENDPOINTS } from "../packages/api/src/endpoints.ts";
import { ADMIN_ACTIONS } from "../packages/server/src/http/admin-routes.ts";
import { READ_PATHS } from "../packages/server/src/http/read-routes.ts";
import { SERVE_OPTIONS } from "../packages/server/src/options.ts";

function rowsOf(markdown: string): readonly string[] {
  return markdown.split("\n").filter((line) => line.startsWith("| "));
}

test("the manual's table of options has every option with its alias and default", async () => {
  const rows = rowsOf(await readFile("docs/manual/configuration.md", "utf8"));
  for (const { flag, alias, fallback } of Object.values(SERVE_OPTIONS)) {
    const row = rows.find((line) => line.startsWith(`| \`${flag}`));
    ok(row !== undefined, `${flag} is in the manual`);
    const [, , shownAlias = "", shownDefault = ""] = row.split(/(?<!\\)\|/).map((s) => s.trim());
    deepEqual(
      [shownAlias, shownDefault],
      [
        alias === undefined ? "–" : `\`${alias}\``,
        // What is empty unless given has no default to show.
        fallback === undefined || fallback === "" ? shownDefault : `\`${fallback}\``,
      ],
      flag,
    );
  }
});

test("the manual names every path of the API", async () => {
  const manual = await readFile("docs/manual/querying.md", "utf8");
  const source = await readFile("packages/server/src/http/api.ts", "utf8");
  const served = [...source.matchAll(/serve\(\w+, "([^"]+)"/g)].map(([, name = ""]) => name);
  ok(served.length > 10, "the scan looked at something");
  const read = Object.values(READ_PATHS).map((path) => path.replace("/api/v1/", ""));
  const names = [
    ...served,
    ...read,
    ...Object.keys(ADMIN_ACTIONS).map((name) => `admin/tsdb/${name}`),
  ];
  const missing = names.filter(
    (name) =>
      !manual.includes(`/api/v1/${name.replace(":name", "<name>")}\``) &&
      !manual.includes(`\`${name.replace(/^(status|admin\/tsdb)\//, "")}\``),
  );
  deepEqual(missing, []);
});

test("the manual names every function of PromQL, the experimental ones with a star", async () => {
  const manual = await readFile("docs/manual/querying.md", "utf8");
  const functions = Object.entries(FUNCTIONS);
  ok(functions.length > 80, "the scan looked at something");
  const missing = functions.filter(
    ([name, { experimental }]) =>
      !new RegExp(`\`${name}\`${experimental ? "\\*" : "(?!\\*)"}`).test(manual),
  );
  deepEqual(
    missing.map(([name]) => name),
    [],
  );
});

test("the manual names every metric of Pharos", async () => {
  const manual = await readFile("docs/manual/operating.md", "utf8");
  const names = new Set<string>();
  for await (const path of glob("packages/server/src/**/*.ts")) {
    const source = await readFile(path, "utf8");
    for (const [, name = ""] of source.matchAll(/"(pharos_[a-z_]+)"/g)) names.add(name);
    if (path.endsWith("store-status.ts"))
      for (const [, name = ""] of source.matchAll(/(?:gauge|counter)\(\s*"([a-z_]+)"/g))
        names.add(name.startsWith("pharos_") ? name : `pharos_tsdb_${name}`);
  }
  ok(names.size > 20, "the scan looked at something");
  // A row may shorten the later names of one family: `pharos_tsdb_head_series`, `_head_chunks`.
  const shown = new Set<string>();
  for (const row of rowsOf(manual)) {
    const [first = "", ...rest] = [...row.matchAll(/`(_?[a-z][a-z_]+)`/g)].map(([, n = ""]) => n);
    shown.add(first);
    for (const name of rest)
      if (!name.startsWith("_")) shown.add(name);
      else
        for (const [at, letter] of [...first].entries())
          if (letter === "_") shown.add(first.slice(0, at) + name);
  }
  deepEqual(
    [...names].filter((name) => !shown.has(name)),
    [],
  );
});

test("every dependency has a row that says why it is there", async () => {
  const document = await readFile("docs/DEPENDENCIES.md", "utf8");
  const named = new Set<string>();
  for await (const path of glob("{package.json,packages/*/package.json}")) {
    const { dependencies = {}, devDependencies = {} } = JSON.parse(
      await readFile(path, "utf8"),
    ) as Readonly<Record<string, Readonly<Record<string, string>>>>;
    for (const name of Object.keys({ ...dependencies, ...devDependencies }))
      if (!name.startsWith("@pharos/")) named.add(name);
  }
  const shown = rowsOf(document).flatMap((row) =>
    [...(row.split("|")[1] ?? "").matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name),
  );
  deepEqual([...new Set(shown)].sort(), [...named].sort());
});

/** The anchors that a Markdown page has, as they are made of its headings. */
function anchorsOf(markdown: string): ReadonlySet<string> {
  const headings = [...markdown.replaceAll(/^```.*?^```/gms, "").matchAll(/^#+ (.+)$/gm)];
  return new Set(
    headings.map(([, text = ""]) =>
      text
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
        .replaceAll(/\s/g, "-"),
    ),
  );
}

test("a link to a heading of a document finds it there", async () => {
  const problems: string[] = [];
  let linkCount = 0;
  for await (const page of glob("{*.md,docs/**/*.md,bench/*.md}")) {
    const text = (await readFile(page, "utf8")).replaceAll(/^```.*?^```/gms, "");
    for (const [, path = "", anchor = ""] of text.matchAll(/\]\(([^):\s#]*)#([^)\s]+)\)/g)) {
      linkCount++;
      const file = path === "" ? page : join(dirname(page), path);
      if (!anchorsOf(await readFile(file, "utf8")).has(anchor))
        problems.push(`${page}: ${path}#${anchor}`);
    }
  }
  ok(linkCount > 50, "the scan looked at something");
  deepEqual(problems, []);
});

test("every decision is in the list of decisions under its number and title", async () => {
  const list = await readFile("docs/decisions/index.md", "utf8");
  const missing: string[] = [];
  for await (const path of glob("docs/decisions/0*.md")) {
    const [, number = "", title = ""] =
      /^# (\d+)\. (.+)$/m.exec(await readFile(path, "utf8")) ?? [];
    const file = basename(path);
    if (
      !list.includes(`\n${number}. [${title}](${file})\n`) ||
      Number(file.slice(0, 4)) !== Number(number)
    )
      missing.push(path);
  }
  deepEqual(missing, []);
});

test("each collection of documents has its format", async () => {
  const described = new Set<string>();
  for await (const path of glob("docs/formats/*-documents.md")) {
    const text = await readFile(path, "utf8");
    for (const [, name = ""] of text.matchAll(/^## `([a-z_]+)`$/gm)) described.add(name);
  }
  const missing = new Set<string>();
  let collectionCount = 0;
  for await (const path of glob("packages/{notify,server}/src/**/*.ts")) {
    const source = await readFile(path, "utf8");
    for (const [, name = ""] of source.matchAll(/_COLLECTION = "([a-z_]+)"/g)) {
      collectionCount++;
      if (!described.has(name)) missing.add(name);
    }
  }
  ok(collectionCount > 10, "the scan looked at something");
  deepEqual([...missing], []);
});

test("the manual names every endpoint that the table of endpoints has", async () => {
  let manual = "";
  for await (const path of glob("docs/manual/*.md")) manual += await readFile(path, "utf8");
  const missing = ENDPOINTS.map(({ path }) => path).filter((path) => {
    // As it is, with <name> for {name}, or the end of it after another one: `…/<id>/enable`.
    const end = path
      .replaceAll(/\{\w+\}/g, "")
      .split("/")
      .findLast((part) => part !== "");
    return ![path, path.replaceAll(/\{(\w+)\}/g, "<$1>"), `${end ?? path}\``].some((text) =>
      manual.includes(text),
    );
  });
  deepEqual(missing, []);
});
