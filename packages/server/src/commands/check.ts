import { text } from "node:stream/consumers";
import { OperatingError } from "@pharos/base";
import { loadNotificationConfig } from "../config/alertmanager/load-notification-config.ts";
import { formatDiagnosticLine } from "../config/diagnostics.ts";
import { chooseLints, duplicateRules, type Lint, longIntervals } from "../config/lint.ts";
import { loadConfig } from "../config/load-config.ts";
import { loadOnCallConfig } from "../config/oncall/load-oncall-config.ts";
import { unsupportedText } from "../config/read-yaml.ts";
import { loadRuleFile, loadRuleFiles } from "../config/rule-file.ts";
import { nodeConfigEnvironment } from "../config-files.ts";

/** Rules say their own interval or take that of a configuration, which is not known here; it does not matter for a check. */
const ANY_DEFAULTS = { evaluationIntervalMs: 60_000, ruleQueryOffsetMs: 0 };

/** As promtool ends where only lints found something, and that is to be fatal. */
const LINT_EXIT_CODE = 3;

/** Stands for standard input, as elsewhere on a command line. */
const STDIN = "-";

export interface CheckOptions {
  /** Which lints: names with commas between them, `all` or `none`. */
  readonly lint: string;
  readonly lintFatal?: boolean;
}

/** What is in a good file. */
interface Checked {
  readonly summary: string;
  /** What is worth knowing of it. */
  readonly remarks: readonly string[];
  /** What lints found. */
  readonly lints: readonly string[];
}

/** `pharos check config FILE…`: says of each file what is wrong with it, or what is in it. */
export function checkConfig(files: readonly string[], options: CheckOptions): void {
  const environment = nodeConfigEnvironment();
  const lints = lintsOf(options);
  for (const file of files)
    report(file, options, () => {
      const { config, unsupported, warnings } = loadConfig(
        environment.readFile(file),
        file,
        environment,
      );
      const rules = loadRuleFiles(config.ruleFiles, ANY_DEFAULTS, environment);
      return {
        summary: `${counted(config.scrapeJobs.length, "scrape job")}, ${counted(countRules(rules.groups), "rule")} found`,
        remarks: [
          ...unsupported.map(unsupportedText),
          ...warnings,
          ...rules.warnings.map(formatDiagnosticLine),
        ],
        lints: [
          ...(lints.has("duplicate-rules") ? duplicateRules(rules.groups) : []),
          ...(lints.has("too-long-scrape-interval") ? longIntervals(config.scrapeJobs, file) : []),
        ],
      };
    });
}

/**
 * `pharos check alertmanager FILE…`: says of each file what is wrong with it, or what is in it, in the words of
 * `amtool check-config`.
 */
export function checkAlertmanager(files: readonly string[]): void {
  const environment = nodeConfigEnvironment();
  for (const file of files)
    try {
      const { config, unsupported, warnings } = loadNotificationConfig(
        environment.readFile(file),
        file,
        environment,
      );
      const remarks = [...unsupported.map(unsupportedText), ...warnings];
      const found = [
        "global config",
        "route",
        `${config.inhibitRules.length} inhibit rules`,
        `${config.receivers.length} receivers`,
        `${config.templates.length} templates`,
      ];
      process.stdout.write(
        [`Checking '${file}'  SUCCESS`, "Found:", ...found.map((one) => ` - ${one}`)]
          .concat(remarks.map(indented))
          .join("\n")
          .concat("\n\n"),
      );
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      process.stdout.write(`Checking '${file}'  FAILED:\n${error.message}\n\n`);
      process.exitCode = 1;
    }
}

/** `pharos check oncall FILE… --alertmanager-config FILE`. */
export function checkOnCall(
  files: readonly string[],
  { alertmanagerConfig }: { readonly alertmanagerConfig: string },
): void {
  const environment = nodeConfigEnvironment();
  for (const file of files)
    report(file, { lint: "none" }, () => {
      const { config: notifications, global } = loadNotificationConfig(
        environment.readFile(alertmanagerConfig),
        alertmanagerConfig,
        environment,
      );
      const { config, unsupported, warnings } = loadOnCallConfig(
        environment.readFile(file),
        file,
        { notifications, global },
        environment,
      );
      const { contacts, schedules, policies } = config.plan;
      const found = [
        counted(contacts.size, "contact"),
        counted(schedules.size, "schedule"),
        policies.length === 1 ? "1 policy" : `${policies.length} policies`,
      ];
      return {
        summary: `${found.join(", ")} found`,
        remarks: [...unsupported.map(unsupportedText), ...warnings],
        lints: [],
      };
    });
}

/** `pharos check rules [FILE…]`; without files, and for `-`, standard input. */
export async function checkRules(files: readonly string[], options: CheckOptions): Promise<void> {
  const environment = nodeConfigEnvironment();
  const lints = lintsOf(options);
  for (const file of files.length === 0 ? [STDIN] : files) {
    const given = file === STDIN ? await text(process.stdin) : undefined;
    const name = file === STDIN ? "standard input" : file;
    report(name, options, () => {
      const content = given ?? environment.readFile(file);
      const { groups, warnings } = loadRuleFile(content, name, ANY_DEFAULTS);
      return {
        summary: `${counted(groups.length, "group")}, ${counted(countRules(groups), "rule")} found`,
        remarks: warnings.map(formatDiagnosticLine),
        lints: lints.has("duplicate-rules") ? duplicateRules(groups) : [],
      };
    });
  }
}

function lintsOf({ lint }: CheckOptions): ReadonlySet<Lint> {
  const { lints, unknown } = chooseLints(lint);
  for (const name of unknown) process.stderr.write(`pharos: there is no lint ${name}\n`);
  return lints;
}

function countRules(groups: readonly { readonly rules: readonly unknown[] }[]): number {
  return groups.reduce((count, { rules }) => count + rules.length, 0);
}

/** "1 rule", "2 rules". */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/**
 * One line for a good file and one for each remark; all that is wrong for a bad one, and the exit code is 1. What lints
 * found is a remark, unless it is to be fatal: then the exit code is 3 where no file is bad.
 */
function report(file: string, { lintFatal = false }: CheckOptions, check: () => Checked): void {
  try {
    const { summary, remarks, lints } = check();
    const fails = lintFatal && lints.length > 0;
    process.stdout.write(
      [`${file}: ${fails ? "failed" : "ok"}, ${summary}`, ...[...remarks, ...lints].map(indented)]
        .join("\n")
        .concat("\n"),
    );
    if (fails) process.exitCode ??= LINT_EXIT_CODE;
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    process.stdout.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}

function indented(line: string): string {
  return `  ${line}`;
}
