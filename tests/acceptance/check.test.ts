// `pharos check` as a user calls it, and what promtool says of the same files.
import { equal, match } from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { findProgram, run, skipWithout } from "../harness/child.ts";
import { temporaryFolder } from "../harness/pharos-process.ts";

const launcher = resolve(import.meta.dirname, "../../pharos");

const GOOD = `groups:
  - name: a
    rules:
      - record: job:up:sum
        expr: sum by (job) (up)
      - alert: Down
        expr: up == 0
        for: 5m
`;

const DUPLICATE = `${GOOD}  - name: b
    rules:
      - record: job:up:sum
        expr: sum by (job) (up > 0)
`;

const LABELS_APART = `${GOOD}  - name: b
    rules:
      - record: job:up:sum
        expr: sum by (job) (up > 0)
        labels: { kind: alive }
`;

interface Case {
  readonly name: string;
  readonly command: "config" | "rules";
  /** The file, by itself or as the rule file of a configuration. */
  readonly text: string;
  readonly flags?: readonly string[];
  /** The exit code of both. */
  readonly code: 0 | 1 | 3;
}

const oneGroup = (rule: string): string => `groups: [{ name: a, rules: [${rule}] }]\n`;

const CASES: readonly Case[] = [
  { name: "good rules", command: "rules", text: GOOD, code: 0 },
  { name: "no rules", command: "rules", text: "groups: []\n", code: 0 },
  { name: "an empty file", command: "rules", text: "", code: 0 },
  {
    name: "an expression that does not parse",
    command: "rules",
    text: oneGroup("{ record: x, expr: sum(up }"),
    code: 1,
  },
  {
    name: "a template that does not parse",
    command: "rules",
    text: oneGroup("{ alert: X, expr: up, annotations: { s: '{{ $value ' } }"),
    code: 1,
  },
  {
    name: "a group twice",
    command: "rules",
    text: "groups: [{ name: a }, { name: a }]\n",
    code: 1,
  },
  { name: "an unknown key", command: "rules", text: "groups: [{ name: a, ruels: [] }]\n", code: 1 },
  {
    name: "`for` in a recording rule",
    command: "rules",
    text: oneGroup("{ record: x, expr: up, for: 1m }"),
    code: 1,
  },
  { name: "no YAML", command: "rules", text: "groups: [\n", code: 1 },
  { name: "duplicates", command: "rules", text: DUPLICATE, code: 0 },
  {
    name: "duplicates that are fatal",
    command: "rules",
    text: DUPLICATE,
    flags: ["--lint-fatal"],
    code: 3,
  },
  {
    name: "duplicates that nobody looks for",
    command: "rules",
    text: DUPLICATE,
    flags: ["--lint=none", "--lint-fatal"],
    code: 0,
  },
  {
    name: "rules of one name with different labels",
    command: "rules",
    text: LABELS_APART,
    flags: ["--lint=all", "--lint-fatal"],
    code: 0,
  },
  { name: "a configuration", command: "config", text: GOOD, flags: ["--lint-fatal"], code: 0 },
  {
    name: "a configuration with duplicates",
    command: "config",
    text: DUPLICATE,
    flags: ["--lint-fatal"],
    code: 3,
  },
  {
    name: "a configuration with an expression that does not parse",
    command: "config",
    text: oneGroup("{ record: x, expr: sum(up }"),
    flags: ["--lint-fatal"],
    code: 1,
  },
];

test("`check` judges files as promtool does", { skip: skipWithout("promtool") }, async (t) => {
  const promtool = findProgram("promtool") ?? "promtool";
  await using folder = await temporaryFolder();
  await writeFile(join(folder.path, "prometheus.yml"), "rule_files: [rules.yml]\n");
  for (const { name, command, text, flags = [], code } of CASES)
    await t.test(name, async () => {
      await writeFile(join(folder.path, "rules.yml"), text);
      const file = command === "rules" ? "rules.yml" : "prometheus.yml";
      const args = ["check", command, ...flags, file];
      const [ours, theirs] = await Promise.all(
        [launcher, promtool].map((program) => run(program, args, { cwd: folder.path })),
      );
      equal(theirs?.code, code, `promtool: ${theirs?.stdout}${theirs?.stderr}`);
      equal(ours?.code, code, `${ours?.stdout}${ours?.stderr}`);
    });
});

test("`check rules` reads standard input, for `-` and without a file", async () => {
  for (const args of [["-"], []]) {
    const { code, stdout } = await run(launcher, ["check", "rules", ...args], { input: GOOD });
    equal(code, 0);
    equal(stdout, "standard input: ok, 1 group, 2 rules found\n");
  }
  const { code, stdout } = await run(launcher, ["check", "rules", "-"], { input: "groups: 1\n" });
  equal(code, 1);
  match(stdout, /^standard input:1:9: groups: /);
});

test("what a lint finds is named with the rules that it is about", async () => {
  const { stdout } = await run(launcher, ["check", "rules"], { input: DUPLICATE });
  equal(
    stdout,
    `standard input: ok, 2 groups, 3 rules found
  standard input: lint: job:up:sum is written by several rules: rule 1 of group "a", rule 1 of group "b"
`,
  );
});

test("a job whose samples are too far apart is found by a lint of its own", async () => {
  await using folder = await temporaryFolder();
  const config = "scrape_configs: [{ job_name: slow, scrape_interval: 5m }, { job_name: fast }]\n";
  await writeFile(join(folder.path, "a.yml"), config);
  const check = (...flags: string[]) =>
    run(launcher, ["check", "config", ...flags, "a.yml"], { cwd: folder.path });
  equal((await check("--lint-fatal")).code, 0);
  const { code, stdout } = await check("--lint=too-long-scrape-interval", "--lint-fatal");
  equal(code, 3);
  equal(
    stdout,
    `a.yml: failed, 2 scrape jobs, 0 rules found
  a.yml: lint: job "slow" is scraped every 5m: its series have gaps, since queries look back 5m
`,
  );
});
