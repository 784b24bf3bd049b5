import { type Labels, labelsFrom, parseDuration } from "@pharos/base";
import type { ApiTransport } from "./api-transport.ts";
import type { Json } from "./json-reader.ts";
import { parseValue } from "./query-result.ts";

const PATH = "v1/alerts/rules";

/** A rule as the API of rules has it: where it comes from, and whether it can be changed there. */
export interface AlertRule {
  readonly id: string;
  readonly name: string;
  readonly kind: "alerting" | "recording";
  readonly enabled: boolean;
  readonly expr: string;
  readonly forText: string;
  readonly keepFiringForText: string;
  readonly labels: Labels;
  readonly annotations: readonly (readonly [string, string])[];
  /** What is compared, where the expression is a query compared with a number. */
  readonly metricQuery: string | undefined;
  readonly threshold: number | undefined;
  readonly source: "api" | "file";
  /** The rule file; of rules of the API `api:` and their namespace. */
  readonly file: string;
  readonly group: string;
  readonly state: "inactive" | "pending" | "firing" | "unknown" | "disabled";
  /** Of rules of the API. */
  readonly version: number | undefined;
  readonly author: string;
  readonly updatedAtMs: number | undefined;
  /** The text that was sent, and its form; "" for rules of files. */
  readonly written: string;
}

export async function listAlertRules(
  transport: ApiTransport,
  query: Record<string, string>,
  signal: AbortSignal,
): Promise<AlertRule[]> {
  const answer = await transport.get(`${PATH}?${new URLSearchParams(query)}`, signal);
  return answer.list().map(readAlertRule);
}

/** By its id, or its name; several where a whole group was sent as one. */
export async function loadAlertRules(
  transport: ApiTransport,
  id: string,
  signal: AbortSignal,
): Promise<AlertRule[]> {
  const answer = await transport.get(rulePath(id), signal);
  return (Array.isArray(answer.value) ? answer.list() : [answer]).map(readAlertRule);
}

/** Where one rule is, by its id or its name. */
export function rulePath(id: string): string {
  return `${PATH}/${encodeURIComponent(id)}`;
}

/** Who changes a rule, and why. */
export interface RuleEdit {
  readonly author: string;
  readonly comment: string;
}

function editQuery({ author, comment }: RuleEdit, version?: number): URLSearchParams {
  return new URLSearchParams({
    author,
    // Also an empty one: a comment that stands in the text was about another change.
    comment,
    ...(version === undefined ? {} : { version: String(version) }),
  });
}

/** Makes a rule of the text, or puts it in the place of `before` as the page knows that. */
export async function saveAlertRule(
  transport: ApiTransport,
  text: string,
  before: Pick<AlertRule, "id" | "version"> | undefined,
  edit: RuleEdit,
  signal: AbortSignal,
): Promise<void> {
  const query = editQuery(edit, before?.version);
  if (before === undefined)
    await transport.change("POST", `${PATH}?${query}`, { yaml: text }, signal);
  else {
    await transport.change("PUT", `${rulePath(before.id)}?${query}`, { yaml: text }, signal);
  }
}

/** Has a rule evaluated or not, or deletes it. */
export async function changeAlertRule(
  transport: ApiTransport,
  id: string,
  change: "enable" | "disable" | "delete",
  edit: RuleEdit,
  signal: AbortSignal,
): Promise<void> {
  const one = rulePath(id);
  const query = editQuery(edit);
  if (change === "delete") await transport.change("DELETE", `${one}?${query}`, undefined, signal);
  else await transport.change("POST", `${one}/${change}?${query}`, undefined, signal);
}

/** What a rule would do. */
export interface RuleTest {
  readonly wouldFire: boolean;
  readonly expr: string;
  readonly value: string | undefined;
  readonly warnings: readonly string[];
  readonly alerts: readonly {
    readonly labels: Labels;
    readonly state: "pending" | "firing";
    readonly value: string;
  }[];
  readonly replay: RuleReplay | undefined;
}

