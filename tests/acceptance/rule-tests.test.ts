// Tests of rules as a user runs them, with `pharos test rules`, and what `promtool test rules` says of the same files.
import { deepEqual, equal, match } from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { findProgram, run, skipWithout } from "../harness/child.ts";
import { temporaryFolder } from "../harness/pharos-process.ts";

const launcher = resolve(import.meta.dirname, "../../pharos");

const RULES = `
groups:
  - name: base
    rules:
      - record: job:requests:rate5m
        expr: sum by (job) (rate(requests_total[5m]))
        labels: { team: web }
      - alert: Slow
        expr: job:requests:rate5m < 1
        for: 2m
        keep_firing_for: 0s
        labels: { severity: '{{ if eq $labels.job "slow" }}ticket{{ else }}page{{ end }}' }
        annotations:
          summary: '{{ $labels.job }} has {{ $value | humanize }} a second'
          where: '{{ $externalLabels.region }} {{ $externalURL }}'
  - name: sums
    interval: 5m
    rules:
      - record: all:requests:rate5m
        expr: sum(job:requests:rate5m)
      - alert: Absent
        expr: absent(requests_total)
`;

const BROKEN_RULES = `
groups:
  - name: broken
    rules:
      - record: one
        expr: label_replace(requests_total, "job", "same", "", "")
`;

const INPUT = `
    interval: 1m
    external_labels: { region: eu }
    external_url: http://pharos.example
    input_series:
      - series: 'requests_total{job="fast", instance="a"}'
        values: '0+120x20'
      - series: 'requests_total{job="slow", instance="a"}'
        values: '0+45x8 _x3 stale'
      - series: 'latency_seconds{job="slow", instance="b"}'
        values: '0 1e-3 -1 NaN'
`;

interface Case {
  readonly name: string;
  readonly rules?: string;
  /** What stands below the input series; or the whole file. */
  readonly questions?: string;
  readonly file?: string;
  readonly passes: boolean;
  /** Where the older promtool is known to say otherwise, why. */
  readonly promtoolDiffers?: string;
}

const CASES: readonly Case[] = [
  {
    name: "recorded values",
    questions: `
    promql_expr_test:
      - expr: job:requests:rate5m
        eval_time: 8m
        exp_samples:
          - { labels: 'job:requests:rate5m{job="fast", team="web"}', value: 2 }
          - { labels: 'job:requests:rate5m{job="slow", team="web"}', value: 0.75 }
      - expr: all:requests:rate5m > 0
        eval_time: 8m30s
        exp_samples: [{ labels: 'all:requests:rate5m', value: 2.75 }]
      - { expr: 'nothing_like_it', eval_time: 3m }
      - { expr: '1 + 1', eval_time: 3m, exp_samples: [{ value: 2 }] }`,
    passes: true,
  },
  {
    name: "a wrong value",
    questions: `
    promql_expr_test:
      - { expr: 'all:requests:rate5m', eval_time: 8m, exp_samples: [{ labels: 'all:requests:rate5m', value: 2.7 }] }`,
    passes: false,
  },
  {
    name: "a sample too many",
    questions: `
    promql_expr_test:
      - { expr: 'requests_total{job="fast"}', eval_time: 1m }`,
    passes: false,
  },
  {
    name: "a firing alert with its texts",
    questions: `
    alert_rule_test:
      - eval_time: 8m
        alertname: Slow
        exp_alerts:
          - exp_labels: { severity: ticket, job: slow, team: web }
            exp_annotations: { summary: slow has 750m a second, where: 'eu http://pharos.example' }`,
    passes: true,
  },
  {
    name: "an alert that is only pending",
    questions: `
    alert_rule_test:
      - { eval_time: 1m, alertname: Slow }
      - { eval_time: 4m, alertname: Absent }`,
    passes: true,
  },
  {
    name: "an alert that should not fire",
    questions: `
    alert_rule_test:
      - { eval_time: 8m, alertname: Slow }`,
    passes: false,
  },
  {
    name: "an annotation that is different",
    questions: `
    alert_rule_test:
      - eval_time: 8m
        alertname: Slow
        exp_alerts:
          - exp_labels: { severity: ticket, job: slow, team: web }
            exp_annotations: { summary: slow }`,
    passes: false,
  },
  {
    name: "series that went stale",
    questions: `
    promql_expr_test:
      - { expr: 'count(requests_total)', eval_time: 12m, exp_samples: [{ value: 1 }] }`,
    passes: true,
  },
  {
    name: "a rule that cannot be evaluated",
    rules: BROKEN_RULES,
    questions: `
    promql_expr_test:
      - { expr: 'vector(1)', eval_time: 3m, exp_samples: [{ value: 1 }] }`,
    passes: false,
  },
  {
    name: "an order of groups",
    file: `
rule_files: [rules.yml]
group_eval_order: [sums, base]
tests:
  - name: the sum is of the round before
${INPUT}
    promql_expr_test:
      - { expr: 'all:requests:rate5m', eval_time: 1m }`,
    passes: true,
  },
  {
    name: "an unknown group",
    file: `
rule_files: [rules.yml]
group_eval_order: [nobody]
tests: []`,
    passes: false,
    promtoolDiffers: "it does not look at the order where there is no test",
  },
  {
    name: "an unknown field",
    file: "rule_file: [rules.yml]\n",
    passes: false,
  },
  {
    name: "a wrong notation",
    file: `
rule_files: [rules.yml]
tests:
  - input_series: [{ series: 'up', values: '1+' }]
    promql_expr_test: [{ expr: 'up', eval_time: 0s, exp_samples: [{ labels: up, value: 1 }] }]`,
    passes: false,
  },
  {
    name: "an expression with a mistake",
    file: `
rule_files: [rules.yml]
tests:
  - promql_expr_test: [{ expr: 'sum(', eval_time: 0s }]`,
    passes: false,
  },
];

