import {
  compareUtf8,
  formatValue,
  isLegacyLabelName,
  isLegacyMetricName,
  type Labels,
  labelsKey,
  labelValue,
  type Matcher,
  METRIC_NAME,
  mergeLabels,
  type NativeHistogram,
  quote,
} from "@pharos/base";
import type { SeriesColumns } from "@pharos/ports";
import { type Answer, encoded, streamed } from "./answer.ts";
import { familiesProtobuf, isInProtobuf, PROTOBUF_TYPE } from "./federate-protobuf.ts";
import { matchParameters } from "./match-parameter.ts";
import { negotiate } from "./negotiate.ts";
import type { ReadRequest } from "./read-request.ts";
import type { ReadDependencies } from "./read-routes.ts";

/** A federation request may read so many samples. */
const SAMPLES_MAX = 50_000_000;

/** The newest sample of a series, with the labels it is known by elsewhere. */
export interface LatestSample {
  readonly labels: Labels;
  readonly timestampMs: number;
  readonly value: number | NativeHistogram;
}

const PROTOBUF = "application/vnd.google.protobuf";
const TEXT = "text/plain";
/** Caches between must not give one client what another takes. */
const VARY = { Vary: "Accept" };
const TEXT_TYPE = "text/plain; version=0.0.4; charset=utf-8; escaping=allow-utf-8";

/**
 * `/federate?match[]`: the latest sample of each matching series within the lookback, for another server to scrape: in
 * the text format, which has no place for native histograms, or in protobuf for those that accept it. A series whose
 * latest sample is a staleness marker is left out.
 */
export async function federate(
  request: ReadRequest,
  dependencies: Pick<ReadDependencies, "store" | "clock" | "lookbackMs" | "externalLabels">,
): Promise<Answer> {
  const parameters = request.parameters;
  const matcherLists = matchParameters(parameters, { named: false });
  const accept = request.header("accept");
  const isProtobuf =
    negotiate(accept, [TEXT, PROTOBUF]) === PROTOBUF && accept.includes("encoding=delimited");
  const samples = await latestSamples(matcherLists, isProtobuf, request.signal, dependencies);
  const families = [...Map.groupBy(samples, ({ labels }) => labelValue(labels, METRIC_NAME))].sort(
    ([a], [b]) => compareUtf8(a, b),
  );
  return isProtobuf
    ? streamed(familiesProtobuf(families), PROTOBUF_TYPE, VARY)
    : streamed(encoded(familiesText(families)), TEXT_TYPE, VARY);
}

async function latestSamples(
  matcherLists: readonly (readonly Matcher[])[],
  histograms: boolean,
  signal: AbortSignal,
  {
    store,
    clock,
    lookbackMs,
    externalLabels,
  }: Pick<ReadDependencies, "store" | "clock" | "lookbackMs" | "externalLabels">,
): Promise<Iterable<LatestSample>> {
  const nowMs = clock.nowMs();
  const range = { minMs: nowMs - lookbackMs + 1, maxMs: nowMs };
  const options = { samplesMax: SAMPLES_MAX, signal, histograms };
  const external = externalLabels();
  // A series that several selectors match comes once.
  const found = new Map<string, LatestSample>();
  for (const matchers of matcherLists)
    for await (const columns of store.select(range, matchers, options)) {
      const latest = latestOf(columns);
      if (latest === undefined) continue;
      const labels = federated(columns.labels, external);
      found.set(labelsKey(labels), { labels, ...latest });
    }
  return found.values();
}

/** Undefined where the series has ended, or the sample is one that nobody could be told. */
function latestOf({
  timestampsMs,
  values,
  stale,
  histograms,
}: SeriesColumns): Omit<LatestSample, "labels"> | undefined {
  const last = timestampsMs.length - 1;
  const lastMs = timestampsMs[last] ?? Number.NEGATIVE_INFINITY;
  const at = (histograms?.timestampsMs.length ?? 0) - 1;
  const histogramMs = histograms?.timestampsMs[at] ?? Number.NEGATIVE_INFINITY;
  if (histograms !== undefined && histogramMs > lastMs) {
    const value = histograms.at(at);
    return value.stale || !isInProtobuf(value) ? undefined : { timestampMs: histogramMs, value };
  }
  if (last < 0 || stale?.[last] === 1) return undefined;
  return { timestampMs: lastMs, value: values[last] as number };
}

function* familiesText(
  families: Iterable<readonly [name: string, samples: readonly LatestSample[]]>,
): Generator<string, void, undefined> {
  for (const [name, samples] of families) {
    let text = `# TYPE ${isLegacyMetricName(name) ? name : quote(name)} untyped\n`;
    for (const { labels, value, timestampMs } of samples)
      text += `${seriesText(labels)} ${formatValue(value as number)} ${timestampMs}\n`;
    yield text;
  }
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
