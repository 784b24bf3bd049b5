import { systemClock } from "@pharos/adapters/node";
import { OperatingError } from "@pharos/base";
import { createEngine } from "@pharos/promql/engine";
import {
  type EvalReport,
  type PromqlTestCommand,
  parsePromqlTest,
  runPromqlTest,
} from "@pharos/testing/promqltest";
import { nodeConfigEnvironment } from "../config-files.ts";
import { openEngineTarget } from "../promqltest-target.ts";

/**
 * `pharos promqltest FILE…`: runs files in the language of Prometheus's promqltest against our engine and store. Each
 * failure is printed with what was expected and what came; a file that cannot be read is one failure. The last line
 * counts.
 */
export async function promqltest(
  files: readonly string[],
  { verbose = false }: { readonly verbose?: boolean },
): Promise<void> {
  const reports: EvalReport[] = [];
  let unreadable = 0;
  await using target = await openEngineTarget(createEngine({ clock: systemClock }));
  for (const file of files) {
    const commands = readCommands(file);
    if (commands === undefined) {
      unreadable++;
      continue;
    }
    for (const report of await runPromqlTest(commands, target)) {
      reports.push(report);
      if (report.status === "failed") process.stdout.write(failureText(report));
      else if (verbose) process.stdout.write(`ok ${report.file}:${report.line}: ${report.expr}\n`);
    }
  }
  const failed = reports.filter(({ status }) => status === "failed");
  if (failed.length > 0) process.stdout.write(needsText(failed));
  const failures = failed.length + unreadable;
  process.stdout.write(`${reports.length - failed.length} passed, ${failures} failed\n`);
  process.exitCode = failures === 0 ? 0 : 1;
}

/** Undefined, and said why, for a file that is not there or not in the language. */
function readCommands(file: string): readonly PromqlTestCommand[] | undefined {
  try {
    return parsePromqlTest(nodeConfigEnvironment().readFile(file), file);
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    process.stdout.write(`FAILED ${error.message}\n`);
    return undefined;
  }
}

function failureText({ file, line, expr, expected, got, needs }: EvalReport): string {
  const why = needs === undefined ? "" : ` (needs ${needs})`;
  const indented = (text: string): string => text.trimEnd().replaceAll("\n", "\n    ");
  return `FAILED ${file}:${line}: ${expr}${why}\n  expected\n    ${indented(expected)}\n  got\n    ${indented(got)}\n`;
}

function needsText(failed: readonly EvalReport[]): string {
  const needing = (need: EvalReport["needs"]): number =>
    failed.filter(({ needs }) => needs === need).length;
  return (
    `Of the failed, ${needing("native histograms")} need native histograms, ${needing("feature flag")} need syntax ` +
    `behind a feature flag, ${needing(undefined)} neither.\n`
  );
}
