import { systemClock } from "@pharos/adapters/node";
import { createEngine } from "@pharos/promql/engine";
import { type EvalReport, parsePromqlTest, runPromqlTest } from "@pharos/testing/promqltest";
import { nodeConfigEnvironment } from "../config-files.ts";
import { openEngineTarget } from "../promqltest-target.ts";

/**
 * `pharos promqltest FILE…`: runs files in the language of Prometheus's promqltest against our engine and store. Each
 * failure is printed with what was expected and what came; the last line counts.
 */
export async function promqltest(
  files: readonly string[],
  { verbose = false }: { readonly verbose?: boolean },
): Promise<void> {
  const { readFile } = nodeConfigEnvironment();
  const reports: EvalReport[] = [];
  await using target = await openEngineTarget(createEngine({ clock: systemClock }));
  for (const file of files) {
    for (const report of await runPromqlTest(parsePromqlTest(readFile(file), file), target)) {
      reports.push(report);
      if (report.status === "failed") process.stdout.write(failureText(report));
      else if (verbose) process.stdout.write(`ok ${report.file}:${report.line}: ${report.expr}\n`);
    }
  }
  const failed = reports.filter(({ status }) => status === "failed");
  const needing = (need: EvalReport["needs"]): number =>
    failed.filter(({ needs }) => needs === need).length;
  if (failed.length > 0)
    process.stdout.write(
      `Of the failed, ${needing("native histograms")} need native histograms, ${needing("feature flag")} need syntax ` +
        `behind a feature flag, ${needing(undefined)} neither.\n`,
    );
  process.stdout.write(`${reports.length - failed.length} passed, ${failed.length} failed\n`);
  process.exitCode = failed.length === 0 ? 0 : 1;
}

function failureText({ file, line, expr, expected, got, needs }: EvalReport): string {
  const why = needs === undefined ? "" : ` (needs ${needs})`;
  const indented = (text: string): string => text.trimEnd().replaceAll("\n", "\n    ");
  return `FAILED ${file}:${line}: ${expr}${why}\n  expected\n    ${indented(expected)}\n  got\n    ${indented(got)}\n`;
}