/** What it would have done. */
export interface RuleReplay {
  readonly fromMs: number;
  readonly toMs: number;
  readonly firingCount: number;
  readonly notificationCount: number;
  readonly intervals: readonly {
    readonly labels: Labels;
    readonly startsAtMs: number;
    /** Undefined while it still fires. */
    readonly endsAtMs: number | undefined;
  }[];
  /** Whether there were more. */
  readonly isTruncated: boolean;
  readonly tookMs: number;
}

/** `replay` is a duration, or "" for none. Nothing is kept. */
export async function testAlertRule(
  transport: ApiTransport,
  text: string,
  replay: string,
  signal: AbortSignal,
): Promise<RuleTest> {
  const query = replay === "" ? "" : `?${new URLSearchParams({ replay })}`;
  return readRuleTest(
    await transport.change("POST", `v1/alerts/test${query}`, { yaml: text }, signal),
  );
}

export function readRuleTest(test: Json): RuleTest {
  const replay = test.get("replay");
  return {
    wouldFire: test.get("would_fire").value === true,
    expr: test.get("expr").text(),
    value: test.get("value").textOrEmpty() || undefined,
    warnings: test
      .get("warnings")
      .list()
      .map((text) => text.text()),
    alerts: test
      .get("alerts")
      .list()
      .map((alert) => ({
        labels: labelsFrom(alert.get("labels").textEntries()),
        state: alert.get("state").oneOf(["pending", "firing"]),
        value: alert.get("value").textOrEmpty(),
      })),
    replay: replay.value === undefined ? undefined : readReplay(replay),
  };
}

function readReplay(replay: Json): RuleReplay {
  return {
    fromMs: replay.get("start").timestampMs() ?? Number.NaN,
    toMs: replay.get("end").timestampMs() ?? Number.NaN,
    firingCount: replay.get("firings").number(),
    notificationCount: replay.get("notifications").number(),
    intervals: replay
      .get("intervals")
      .list()
      .map((interval) => ({
        labels: labelsFrom(interval.get("labels").textEntries()),
        startsAtMs: interval.get("start").timestampMs() ?? Number.NaN,
        endsAtMs: interval.get("end").timestampMs(),
      })),
    isTruncated: replay.get("truncated").value === true,
    tookMs: replay.get("cost").get("seconds").number() * 1000,
  };
}

export function readAlertRule(rule: Json): AlertRule {
  const condition = rule.get("condition");
  const threshold =
    condition.value === undefined ? undefined : parseValue(condition.get("threshold").text());
  const provenance = rule.get("provenance");
  return {
    id: rule.get("id").text(),
    name: rule.get("name").text(),
    kind: rule.get("type").oneOf(["alerting", "recording"]),
    enabled: rule.get("enabled").value === true,
    expr: rule.get("expr").text(),
    forText: durationText(rule.get("for").textOrEmpty()),
    keepFiringForText: durationText(rule.get("keep_firing_for").textOrEmpty()),
    labels: labelsFrom(rule.get("labels").textEntries()),
    annotations: rule.get("annotations").textEntries(),
    metricQuery: rule.get("metric_query").textOrEmpty() || undefined,
    threshold: threshold === undefined || Number.isFinite(threshold) ? threshold : undefined,
    source: provenance.get("source").oneOf(["api", "file"]),
    file: provenance.get("file").textOrEmpty(),
    group: provenance.get("group").textOrEmpty(),
    state: rule.get("state").oneOf(["inactive", "pending", "firing", "unknown", "disabled"]),
    version: rule.get("version").value === undefined ? undefined : rule.get("version").number(),
    author: rule.get("author").textOrEmpty(),
    updatedAtMs: rule.get("updated_at").timestampMs(),
    written: rule.get("written").textOrEmpty(),
  };
}

/** "" where it does not last at all. */
export function durationText(text: string): string {
  return parseDuration(text) === 0 ? "" : text;
}

/** What an editor of the rule begins with. JSON comes in lines, and without who wrote it: that is asked anew. */
export function editableText({ written }: Pick<AlertRule, "written">): string {
  let body: unknown;
  try {
    body = JSON.parse(written);
  } catch {
    return written;
  }
  if (typeof body !== "object" || body === null) return written;
  const {
    author: _author,
    comment: _comment,
    version: _version,
    ...rule
  } = body as Record<string, unknown>;
  return JSON.stringify(rule, undefined, 2);
}
