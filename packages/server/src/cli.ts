#!/usr/bin/env node
import { errorText, OperatingError } from "@pharos/base";
import { Argument, Command, Option } from "commander";
import { BUILD_INFO } from "./build-info.ts";
import type { ConfigFileKind } from "./config/json-schema.ts";
import {
  environmentName,
  type GivenOptions,
  IGNORED_OPTIONS,
  parseServeOptions,
  SERVE_OPTIONS,
  type ServeOptions,
} from "./options.ts";
import { startStoreWorker } from "./threads/store-worker-start.ts";

/** Exit codes as promtool has them: 1 for a failure, 2 for a wrong call (commander's is 1 unless told). */
const USAGE_ERROR = 2;

const program = new Command("pharos")
  .description("Metrics monitoring and alerting: scrape, store, query, alert, notify.")
  .version(BUILD_INFO.version)
  .showHelpAfterError("(pharos --help shows what there is)")
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : USAGE_ERROR));

const serveCommand = program
  .command("serve")
  .description("run the server")
  .action(async (flags: Record<string, string | true>) => {
    const options = optionsOrUsage(givenOptions(flags));
    const storeWorker = startStoreWorker(); // Loads its modules meanwhile.
    const { serve } = await import("./commands/serve.ts");
    await serve(options, storeWorker, ignoredOptions(flags));
  });

for (const { flag, value, alias, help, fallback, repeatable } of Object.values(SERVE_OPTIONS)) {
  const withValue = (name: string): string => (value === undefined ? name : `${name} <${value}>`);
  const shown = fallback === undefined ? "" : `; default ${fallback}`;
  const add = (option: Option): void => {
    if (repeatable)
      option.argParser((text, before: string | undefined) =>
        before === undefined ? text : `${before},${text}`,
      );
    serveCommand.addOption(option);
  };
  add(new Option(withValue(flag), `${help} (${environmentName(flag)}${shown})`));
  // Prometheus's own name for it, so that a unit file or a script can stay as it is.
  if (alias !== undefined) add(new Option(withValue(alias)).hideHelp());
}

for (const name of IGNORED_OPTIONS.keys())
  serveCommand.addOption(new Option(`${name} [value]`).hideHelp());

const check = program.command("check").description("check files without running them");
const lintOption = (): Option =>
  new Option(
    "--lint <names>",
    "what to look for in files that load: duplicate-rules, too-long-scrape-interval, all, none",
  ).default("duplicate-rules");
const LINT_FATAL = ["--lint-fatal", "end with exit code 3 where a lint finds something"] as const;
check
  .command("config")
  .argument("<file...>", "configuration files in Prometheus's format")
  .addOption(lintOption())
  .option(...LINT_FATAL)
  .description("check configurations and the rule files they name")
  .action(later(async () => (await import("./commands/check.ts")).checkConfig));
check
  .command("alertmanager")
  .argument("<file...>", "configuration files in Alertmanager's format")
  .description("check receivers, routes and templates, as amtool check-config does")
  .action(later(async () => (await import("./commands/check.ts")).checkAlertmanager));
check
  .command("oncall")
  .argument("<file...>", "files with contacts, schedules and escalation policies")
  .requiredOption("--alertmanager-config <file>", "the file with the receivers that they name")
  .description("check that every step of every policy reaches somebody")
  .action(later(async () => (await import("./commands/check.ts")).checkOnCall));

const KINDS = [
  "prometheus",
  "rules",
  "alertmanager",
  "oncall",
] as const satisfies readonly ConfigFileKind[];
program
  .command("schema")
  .addArgument(new Argument("<kind>", "of configuration file").choices(KINDS))
  .description("print the JSON Schema of a configuration file, for completion in editors")
  .action(later(async () => (await import("./commands/schema.ts")).printSchema));
check
  .command("rules")
  .argument("[file...]", "rule files; - for standard input, which is read without a file, too")
  .addOption(lintOption())
  .option(...LINT_FATAL)
  .description("check rule files")
  .action(later(async () => (await import("./commands/check.ts")).checkRules));

