import {
  formatValue,
  isLegacyLabelName,
  isLegacyMetricName,
  type Labels,
  labelValue,
  METRIC_NAME,
  mergeLabels,
  quote,
} from "@pharos/base";
import { matchParameters } from "./match-parameter.ts";
import { parametersOf } from "./parameters.ts";
import type { ReadDependencies } from "./read-routes.ts";

/** A federation request may read so many samples. */
const SAMPLES_MAX = 50_000_000;

/**
 * `/federate?match[]`: the latest sample of each matching series within the lookback, in the text format, for another
 * server to scrape. A series whose latest sample is a staleness marker is left out.
 */
export async function federate(
  request: Request,
  {
    store,
    clock,
    lookbackMs,
    externalLabels,
  }: Pick<ReadDependencies, "store" | "clock" | "lookbackMs" | "externalLabels">,
): Promise<Response> {
  const parameters = await parametersOf(request);
  const nowMs = clock.nowMs();
  const range = { minMs: nowMs - lookbackMs + 1, maxMs: nowMs };
  const lines = new Map<string, Map<string, string>>();
  for (const matchers of matchParameters(parameters, { named: false })) {
    const options = { samplesMax: SAMPLES_MAX, signal: request.signal };
    for await (const { labels, timestampsMs, values, stale } of store.select(
      range,
      matchers,
      options,
    )) {
      const last = timestampsMs.length - 1;
      if (stale?.[last] === 1) continue;
      const series = seriesText(federated(labels, externalLabels()));
      const line = `${series} ${formatValue(values[last] as number)} ${timestampsMs[last]}\n`;
      // A series that several selectors match comes once.
      lines.getOrInsertComputed(labelValue(labels, METRIC_NAME), () => new Map()).set(series, line);
    }
  }
  let text = "";
  for (const name of [...lines.keys()].sort()) {
    text += `# TYPE ${isLegacyMetricName(name) ? name : quote(name)} untyped\n`;
    for (const line of lines.get(name)?.values() ?? []) text += line;
  }
  const headers = {
    "Content-Type": "text/plain; version=0.0.4; charset=utf-8; escaping=allow-utf-8",
  };
  return new Response(text, { headers });
}

/** Own labels stand before external ones. */
function federated(labels: Labels, external: Labels): Labels {
  const whole = mergeLabels(external, labels);
  // With the instance empty the server that scrapes this does not put ours there.
  return labelValue(whole, "instance") === "" ? [...whole, ["instance", ""]] : whole;
}

function seriesText(labels: Labels): string {
  const name = labelValue(labels, METRIC_NAME);
  const legacy = isLegacyMetricName(name);
  const parts = legacy ? [] : [quote(name)];
  for (const [label, value] of labels)
    if (label !== METRIC_NAME)
      parts.push(`${isLegacyLabelName(label) ? label : quote(label)}="${escapeValue(value)}"`);
  return `${legacy ? name : ""}{${parts.join(",")}}`;
}

/** The three escapes of the text format; everything else stands for itself. */
function escapeValue(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
