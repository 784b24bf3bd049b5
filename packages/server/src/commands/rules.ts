import { readFileSync } from "node:fs";
import {
  type AlertRuleJson,
  alertRuleSchema,
  type RuleTestJson,
  type RuleVersionJson,
  ruleTestSchema,
  ruleVersionSchema,
} from "@pharos/api";
import { errorText, OperatingError } from "@pharos/base";
import { z } from "zod";
import { table } from "./query/result-table.ts";
import { userName } from "./user-name.ts";

interface ServerOption {
  readonly url: string;
}

interface EditOptions extends ServerOption {
  /** Who changes it; else whoever runs the command. */
  readonly author?: string;
  readonly comment?: string;
}

const PATH = "/api/v1/alerts/rules";
const rulesSchema = z.array(alertRuleSchema);
const versionsSchema = z.array(ruleVersionSchema);
const errorSchema = z.object({ error: z.string() });

/** `pharos rules list`: all rules of a running server. */
export function listRules(
  options: ServerOption & { readonly source?: string; readonly format: "table" | "json" },
): Promise<void> {
  return ended(async () => {
    const query = options.source === undefined ? "" : `?source=${options.source}`;
    const rules = rulesSchema.parse(await ask(options.url, "GET", `${PATH}${query}`));
    if (options.format === "json") return json(rules);
    const rows = rules.map((rule) => [
      ...[rule.name, rule.state, rule.provenance.file, rule.for],
      rule.expr.replace(/\s+/g, " "),
    ]);
    process.stdout.write(table(["NAME", "STATE", "FROM", "FOR", "EXPR"], rows, 5));
  });
}

/** `pharos rules get NAME`: one rule as JSON. */
export function getRule(id: string, { url }: ServerOption): Promise<void> {
  return ended(async () => json(await ask(url, "GET", pathOf(id))));
}

/** `pharos rules apply FILE…`: makes the rules of files, or puts them in the place of those of their names. */
export function applyRules(files: readonly string[], options: EditOptions): Promise<void> {
  return ended(async () => {
    for (const file of files) {
      const path = `${PATH}?${editQuery(options)}&replace=true`;
      const rules = rulesOf(await askOf(file, options.url, path));
      process.stdout.write(rules.map(ruleLine).join(""));
      for (const warning of rules[0]?.warnings ?? []) process.stderr.write(`warning: ${warning}\n`);
    }
  });
}

/** `pharos rules delete NAME…`: says how each is had back, which its name does not find any more. */
export function deleteRules(ids: readonly string[], options: EditOptions): Promise<void> {
  return ended(async () => {
    for (const id of ids) {
      const [rule] = rulesOf(await ask(options.url, "GET", pathOf(id)));
      await ask(options.url, "DELETE", `${pathOf(id)}?${editQuery(options)}`);
      if (rule === undefined) continue;
      const back = `pharos rules rollback ${rule.id} ${rule.version}`;
      process.stdout.write(`${id} is deleted; "${back}" brings it back\n`);
    }
  });
}

/** `pharos rules versions NAME`: what was changed, when, by whom and why. */
export function ruleVersions(
  id: string,
  { url, format }: ServerOption & { readonly format: "table" | "json" },
): Promise<void> {
  return ended(async () => {
    const versions = await ask(url, "GET", `${pathOf(id)}/versions`);
    if (format === "json") return json(versions);
    process.stdout.write(versionTable(versionsSchema.parse(versions)));
  });
}

/** Versions for people, the newest first; of a group all expressions. */
export function versionTable(versions: readonly RuleVersionJson[]): string {
  const rows = versions.map(({ version, at, action, author, comment, rules }) => [
    ...[String(version), at, action, author, comment],
    rules.map(({ expr }) => expr.replace(/\s+/g, " ")).join("; "),
  ]);
  return table(["VERSION", "AT", "WHAT", "BY", "WHY", "EXPR"], rows, 6);
}

/** `pharos rules rollback NAME VERSION`: makes a rule what it was then. */
export function rollbackRule(id: string, version: string, options: EditOptions): Promise<void> {
  return ended(async () => {
    const path = `${pathOf(id)}/rollback?${editQuery(options)}`;
    const made = await ask(options.url, "POST", path, JSON.stringify({ version: Number(version) }));
    process.stdout.write(rulesOf(made).map(ruleLine).join(""));
  });
}

/** `pharos rules enable NAME…` */
export function enableRules(ids: readonly string[], options: EditOptions): Promise<void> {
  return switchRules("enable", ids, options);
}

/** `pharos rules disable NAME…` */
export function disableRules(ids: readonly string[], options: EditOptions): Promise<void> {
  return switchRules("disable", ids, options);
}

function switchRules(
  action: "enable" | "disable",
  ids: readonly string[],
  options: EditOptions,
): Promise<void> {
  return ended(async () => {
    for (const id of ids)
      await ask(options.url, "POST", `${pathOf(id)}/${action}?${editQuery(options)}`);
  });
}

