import { OperatingError } from "@pharos/base";
import { formatDiagnosticLine } from "../config/diagnostics.ts";
import { loadConfig } from "../config/load-config.ts";
import { unsupportedText } from "../config/read-yaml.ts";
import { loadRuleFile, loadRuleFiles } from "../config/rule-file.ts";
import { nodeConfigEnvironment } from "../config-files.ts";

/** Rules say their own interval or take that of a configuration, which is not known here; it does not matter for a check. */
const ANY_DEFAULTS = { evaluationIntervalMs: 60_000, ruleQueryOffsetMs: 0 };

/** `pharos check config FILE…`: says of each file what is wrong with it, or what is in it. */
export function checkConfig(files: readonly string[]): void {
  const environment = nodeConfigEnvironment();
  for (const file of files)
    report(file, () => {
      const { config, unsupported, warnings } = loadConfig(
        environment.readFile(file),
        file,
        environment,
      );
      const rules = loadRuleFiles(config.ruleFiles, ANY_DEFAULTS, environment);
      return [
        `${counted(config.scrapeJobs.length, "scrape job")}, ${counted(countRules(rules.groups), "rule")}`,
        ...unsupported.map(unsupportedText),
        ...warnings,
        ...rules.warnings.map(formatDiagnosticLine),
      ];
    });
}

/** `pharos check rules FILE…`. */
export function checkRules(files: readonly string[]): void {
  const environment = nodeConfigEnvironment();
  for (const file of files)
    report(file, () => {
      const { groups, warnings } = loadRuleFile(environment.readFile(file), file, ANY_DEFAULTS);
      return [
        `${counted(groups.length, "group")}, ${counted(countRules(groups), "rule")}`,
        ...warnings.map(formatDiagnosticLine),
      ];
    });
}

function countRules(groups: readonly { readonly rules: readonly unknown[] }[]): number {
  return groups.reduce((count, { rules }) => count + rules.length, 0);
}

/** "1 rule", "2 rules". */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** One line for a good file and one for each remark; all that is wrong for a bad one, and the exit code is 1. */
function report(file: string, check: () => readonly string[]): void {
  try {
    const [summary, ...remarks] = check();
    process.stdout.write(
      `${file}: ok, ${summary}\n${remarks.map((line) => `  ${line}\n`).join("")}`,
    );
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    process.stdout.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}
