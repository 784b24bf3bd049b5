import { deepEqual, equal, match, ok } from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { run } from "./harness/child.ts";

/** A script whose imports are few. */
const SCRIPT = "scripts/fuzz-promql.ts";

const node = (...args: string[]): ReturnType<typeof run> =>
  run(process.execPath, ["--disable-warning=ExperimentalWarning", ...args]);

test("--help of a script says what it does and what may be said to it", async () => {
  const { code, stdout, stderr } = await node(SCRIPT, "--help");
  deepEqual([code, stderr], [0, ""]);
  match(stdout, /^Makes as many PromQL texts as wanted/);
  match(stdout, /\nOptions, with their defaults:\n {2}--runs 100000\n/);
});

test("an option that a script does not have is named, without a stack", async () => {
  const { code, stdout, stderr } = await node(SCRIPT, "--rums", "5");
  deepEqual([code, stdout], [2, ""]);
  match(stderr, /^Unknown option '--rums'/);
  match(stderr, /--runs 100000/);
  ok(!/^ {4}at /m.test(stderr), stderr);
});

test("every script that npm runs takes its options so", async () => {
  const { scripts } = JSON.parse(await readFile("package.json", "utf8")) as {
    readonly scripts: Readonly<Record<string, string>>;
  };
  const files = Object.values(scripts).flatMap((line) => /\S+\.ts$/.exec(line) ?? []);
  ok(files.length > 10, "the scan looked at something");
  const others: string[] = [];
  for (const file of files)
    if (!/\b(?:script|bench)Options\(/.test(await readFile(file, "utf8"))) others.push(file);
  equal(others.join(), "");
});
