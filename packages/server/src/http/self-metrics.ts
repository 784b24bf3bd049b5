import type { SelfMetricsData } from "@pharos/api";
import { compileRegex, OperatingError } from "@pharos/base";
import { type Answer, success } from "./answer.ts";
import { invalidParameter } from "./errors.ts";
import { parametersOf } from "./parameters.ts";

type Family = SelfMetricsData[number];
type Metric = Family["metrics"][number];

/** `/api/v1/status/self_metrics?metric_name_pattern`: our own metrics as JSON, by family. */
export async function selfMetrics(
  request: Request,
  { metricsText }: { metricsText(): Promise<string> },
): Promise<Answer> {
  const pattern = (await parametersOf(request)).get("metric_name_pattern") ?? "";
  const matches = pattern === "" ? () => true : namePattern(pattern);
  return success(familiesOf(await metricsText()).filter(({ name }) => matches(name)));
}

/** It must match a whole name. */
function namePattern(text: string): (name: string) => boolean {
  try {
    const regex = compileRegex(text);
    return (name) => regex.matches(name);
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    throw invalidParameter("metric_name_pattern", error.message);
  }
}

const COMMENT = /^# (HELP|TYPE) (\S+) ?(.*)$/;
const SAMPLE = /^([^\s{]+)(?:\{(.*)\})? (\S+)(?: \S+)?$/;
const LABEL = /([^=,\s]+)="((?:[^"\\]|\\.)*)"/g;

/** Reads the text format as we write it ourselves. */
export function familiesOf(text: string): Family[] {
  const families = new Map<string, Family & { readonly byLabels: Map<string, Metric> }>();
  const familyOf = (name: string) =>
    families.getOrInsertComputed(name, () => ({
      ...{ name, help: "", type: "untyped", metrics: [] },
      byLabels: new Map(),
    }));
  for (const line of text.split("\n")) {
    const [, kind, about = "", words = ""] = COMMENT.exec(line) ?? [];
    if (kind === "HELP") familyOf(about).help = unescaped(words);
    if (kind === "TYPE") familyOf(about).type = words;
    const [, name, labelText = "", value = ""] = SAMPLE.exec(line) ?? [];
    if (line.startsWith("#") || name === undefined) continue;
    const [base, part] = partOf(name, (one) => families.get(one)?.type);
    const family = familyOf(base);
    const labels = Object.create(null) as Record<string, string>;
    for (const [, label = "", quoted = ""] of labelText.matchAll(LABEL))
      labels[label] = unescaped(quoted);
    const { le, quantile, ...others } = labels;
    const own = part === "bucket" || quantile !== undefined ? others : labels;
    const metric = family.byLabels.getOrInsertComputed(JSON.stringify(own), () => {
      const added: Metric = Object.keys(own).length === 0 ? {} : { labels: own };
      family.metrics.push(added);
      return added;
    });
    if (part === "bucket" && le !== undefined) {
      metric.buckets ??= [];
      metric.buckets.push({ upperBound: le, cumulativeCount: value });
    } else if (part === "count") metric.sampleCount = value;
    else if (part === "sum") metric.sampleSum = value;
    else if (quantile !== undefined) {
      metric.quantiles ??= [];
      metric.quantiles.push({ quantile, value });
    } else metric.value = value;
  }
  return [...families.values()].map(({ byLabels: _, ...family }) => family);
}

/** `x_count` belongs to the family x where that is a histogram or a summary. */
function partOf(
  name: string,
  typeOf: (family: string) => string | undefined,
): readonly [family: string, part: "bucket" | "count" | "sum" | undefined] {
  for (const part of ["bucket", "count", "sum"] as const) {
    if (!name.endsWith(`_${part}`)) continue;
    const family = name.slice(0, -part.length - 1);
    if (["histogram", "summary"].includes(typeOf(family) ?? "")) return [family, part];
  }
  return [name, undefined];
}

function unescaped(text: string): string {
  return text.replace(/\\(.)/g, (_, escaped: string) => (escaped === "n" ? "\n" : escaped));
}