function fileOf({ file, questions = "" }: Case): string {
  return (
    file ??
    `rule_files: [rules.yml]\nevaluation_interval: 1m\ntests:\n  -${INPUT.slice(4)}${questions}\n`
  );
}

async function inFolder<T>(one: Case, use: (folder: string) => Promise<T>): Promise<T> {
  await using folder = await temporaryFolder();
  await writeFile(join(folder.path, "rules.yml"), one.rules ?? RULES);
  await writeFile(join(folder.path, "tests.yml"), fileOf(one));
  return await use(folder.path);
}

for (const one of CASES)
  test(`pharos test rules ${one.passes ? "passes" : "fails"} ${one.name}`, async () => {
    const { code, stdout, stderr } = await inFolder(one, (cwd) =>
      run(launcher, ["test", "rules", "tests.yml"], { cwd }),
    );
    equal(code, one.passes ? 0 : 1, stdout + stderr);
  });

test("promtool passes and fails the same test files", {
  skip: skipWithout("promtool"),
}, async () => {
  const verdicts: (readonly [string, boolean])[] = [];
  for (const one of CASES) {
    const { code } = await inFolder(one, (cwd) =>
      run(findProgram("promtool") ?? "promtool", ["test", "rules", "tests.yml"], { cwd }),
    );
    verdicts.push([one.name, code === 0]);
  }
  deepEqual(
    verdicts,
    CASES.map(({ name, passes, promtoolDiffers }) => [
      name,
      promtoolDiffers === undefined ? passes : !passes,
    ]),
  );
});

test("what is wrong is shown with what was expected and what came, and written for JUnit", async () => {
  const wrong = CASES.find(({ name }) => name === "a wrong value") as Case;
  await inFolder(wrong, async (cwd) => {
    const full = await run(launcher, ["test", "rules", "tests.yml"], { cwd });
    equal(
      full.stdout,
      `tests.yml
  FAILED:
    expr: "all:requests:rate5m", time: 8m,
        exp:
          all:requests:rate5m 2.7
        got:
          all:requests:rate5m 2.75
`,
    );
    const args = ["test", "rules", "tests.yml", "--diff", "--junit", "out.xml"];
    const { stdout } = await run(launcher, args, { cwd });
    match(stdout, /^ {8}-all:requests:rate5m 2\.7\n {8}\+all:requests:rate5m 2\.75$/m);
    const xml = await readFile(join(cwd, "out.xml"), "utf8");
    match(xml, /<testsuite name="tests\.yml" tests="1" failures="1"/);
    match(xml, /<failure message="expr: &quot;all:requests:rate5m&quot;, time: 8m,">/);
  });
});

test("a mistake in a test file is shown with its place", async () => {
  const notation = CASES.find(({ name }) => name === "a wrong notation") as Case;
  const { stdout } = await inFolder(notation, (cwd) =>
    run(launcher, ["test", "rules", "tests.yml"], { cwd }),
  );
  match(stdout, /tests\.yml:4:44: tests\[0\]\.input_series\[0\]\.values: column 2: expected/);
});

test("only tests whose name matches are run", async () => {
  const order = CASES.find(({ name }) => name === "an order of groups") as Case;
  const { stdout } = await inFolder(order, (cwd) =>
    run(launcher, ["test", "rules", "tests.yml", "--run", "^nothing"], { cwd }),
  );
  equal(stdout, "tests.yml\n  SUCCESS: 0 of 0 tests passed\n");
});
