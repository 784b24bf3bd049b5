import { equal, ok } from "node:assert/strict";
import { existsSync } from "node:fs";
import { glob, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";

const SOURCES = "packages/*/src/**/*.{ts,tsx}";

/** What must not stand in a source, where it may all the same, and why. */
const FORBIDDEN: readonly {
  readonly what: RegExp;
  readonly why: string;
  readonly allowed: readonly string[];
}[] = [
  {
    what: /\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(|\bset(?:Timeout|Interval|Immediate)\(|\bAbortSignal\.timeout\(/,
    why: "time comes in as a Clock, so that a day of alerting runs in milliseconds in a test",
    allowed: ["adapters", "server", "web", "testing"],
  },
  {
    what: /\bMath\.random\(|\bcrypto\.(?:randomUUID|getRandomValues)\(|\brandomBytes\(/,
    why: "chance comes in as an Rng, so that a failing run can be replayed from its seed",
    allowed: ["adapters", "server", "web"],
  },
  {
    what: /"node:(?:fs|fs\/promises|http|https|net|child_process)"/,
    why: "files and network come in as ports",
    allowed: ["adapters", "server", "kernels"],
  },
  {
    what: /\bconsole\./,
    why: "the logger or the terminal writer is passed in",
    allowed: [],
  },
  {
    what: /\b(?:FIXME|TODO|XXX)\b/,
    why: "unfinished work is an issue, not a comment",
    allowed: [],
  },
  {
    what: /@ts-(?:ignore|nocheck|expect-error)/,
    why: "the type checker is not silenced",
    allowed: [],
  },
];

test("sources keep the house rules", async () => {
  let filesSeen = 0;
  for await (const path of glob(SOURCES)) {
    filesSeen++;
    const name = path.split("/")[1] ?? "";
    const lines = (await readFile(path, "utf8")).split("\n");
    for (const { what, why, allowed } of FORBIDDEN) {
      if (allowed.includes(name)) continue;
      const at = lines.findIndex((line) => what.test(line) && !/^\s*(?:\*|\/\/|\/\*)/.test(line));
      equal(at, -1, `${path}:${at + 1}: ${lines[at]?.trim()} (${why})`);
    }
  }
  ok(filesSeen > 100, "the scan looked at something");
});

test("no test is focused", async () => {
  for await (const path of glob("{packages/*/test,tests}/**/*.test.{ts,tsx}")) {
    const source = await readFile(path, "utf8");
    ok(!/\b(?:test|it|describe)\.only\(/.test(source), `${path} has .only`);
  }
});

test("every source is imported by another file", async () => {
  const imported = new Set<string>();
  const sources: string[] = [];
  for await (const path of glob(
    "{packages/*/{src,test,scripts},tests,bench,scripts}/**/*.{ts,tsx}",
  )) {
    if (path.includes("/src/")) sources.push(path);
    const source = await readFile(path, "utf8");
    for (const [, target = ""] of source.matchAll(
      /(?:from|import\(|import|new URL\()\s*"(\.[^"]+)"/g,
    ))
      imported.add(join(dirname(path), target));
  }
  /** Entry points, which are started and not imported. */
  const entries = [
    /\/src\/(?:[a-z-]+\/)*index\.ts$/,
    /^packages\/server\/src\/cli\.ts$/,
    /^packages\/web\/src\/main\.tsx$/,
    /\.bench\.ts$/,
    /\.d\.ts$/,
  ];
  const orphans = sources.filter(
    (path) => !imported.has(path) && !entries.some((entry) => entry.test(path)),
  );
  equal(orphans.join("\n"), "", "files that nobody imports");
});

test("documents have one title and no dead relative link", async () => {
  let linksSeen = 0;
  for await (const path of glob("{*.md,docs/**/*.md,packages/*/README.md}")) {
    const text = (await readFile(path, "utf8")).replaceAll(/```[\s\S]*?```/g, "");
    equal(text.match(/^# /gm)?.length ?? 0, 1, `${path} has one title`);
    for (const [, target = ""] of text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      linksSeen++;
      ok(existsSync(join(dirname(path), target)), `${path} links to ${target}, which is not there`);
    }
  }
  ok(linksSeen > 10, "the scan looked at something");
});

test("each format document names the file that implements it", async () => {
  for await (const path of glob("docs/formats/*.md")) {
    const text = await readFile(path, "utf8");
    const [named] = /packages\/[\w/.-]+\.ts/.exec(text) ?? [];
    ok(named !== undefined && existsSync(named), `${path} names an existing file`);
  }
});
