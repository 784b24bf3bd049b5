import {
  type Labels,
  labelsFrom,
  labelValue,
  METRIC_NAME,
  mergeLabels,
  OperatingError,
  quote,
} from "@pharos/base";
import { utf8Size } from "./push-limits.ts";
import { relabel } from "./relabel.ts";
import type { SeriesRules } from "./scrape-sink.ts";

/**
 * The labels under which a scraped series is stored: its own and its target's, relabelled. Undefined where a rule
 * drops it.
 *
 * @throws OperatingError `scrape.failed` where the series breaks a limit or has lost its name: that fails the scrape.
 */
export function scrapedSeriesLabels(
  scraped: Labels,
  target: Labels,
  rules: SeriesRules,
): Labels | undefined {
  const merged = rules.honorLabels ? mergeLabels(target, scraped) : honorTarget(scraped, target);
  const labels = relabel(merged, rules.metricRelabelRules);
  if (labels === undefined || labels.length === 0) return undefined;
  checkLimits(labels, rules);
  return labels;
}

/** The labels of a series that is about the scrape itself, such as `up`. */
export function reportSeriesLabels(name: string, target: Labels): Labels {
  return labelsFrom([...target, [METRIC_NAME, name]]);
}

/** A scraped label that the target has too keeps its value under the name `exported_…`. */
function honorTarget(scraped: Labels, target: Labels): Labels {
  const merged = mergeLabels(scraped, target);
  if (merged.length === scraped.length + target.length) return merged;
  const conflicts = scraped.filter(([name]) => labelValue(target, name) !== "");
  // Shorter names first, as Prometheus does: which one gets `exported_exported_x` must not depend on chance.
  conflicts.sort(([a], [b]) => utf8Size(a) - utf8Size(b));
  const set = new Map<string, string>(merged);
  for (const [name, value] of conflicts) {
    let exported = `exported_${name}`;
    while (set.has(exported)) exported = `exported_${exported}`;
    set.set(exported, value);
  }
  return labelsFrom(set);
}

function checkLimits(labels: Labels, rules: SeriesRules): void {
  const metric = labelValue(labels, METRIC_NAME);
  if (metric === "") throw failed("missing metric name (__name__ label)");
  if (rules.labelLimit > 0 && labels.length > rules.labelLimit)
    throw failed(
      `label_limit exceeded (metric: ${quote(clip(metric))}, number of labels: ${labels.length}, limit: ${rules.labelLimit})`,
    );
  const { labelNameLengthLimit: nameMax, labelValueLengthLimit: valueMax } = rules;
  if (nameMax === 0 && valueMax === 0) return;
  for (const [name, value] of labels) {
    const place = `metric: ${quote(clip(metric))}, label name: ${quote(clip(name))}`;
    if (nameMax > 0 && utf8Size(name) > nameMax)
      throw failed(
        `label_name_length_limit exceeded (${place}, length: ${utf8Size(name)}, limit: ${nameMax})`,
      );
    if (valueMax > 0 && utf8Size(value) > valueMax)
      throw failed(
        `label_value_length_limit exceeded (${place}, value: ${quote(clip(value))}, length: ${utf8Size(value)}, limit: ${valueMax})`,
      );
  }
}

/** So much of a name as an error message may hold. */
function clip(text: string): string {
  return text.slice(0, 50);
}

function failed(message: string): OperatingError {
  return new OperatingError("scrape.failed", message);
}