program
  .command("test")
  .description("run tests of what was configured")
  .command("rules")
  .argument("<file...>", "files of tests, in the format of promtool's")
  .option("--run <pattern...>", "only tests whose name matches one of these regular expressions")
  .option("--diff", "of what is wrong show only what is missing (-) and what is too much (+)")
  .option("--junit <file>", "write the results to this file, too, as JUnit does")
  .description("run tests of alerting and recording rules")
  .action(later(async () => (await import("./commands/test-rules.ts")).testRules));

const import_ = program
  .command("import")
  .description("bring samples from elsewhere into a data folder that no server uses");
const dataOption = (): Option =>
  new Option("--data <folder>", "the data folder to import into")
    .default("./data")
    .env(environmentName("--data"));
import_
  .command("prometheus")
  .argument("<folder>", "a data folder of Prometheus's, or one of its snapshots")
  .addOption(dataOption())
  .description("import all blocks of a Prometheus, and what it had in memory")
  .action(later(async () => (await import("./commands/import.ts")).importPrometheus));
import_
  .command("openmetrics")
  .argument("<file>", "a text with timestamps; - for standard input")
  .addOption(dataOption())
  .addOption(
    new Option("--format <name>", "openmetrics has timestamps in seconds, prometheus in ms")
      .choices(["openmetrics", "prometheus"])
      .default("openmetrics"),
  )
  .description("import samples from a text in OpenMetrics or in Prometheus's text format")
  .action(later(async () => (await import("./commands/import.ts")).importOpenMetrics));
import_
  .command("victoria-metrics")
  .argument("<url>", "what stands before /api/v1/export")
  .addOption(dataOption())
  .option("--match <selector...>", "which series; one of the selectors is enough", [
    '{__name__!=""}',
  ])
  .option("--start <time>", "from when on, seconds since 1970 or a date; the earliest there is")
  .option("--end <time>", "until when; now")
  .description("import what a VictoriaMetrics exports")
  .action(later(async () => (await import("./commands/import.ts")).importVictoriaMetrics));

const tsdb = program
  .command("tsdb")
  .description("look into a data folder; all but snapshot also while a server uses it");
tsdb
  .command("verify")
  .argument("<folder>", "a data folder, or a snapshot")
  .description(
    "read every byte of blocks, rollups and log; the exit code is 1 where one is damaged",
  )
  .action(later(async () => (await import("./commands/tsdb.ts")).verify));
tsdb
  .command("dump")
  .argument("<folder>", "a data folder, or a snapshot")
  .option("--match <selector>", "only the series that it matches")
  .option("--min-time <time>", "from when on, ms since 1970 or a date")
  .option("--max-time <time>", "until when, ms since 1970 or a date")
  .option("--tier <name>", "rows of a rollup tier instead of samples")
  .addOption(
    new Option("--format <name>", "promtool has timestamps in ms, openmetrics in seconds")
      .choices(["promtool", "openmetrics"])
      .default("promtool"),
  )
  .description("print the samples in blocks")
  .action(later(async () => (await import("./commands/tsdb.ts")).dump));
tsdb
  .command("analyze")
  .argument("<folder>", "a data folder, or a snapshot")
  .option("--json", "for programs")
  .description("say where the bytes of each block are")
  .action(later(async () => (await import("./commands/tsdb.ts")).analyze));
tsdb
  .command("list")
  .argument("<folder>", "a data folder, or a snapshot")
  .description("print a line for each block")
  .action(later(async () => (await import("./commands/tsdb.ts")).list));
tsdb
  .command("snapshot")
  .argument("<folder>", "a data folder that no server uses")
  .option("--skip-head", "leave out what is in no block yet")
  .description("copy what a server can start from to the folder's snapshots")
  .action(later(async () => (await import("./commands/tsdb.ts")).snapshot));