function pathOf(id: string): string {
  return `${PATH}/${encodeURIComponent(id)}`;
}

/** A rule, or those of a group. */
function rulesOf(answer: unknown): readonly AlertRuleJson[] {
  return Array.isArray(answer) ? rulesSchema.parse(answer) : [alertRuleSchema.parse(answer)];
}

function ruleLine({ name, expr, version }: AlertRuleJson): string {
  return `${name}: ${expr} (version ${version})\n`;
}

/** `pharos rules test FILE`: whether a rule would fire now, and with a replay when it would have fired. */
export function tryRule(
  file: string,
  options: ServerOption & { readonly replay?: string; readonly format: "table" | "json" },
): Promise<void> {
  return ended(async () => {
    const query = options.replay === undefined ? "" : `?replay=${options.replay}`;
    const answer = await askOf(file, options.url, `/api/v1/alerts/test${query}`);
    const test = ruleTestSchema.parse(answer);
    if (options.format === "json") return json(test);
    for (const warning of test.warnings) process.stderr.write(`warning: ${warning}\n`);
    process.stdout.write(testText(test));
  });
}

/** What a test came to, for people. */
export function testText({
  name,
  expr,
  would_fire,
  alerts,
  replay,
  for: hold,
}: RuleTestJson): string {
  const now = would_fire ? "would fire now" : "would not fire now";
  const head = `${name}: ${expr}${hold === "0s" ? "" : ` for ${hold}`}\n${now}\n`;
  const active = alerts.map(({ labels, state, value }) => [labelText(labels), state, value]);
  const alertTable = active.length === 0 ? "" : table(["ALERT", "STATE", "VALUE"], active, 2);
  if (replay === undefined) return head + alertTable;
  const { firings, notifications, cost, intervals } = replay;
  const rows = intervals.map(({ labels, start, end, value }) => [
    ...[labelText(labels), start, end ?? "still", value],
  ]);
  const times = rows.length === 0 ? "" : table(["ALERT", "FROM", "TO", "VALUE"], rows, 3);
  const sums = `since ${replay.start}: fired ${counted(firings, "time")}, ${counted(notifications, "notification")}`;
  const read = `read ${cost.actual.samples} samples in ${cost.seconds.toFixed(3)} s`;
  return `${head}${alertTable}${sums}; ${read}\n${times}`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

function labelText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).filter(([name]) => name !== "alertname");
  return `{${pairs.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(", ")}}`;
}

function editQuery({ author = userName(), comment }: EditOptions): string {
  const query = new URLSearchParams();
  if (author !== undefined) query.set("author", author);
  if (comment !== undefined) query.set("comment", comment);
  return query.toString();
}

function textOf(file: string): string {
  try {
    return readFileSync(file === "-" ? 0 : file, "utf8");
  } catch (error) {
    throw new OperatingError("not_found", `${file}: ${errorText(error)}`, { cause: error });
  }
}

/** Sends a file. @throws OperatingError as `ask`; what is wrong in the file has its name. */
async function askOf(file: string, url: string, path: string): Promise<unknown> {
  const text = textOf(file);
  try {
    return await ask(url, "POST", path, text);
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    throw new OperatingError(error.code, namedIn(file, error.message), { cause: error });
  }
}

/** The server says `rule:3:5: …` of what was sent; whoever sent a file knows it by its name. */
export function namedIn(file: string, message: string): string {
  const name = file === "-" ? "standard input" : file;
  return message.replace(/^rule(?=:\d+:\d+:)/gm, () => name);
}

/** @throws OperatingError with what the server says, or `http.failed`. */
async function ask(url: string, method: string, path: string, body?: string): Promise<unknown> {
  const target = `${url.replace(/\/+$/, "")}${path}`;
  const init: RequestInit = { method, headers: { "Content-Type": "application/yaml" } };
  if (body !== undefined) init.body = body;
  const [status, text] = await answerOf(target, init);
  if (status === 204) return undefined;
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch (error) {
    throw new OperatingError("http.failed", `${target}: no answer of Pharos`, { cause: error });
  }
  if (status < 300) return answer;
  const said = errorSchema.safeParse(answer);
  throw new OperatingError("http.failed", said.success ? said.data.error : `status ${status}`);
}

async function answerOf(target: string, init: RequestInit): Promise<[number, string]> {
  try {
    const response = await fetch(target, init);
    return [response.status, await response.text()];
  } catch (error) {
    throw new OperatingError("http.failed", `${target}: ${errorText(error)}`, { cause: error });
  }
}

function json(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`);
}

/** Exit code 1 where it fails. */
async function ended(run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    process.stderr.write(`pharos: ${error.message}\n`);
    process.exitCode = 1;
  }
}
