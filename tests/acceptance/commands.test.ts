// The commands beside `serve`, as a user calls them: by the launcher in the root.
import { equal, match } from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { test } from "node:test";
import { run } from "../harness/child.ts";
import { temporaryFolder } from "../harness/pharos-process.ts";

const launcher = resolve(import.meta.dirname, "../../pharos");

/** Runs `./pharos` in a folder with these files; answers what it printed, and how it ended. */
async function pharos(
  args: readonly string[],
  files: Readonly<Record<string, string>> = {},
): Promise<{ code: number | null; lines: readonly string[]; stderr: string }> {
  await using folder = await temporaryFolder();
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder.path, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }
  const { code, stdout, stderr } = await run(launcher, args, { cwd: folder.path });
  return { code, lines: stdout.trimEnd().split("\n"), stderr };
}

test("a wrong call ends with exit code 2 and says what is wrong", async () => {
  for (const [args, said] of [
    [["serve", "--no-such-flag"], /unknown option '--no-such-flag'/],
    [["serve", "--retention", "soon"], /--retention soon: want a duration/],
    [["no-such-command"], /unknown command 'no-such-command'/],
    [["check", "config"], /missing required argument 'file'/],
  ] as const) {
    const { code, stderr } = await pharos(args);
    equal(code, 2, args.join(" "));
    match(stderr, said);
  }
});

test("flags of Prometheus that have no meaning here are no wrong call", async () => {
  const { code, stderr } = await pharos([
    ...["serve", "--storage.tsdb.wal-compression", "--storage.tsdb.min-block-duration=2h"],
    ...["--retention", "soon"],
  ]);
  equal(code, 2);
  match(stderr, /--retention soon: want a duration/);
});

test("`serve --help` names every option with its variable and default", async () => {
  const { code, lines } = await pharos(["serve", "--help"]);
  equal(code, 0);
  match(
    lines.join(" ").replaceAll(/\s+/g, " "),
    /--retention-size <size> how large blocks and log may be together; then the oldest blocks go\. 0 for no limit \(PHAROS_RETENTION_SIZE; default 0\)/,
  );
});

test("`check config` counts what a good file holds, with its rule files, and lists what is not done yet", async () => {
  const { code, lines } = await pharos(["check", "config", "good.yml"], {
    "good.yml":
      "rule_files: [rules/*.yml]\nscrape_configs: [{job_name: a}, {job_name: b}]\ntracing: {endpoint: x}\n",
    "rules/one.yml": "groups: [{name: g, rules: [{record: 'a:b', expr: up}]}]\n",
  });
  equal(code, 0);
  equal(lines[0], "good.yml: ok, 2 scrape jobs, 1 rule found");
  match(lines[1] ?? "", /^ {2}good\.yml:3:1: tracing is not supported yet/);
});

test("`check config` and `check rules` look at every file, and fail with the place of what is wrong", async () => {
  const files = {
    "bad.yml": "groups:\n  - name: g\n    rules:\n      - alert: A\n        expr: sum(\n",
    "good.yml": "groups: [{name: g, rules: [{alert: A, expr: up == 0}]}]\n",
    "config.yml": "rule_files: [bad.yml]\n",
  };
  const rules = await pharos(["check", "rules", "bad.yml", "good.yml"], files);
  equal(rules.code, 1);
  match(rules.lines[0] ?? "", /^bad\.yml:5:19: /);
  equal(rules.lines.at(-1), "good.yml: ok, 1 group, 1 rule found");
  const config = await pharos(["check", "config", "config.yml"], files);
  equal(config.code, 1);
  match(config.lines[0] ?? "", /bad\.yml:5:19: /);
});

const SCRIPT = `load 1m
  requests{path="/a"} 0+60x10

eval instant at 10m rate(requests[5m])
  {path="/a"} 1
`;

test("`promqltest` counts what passed, and says of a failure what was expected and what came", async () => {
  const good = await pharos(["promqltest", "good.test"], { "good.test": SCRIPT });
  equal(good.code, 0);
  equal(good.lines.at(-1), "1 passed, 0 failed");

  const bad = await pharos(["promqltest", "good.test", "bad.test", "broken.test", "gone.test"], {
    "good.test": SCRIPT,
    "bad.test": SCRIPT.replace('{path="/a"} 1\n', '{path="/a"} 2\n'),
    "broken.test": "lod 1m\n",
  });
  equal(bad.code, 1);
  equal(bad.lines.at(-1), "1 passed, 3 failed");
  const text = bad.lines.join("\n");
  match(
    text,
    /FAILED bad\.test:4: rate\(requests\[5m\]\)\n {2}expected\n {4}\{path="\/a"\} 2\n {2}got\n {4}\{path="\/a"\} 1@600000: 1, expected 2/,
  );
  match(text, /FAILED broken\.test:1: unknown command "lod 1m"/);
  match(text, /FAILED gone\.test: no such file/);
});