program
  .command("query")
  .argument("<expr>", "an expression in PromQL")
  .description("ask a running server and print what it answers")
  .addOption(
    new Option("--url <url>", "the server; any with Prometheus's API")
      .default("http://127.0.0.1:9090")
      .env("PHAROS_URL"),
  )
  .option("--time <time>", "at which time, seconds since 1970 or RFC 3339; now")
  .option("--range <duration>", "over which stretch of time up to there, such as 1h")
  .option("--step <duration>", "how far apart the points of a range are")
  .option("--timeout <duration>", "how long the query may take; the server's limit")
  .addOption(
    new Option("--format <name>", "how the answer is printed")
      .choices(["table", "json", "csv", "chart"])
      .default("table"),
  )
  .addOption(new Option("--explain", "print how the server would evaluate it").conflicts("cost"))
  .option("--cost", "print what it would read, without running it")
  .action(later(async () => (await import("./commands/query.ts")).query));

const incidents = program
  .command("incidents")
  .description("look at a server's incidents, and say that somebody is at them");
const incidentOptions = (command: Command): Command =>
  command
    .addOption(
      new Option("--url <url>", "the server").default("http://127.0.0.1:9090").env("PHAROS_URL"),
    )
    .addOption(
      new Option("--format <name>", "how the answer is printed")
        .choices(["table", "json"])
        .default("table"),
    );
incidentOptions(incidents.command("list"))
  .addOption(
    new Option("--status <name>", "only those").choices([
      "firing",
      "acknowledged",
      "resolved",
      "open",
    ]),
  )
  .option("--priority <name>", "only those of P1, P2, P3 or P4")
  .option("--rule <name>", "only those with an alert of this name")
  .option("--match <selector...>", "only those with an alert that one of these selects")
  .option("--limit <count>", "how many at most", "50")
  .description("print a line for each, the newest first")
  .action(later(async () => (await import("./commands/incidents.ts")).listIncidents));
incidentOptions(incidents.command("show").argument("<id>", "the incident"))
  .description("print its alerts and what happened to it")
  .action(later(async () => (await import("./commands/incidents.ts")).showIncident));
for (const [name, action, description] of [
  ["ack", "acknowledge", "say that somebody is at it: nobody is told of it meanwhile"],
  ["unack", "unacknowledge", "take that back"],
  ["resolve", "resolve", "call it over"],
  ["comment", "comment", "add to what is said of it"],
] as const) {
  const command = incidentOptions(incidents.command(name).argument("<id>", "the incident"))
    .option("--by <name>", "who does it; whoever runs this")
    .option("--comment <text>", "what they say about it")
    .description(description);
  if (name === "ack")
    command.option("--expires-in <duration>", "for how long; as long as it lasts");
  command.action(
    later(async () => (await import("./commands/incidents.ts")).actOnIncident(action)),
  );
}

const rules = program
  .command("rules")
  .description("rules of a running server that are made by requests");
const rulesUrl = (): Option =>
  new Option("--url <url>", "the server").default("http://127.0.0.1:9090").env("PHAROS_URL");
const AUTHOR = ["--author <name>", "who changes it; whoever runs this"] as const;
const COMMENT = ["--comment <text>", "why"] as const;
const rulesFormat = (): Option =>
  new Option("--format <name>", "how they are printed").choices(["table", "json"]).default("table");
rules
  .command("list")
  .addOption(rulesUrl())
  .addOption(new Option("--source <name>", "only these").choices(["api", "file"]))
  .addOption(rulesFormat())
  .description("list all rules with their state, those of files too")
  .action(later(async () => (await import("./commands/rules.ts")).listRules));
rules
  .command("get")
  .argument("<rule>", "its name or id")
  .addOption(rulesUrl())
  .description("print a rule")
  .action(later(async () => (await import("./commands/rules.ts")).getRule));
