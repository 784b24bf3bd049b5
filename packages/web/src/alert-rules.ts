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
  readonly labels: Labels;
  readonly annotations: readonly (readonly [string, string])[];
  /** What is compared, where the expression is a query compared with a number. */
  readonly metricQuery: string | undefined;
  readonly threshold: number | undefined;
  readonly source: "api" | "file";
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
    labels: labelsFrom(rule.get("labels").textEntries()),
    annotations: rule.get("annotations").textEntries(),
    metricQuery: rule.get("metric_query").textOrEmpty() || undefined,
    threshold: threshold === undefined || Number.isFinite(threshold) ? threshold : undefined,
    source: provenance.get("source").oneOf(["api", "file"]),
    group: provenance.get("group").textOrEmpty(),
    state: rule.get("state").oneOf(["inactive", "pending", "firing", "unknown", "disabled"]),
    version: rule.get("version").value === undefined ? undefined : rule.get("version").number(),
    author: rule.get("author").textOrEmpty(),
    updatedAtMs: rule.get("updated_at").timestampMs(),
    written: rule.get("written").textOrEmpty(),
  };
}

/** "" where it does not wait at all. */
function durationText(text: string): string {
  return parseDuration(text) === 0 ? "" : text;
}
