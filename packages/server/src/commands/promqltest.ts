import { systemClock } from "@pharos/adapters/node";
import { OperatingError } from "@pharos/base";
import { Kernels } from "@pharos/kernels";
import { createEngine } from "@pharos/promql/engine";
import {
  type EvalReport,
  type PromqlTestCommand,
  parsePromqlTest,
  runPromqlTest,
} from "@pharos/testing/promqltest";
import { nodeConfigEnvironment } from "../config-files.ts";
import { openEngineTarget } from "../promqltest-target.ts";

/** How the evaluations of one file went. */
interface FileSummary {
  readonly file: string;
  passed: number;
  /** The lines of those that failed. */
  readonly failedLines: number[];
  isUnreadable: boolean;
}

/**
 * `pharos promqltest FILE…`: runs files in the language of Prometheus's promqltest against our engine and store. Each
 * failure is printed with what was expected and what came, unless only the summary is wanted; a file that cannot be
 * read is one failure. Then each file with failures, or with `summary` each file, has a line that says where they are;
 * the last line counts.
 */
export async function promqltest(
  files: readonly string[],
  {
    verbose = false,
    summary = false,
  }: { readonly verbose?: boolean; readonly summary?: boolean } = {},
): Promise<void> {
  const summaries: FileSummary[] = [];
  const kernels = await Kernels.load();
  await using target = await openEngineTarget(createEngine({ clock: systemClock, kernels }));
  for (const file of files) {
    const found: FileSummary = { file, passed: 0, failedLines: [], isUnreadable: false };
    summaries.push(found);
    const commands = readCommands(file);
    if (commands === undefined) {
      found.isUnreadable = true;
      continue;
    }
    for (const report of await runPromqlTest(commands, target)) {
      if (report.status === "passed") found.passed++;
      else found.failedLines.push(report.line);
      if (report.status === "failed" && !summary) process.stdout.write(failureText(report));
      else if (verbose && report.status === "passed")
        process.stdout.write(`ok ${report.file}:${report.line}: ${report.expr}\n`);
    }
  }
  for (const found of summaries)
    if (summary || failuresOf(found) > 0) process.stdout.write(summaryText(found));
  const passed = summaries.reduce((total, found) => total + found.passed, 0);
  const failures = summaries.reduce((total, found) => total + failuresOf(found), 0);
  process.stdout.write(`${passed} passed, ${failures} failed\n`);
  process.exitCode = failures === 0 ? 0 : 1;
}

function failuresOf({ failedLines, isUnreadable }: FileSummary): number {
  return isUnreadable ? 1 : failedLines.length;
}

function summaryText(summary: FileSummary): string {
  const { file, passed, failedLines, isUnreadable } = summary;
  if (isUnreadable) return `${file}: cannot be read\n`;
  const where = failedLines.length === 0 ? "" : ` at line ${failedLines.join(", ")}`;
  return `${file}: ${passed} passed, ${failedLines.length} failed${where}\n`;
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

function failureText({ file, line, expr, expected, got }: EvalReport): string {
  const indented = (text: string): string => text.trimEnd().replaceAll("\n", "\n    ");
  return `FAILED ${file}:${line}: ${expr}\n  expected\n    ${indented(expected)}\n  got\n    ${indented(got)}\n`;
}