rules
  .command("apply")
  .argument("<file...>", "a rule in any form, or a rule file; - for standard input")
  .addOption(rulesUrl())
  .option(...AUTHOR)
  .option(...COMMENT)
  .description("make rules, or put them in the place of those of their names")
  .action(later(async () => (await import("./commands/rules.ts")).applyRules));
rules
  .command("delete")
  .argument("<rule...>", "names or ids")
  .addOption(rulesUrl())
  .option(...AUTHOR)
  .option(...COMMENT)
  .description("delete rules")
  .action(later(async () => (await import("./commands/rules.ts")).deleteRules));
for (const [name, description] of [
  ["enable", "evaluate rules again"],
  ["disable", "evaluate rules no more, and keep them; what they fired is over"],
] as const)
  rules
    .command(name)
    .argument("<rule...>", "names or ids")
    .addOption(rulesUrl())
    .option(...AUTHOR)
    .option(...COMMENT)
    .description(description)
    .action(later(async () => (await import("./commands/rules.ts"))[`${name}Rules`]));
rules
  .command("versions")
  .argument("<rule>", "its name or id")
  .addOption(rulesUrl())
  .addOption(rulesFormat())
  .description("say who changed a rule, when and why")
  .action(later(async () => (await import("./commands/rules.ts")).ruleVersions));
rules
  .command("rollback")
  .argument("<rule>", "its name or id")
  .argument("<version>", "which it is to be again")
  .addOption(rulesUrl())
  .option(...AUTHOR)
  .option(...COMMENT)
  .description("make a rule what it was, also one that was deleted")
  .action(later(async () => (await import("./commands/rules.ts")).rollbackRule));
rules
  .command("test")
  .argument("<file>", "a rule in any form; - for standard input")
  .addOption(rulesUrl())
  .option("--replay <duration>", "also when it would have fired, such as 7d")
  .addOption(rulesFormat())
  .description("say whether a rule would fire, without making it")
  .action(later(async () => (await import("./commands/rules.ts")).tryRule));

program
  .command("promqltest")
  .argument("<file...>", "files in the language of Prometheus's promqltest")
  .option("-v, --verbose", "name each evaluation, passed ones too")
  .option("-s, --summary", "only count, file by file, with the lines of what failed")
  .description("run PromQL test files and print what differs")
  .action(later(async () => (await import("./commands/promqltest.ts")).promqltest));

/** Loads a command when it is called: it need not wait for the modules of the others. */
function later<Args extends unknown[]>(
  load: () => Promise<(...args: Args) => void | Promise<void>>,
): (...args: Args) => Promise<void> {
  return async (...args) => (await load())(...args);
}

/** Flags by option key; a flag and its alias are the same option. */
function givenOptions(flags: Readonly<Record<string, string | true>>): GivenOptions {
  const given: Partial<Record<keyof ServeOptions, string>> = {};
  for (const [key, { flag, alias }] of Object.entries(SERVE_OPTIONS)) {
    const value = flags[attributeName(flag)] ?? (alias && flags[attributeName(alias)]);
    if (value !== undefined) given[key as keyof ServeOptions] = value === true ? "" : value;
  }
  return given;
}

/** What to say of the options that are given and have no meaning here. */
function ignoredOptions(flags: Readonly<Record<string, string | true>>): readonly string[] {
  return [...IGNORED_OPTIONS]
    .filter(([name]) => flags[attributeName(name)] !== undefined)
    .map(([name, reason]) => `${name} is ignored: ${reason}`);
}

/** A wrong value is a wrong call, as a wrong flag is. */
function optionsOrUsage(given: GivenOptions): ServeOptions {
  try {
    return parseServeOptions(given, process.env);
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    return serveCommand.error(`error: ${error.message}`);
  }
}

/** As commander names the attribute of a flag. */
function attributeName(flag: string): string {
  return new Option(flag).attributeName();
}

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof OperatingError)) throw error;
  process.stderr.write(`pharos: ${errorText(error)}\n`);
  process.exitCode = 1;
}
