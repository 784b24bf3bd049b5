import { systemClock } from "@pharos/adapters/node";
import { openSqliteDocumentStore } from "@pharos/adapters/sqlite";
import type { RuleGroup } from "@pharos/alert";
import { compareLabels, errorText, OperatingError } from "@pharos/base";
import type { DocumentStore } from "@pharos/ports";
import type { Engine } from "@pharos/promql/engine";
import { loadedSamples, type SeriesToLoad } from "@pharos/testing/promqltest";
import { type EngineTarget, openEngineTarget } from "../promqltest-target.ts";
import { RuleGroupRunner } from "../rules/rule-group-runner.ts";
import { DEFAULT_RESEND_DELAY_MS } from "../rules/rule-surroundings.ts";
import { Semaphore } from "../rules/semaphore.ts";
import {
  checkAlerts,
  checkSamples,
  type FiringAlert,
  type GotSample,
  type RuleTestFailure,
} from "./rule-test-check.ts";
import type { ExprTest, RuleTest, RuleTestFile } from "./rule-test-file.ts";

/**
 * Runs one test: writes its input series to an empty store as time goes on, evaluates all rule groups at the file's
 * interval from the test's start to its last question, as `promtool test rules` does, and compares. The rules run in
 * what also runs them in the server; nothing waits. Ends early when a rule cannot be evaluated.
 */
export async function runRuleTest(
  file: RuleTestFile,
  test: RuleTest,
  engine: Engine,
): Promise<readonly RuleTestFailure[]> {
  await using target = await openEngineTarget(engine);
  await using documents = await openSqliteDocumentStore(":memory:");
  const input = new InputSeries(test);
  const runners = file.groups.map((group) => ruleRunner(group, test, target, documents));
  const failures: RuleTestFailure[] = [];
  const lastMs = Math.max(
    0,
    ...[...test.alertTests, ...test.exprTests].map(({ evalTimeMs }) => evalTimeMs),
  );
  for (let atMs = 0; atMs <= lastMs; atMs += file.evaluationIntervalMs) {
    await target.load(input.until(test.startMs + atMs));
    for (const runner of runners) await runner.evaluate(test.startMs + atMs);
    const broken = runners.flatMap((runner) => brokenRules(runner, atMs));
    if (broken.length > 0) return [...failures, ...broken];
    for (const alertTest of test.alertTests) {
      const { evalTimeMs, alertName } = alertTest;
      // What is asked between two evaluations is what the former one said.
      if (evalTimeMs < atMs || evalTimeMs >= atMs + file.evaluationIntervalMs) continue;
      const firing = runners.flatMap((runner) => firingAlerts(runner, alertName));
      failures.push(...checkAlerts(alertTest, firing));
    }
  }
  await target.load(input.until(test.startMs + lastMs));
  for (const exprTest of test.exprTests)
    failures.push(...(await runExprTest(file, test, exprTest, target)));
  return failures;
}

/** The input of a test, a piece at a time. */
class InputSeries {
  readonly #series: readonly SeriesToLoad[];
  /** How many samples of each were given. */
  readonly #given: number[];

  constructor({ series, startMs, intervalMs }: RuleTest) {
    this.#series = series.map(({ labels, points }) => ({
      labels,
      samples: loadedSamples(points, startMs, intervalMs),
    }));
    this.#given = series.map(() => 0);
  }

  /** What comes next, up to and including `timestampMs`. */
  until(timestampMs: number): readonly SeriesToLoad[] {
    return this.#series.flatMap(({ labels, samples }, at) => {
      const from = this.#given[at] as number;
      let to = from;
      while (to < samples.length && (samples[to]?.timestampMs as number) <= timestampMs) to++;
      this.#given[at] = to;
      return to === from ? [] : [{ labels, samples: samples.slice(from, to) }];
    });
  }
}

function ruleRunner(
  group: RuleGroup,
  { externalLabels, externalUrl }: RuleTest,
  target: EngineTarget,
  store: DocumentStore,
): RuleGroupRunner {
  return new RuleGroupRunner(
    group,
    {
      clock: systemClock,
      store,
      evaluate: (expr, timeMs) => target.evaluate(expr, timeMs),
      append: (batch) => target.append(batch),
      notify: async () => {},
      externalLabels: () => externalLabels,
      externalUrl,
      onProblem: () => {}, // Each rule keeps its last error, which is looked at after each evaluation.
    },
    { resendDelayMs: DEFAULT_RESEND_DELAY_MS, replicaPrefix: "" },
    new Semaphore(1),
  );
}

function brokenRules({ entries }: RuleGroupRunner, atMs: number): RuleTestFailure[] {
  return entries
    .filter(({ health }) => health === "err")
    .map(({ compiled, lastError }) => ({
      kind: "rule",
      rule: compiled.rule.name,
      atMs,
      lastError,
    }));
}

function firingAlerts({ entries }: RuleGroupRunner, name: string): FiringAlert[] {
  return entries.flatMap((entry) =>
    entry.kind === "alert" && entry.compiled.rule.name === name
      ? [...entry.state.alerts.values()].filter(({ state }) => state.phase === "firing")
      : [],
  );
}

async function runExprTest(
  { fuzzyCompare }: RuleTestFile,
  { startMs }: RuleTest,
  exprTest: ExprTest,
  target: EngineTarget,
): Promise<readonly RuleTestFailure[]> {
  const { expr, evalTimeMs } = exprTest;
  try {
    const samples = await samplesAt(target, expr, startMs + evalTimeMs);
    return checkSamples(exprTest, samples, fuzzyCompare);
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    return [{ kind: "expr-error", expr, atMs: evalTimeMs, lastError: errorText(error) }];
  }
}

async function samplesAt(
  target: EngineTarget,
  expr: string,
  timeMs: number,
): Promise<readonly GotSample[]> {
  const result = await target.evaluate(expr, timeMs);
  if (result.type === "scalar") return [{ labels: [], value: result.value, histogram: undefined }];
  if (result.type !== "vector")
    throw new OperatingError("query.failed", "the result is neither a vector nor a scalar");
  const { labels: labelSets, values, histograms } = result;
  return labelSets
    .map((labels, at) => ({ labels, value: values[at] as number, histogram: histograms?.get(at) }))
    .sort((a, b) => compareLabels(a.labels, b.labels));
}
