import { writeFileSync } from "node:fs";
import { systemClock } from "@pharos/adapters/node";
import { compileRegexSearch, errorText, OperatingError } from "@pharos/base";
import { Kernels } from "@pharos/kernels";
import { createEngine } from "@pharos/promql/engine";
import { nodeConfigEnvironment } from "../config-files.ts";
import { failureLines } from "../rule-tests/rule-test-check.ts";
import { loadRuleTestFile, type RuleTest } from "../rule-tests/rule-test-file.ts";
import { runRuleTest } from "../rule-tests/rule-test-run.ts";
import { type JUnitSuite, junitXml } from "./junit.ts";

export interface TestRulesOptions {
  /** Only tests of which the name matches one of these. */
  readonly run?: readonly string[];
  /** Show only what differs of a failed comparison. */
  readonly diff?: boolean;
  /** Where to write the results in JUnit's format as well. */
  readonly junit?: string;
}

/**
 * `pharos test rules FILE…`: runs files of tests for alerting and recording rules, in the format of `promtool test
 * rules`. Says of each file whether it passes, and what is wrong; the exit code is 1 where something is.
 */
export async function testRules(
  files: readonly string[],
  { run = [], diff = false, junit }: TestRulesOptions = {},
): Promise<void> {
  const names = run.map(compileRegexSearch);
  const wanted = ({ name }: RuleTest): boolean =>
    names.length === 0 || names.some((pattern) => pattern.found(name));
  const suites: JUnitSuite[] = [];
  for (const file of files) {
    process.stdout.write(`${file}\n`);
    const suite = await runFile(file, wanted, diff);
    suites.push(suite);
    const failures = suite.cases.flatMap((one) => one.failures);
    if (failures.length === 0)
      process.stdout.write(
        `  SUCCESS: ${suite.cases.length} of ${suite.cases.length} tests passed\n`,
      );
    else process.stdout.write(`  FAILED:\n${failures.map(indented).join("")}`);
  }
  if (junit !== undefined) writeFileSync(junit, junitXml(suites));
  if (suites.some(({ cases }) => cases.some(({ failures }) => failures.length > 0)))
    process.exitCode = 1;
}

function indented(text: string): string {
  return text.replace(/^/gm, "    ").concat("\n");
}

async function runFile(
  file: string,
  wanted: (test: RuleTest) => boolean,
  diff: boolean,
): Promise<JUnitSuite> {
  const startMs = systemClock.monotonicMs();
  const cases: JUnitSuite["cases"][number][] = [];
  try {
    const loaded = loadRuleTestFile(file, nodeConfigEnvironment());
    const engine = createEngine({
      clock: systemClock,
      kernels: await Kernels.load(),
      defaultStepMs: loaded.evaluationIntervalMs,
    });
    for (const [at, test] of loaded.tests.entries()) {
      if (!wanted(test)) continue;
      const found = await runRuleTest(loaded, test, engine);
      const prefix = test.name === "" ? "" : `name: ${test.name}, `;
      const failures = found.map((failure) => prefix + failureLines(failure, diff).join("\n"));
      cases.push({ name: test.name === "" ? `#${at}` : test.name, failures });
    }
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    cases.push({ name: "the file itself", failures: [errorText(error)] });
  }
  return { name: file, seconds: (systemClock.monotonicMs() - startMs) / 1000, cases };
}
