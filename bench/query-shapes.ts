// The queries of the comparison: what dashboards, alert rules and people ask, each as a request that every contender knows.
import { percentile } from "./comparison.ts";
import { Q_STEP_MS } from "./workload-q.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** Between two samples, so that it does not matter whether windows include both of their ends. */
const BETWEEN_SAMPLES_MS = 7000;

export interface QueryShape {
  readonly id: string;
  readonly title: string;
  /** Path and parameters. */
  readonly request: string;
  /**
   * How far values may be from those of VictoriaMetrics, as a share: its `rate` is not extrapolated. All others agree to
   * the last few bits.
   */
  readonly tolerance: number;
  /** Where the choice of series depends on such values, only the values are compared. */
  readonly comparesValuesOnly?: boolean;
}

/**
 * @param endMs the time of the last samples.
 * @param aligned whether ranges begin and end at multiples of their steps, as dashboards ask.
 */
export function queryShapes(endMs: number, aligned = false): readonly QueryShape[] {
  const nowMs = endMs - Q_STEP_MS + BETWEEN_SAMPLES_MS;
  const instant = (query: string): string =>
    `/api/v1/query?${new URLSearchParams({ query, time: text(nowMs) })}`;
  const range = (query: string, spanMs: number, stepMs: number): string => {
    const lastMs = aligned ? Math.floor(nowMs / stepMs) * stepMs : nowMs;
    return `/api/v1/query_range?${new URLSearchParams({
      ...{ query, start: text(lastMs - spanMs), end: text(lastMs), step: text(stepMs) },
    })}`;
  };
  const within = { start: text(nowMs - 6 * HOUR_MS), end: text(nowMs) };
  const byJob = "sum by (job) (rate(http_requests_total[5m]))";
  const topRates = "topk(10, rate(http_requests_total[5m]))";
  const quantile =
    "histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket[5m])))";
  return [
    { id: "a", title: `instant ${byJob}`, request: instant(byJob), tolerance: 0.02 },
    {
      ...{ id: "b", title: `the same, 1 h step 15 s`, tolerance: 0.02 },
      request: range(byJob, HOUR_MS, Q_STEP_MS),
    },
    {
      ...{ id: "c", title: `6 h step 60 s ${quantile}`, tolerance: 0.02 },
      request: range(quantile, 6 * HOUR_MS, MINUTE_MS),
    },
    {
      ...{ id: "d", title: `instant ${topRates}`, tolerance: 0.15 },
      ...{ request: instant(topRates), comparesValuesOnly: true },
    },
    {
      ...{ id: "d2", title: `the same, 1 h step 15 s`, tolerance: 0.15 },
      ...{ request: range(topRates, HOUR_MS, Q_STEP_MS), comparesValuesOnly: true },
    },
    {
      ...{ id: "e", title: "one series, raw [6h]", tolerance: 0 },
      request: instant(
        'http_requests_total{instance="host-1",job="job-1",method="GET",code="200"}[6h]',
      ),
    },
    {
      ...{ id: "f", title: 'instant count({instance=~"host-1.*"})', tolerance: 0 },
      request: instant('count({instance=~"host-1.*"})'),
    },
    {
      ...{ id: "g", title: "6 h step 5 m avg_over_time(app_temperature_celsius[1h])" },
      request: range("avg_over_time(app_temperature_celsius[1h])", 6 * HOUR_MS, 5 * MINUTE_MS),
      tolerance: 1e-9,
    },
    {
      ...{ id: "h", title: "label values of instance", tolerance: 0 },
      request: `/api/v1/label/instance/values?${new URLSearchParams(within)}`,
    },
    {
      ...{ id: "h2", title: "series API, http_requests_total", tolerance: 0 },
      request: `/api/v1/series?${new URLSearchParams({ "match[]": "http_requests_total", ...within })}`,
    },
  ];
}

/** The query whose memory is measured: everything, kept until it is answered. */
export function memoryRequest(endMs: number): string {
  const nowMs = endMs - Q_STEP_MS + BETWEEN_SAMPLES_MS;
  return `/api/v1/query_range?${new URLSearchParams({
    query: 'rate({job=~"job-.*"}[5m])',
    ...{ start: text(nowMs - 6 * HOUR_MS), end: text(nowMs), step: "60" },
  })}`;
}

function text(timeMs: number): string {
  return (timeMs / 1000).toFixed(3);
}

type Point = readonly [timestampSeconds: number, value: string];

interface Answer {
  readonly data:
    | readonly (string | Readonly<Record<string, string>>)[]
    | {
        readonly result: readonly {
          readonly metric: Readonly<Record<string, string>>;
          readonly value?: Point;
          readonly values?: readonly Point[];
        }[];
      };
}

/**
 * How far two answers are apart at most, as a share of the value; undefined where they do not have the same series at the
 * same times.
 */
export function deviation(shape: QueryShape, one: string, other: string): number | undefined {
  const [a, b] = [valuesOf(shape, one), valuesOf(shape, other)];
  if (a.size !== b.size || a.size === 0) return undefined;
  let most = 0;
  for (const [key, values] of a) {
    const others = b.get(key);
    if (others?.length !== values.length) return undefined;
    for (const [at, value] of values.entries()) {
      const distance = Math.abs(value - (others[at] as number));
      if (distance > 0) most = Math.max(most, distance / Math.max(Math.abs(value), 1e-12));
    }
  }
  return most;
}

/** An answer's values by series and time, or by time alone, sorted. */
function valuesOf(shape: QueryShape, text: string): ReadonlyMap<string, readonly number[]> {
  const { data } = JSON.parse(text) as Answer;
  const values = new Map<string, number[]>();
  if (!("result" in data)) {
    for (const each of data)
      values.set(typeof each === "string" ? each : JSON.stringify(Object.entries(each).sort()), []);
    return values;
  }
  for (const { metric, value, values: run = [] } of data.result)
    for (const [seconds, number] of value === undefined ? run : [value]) {
      // Not the name, which VictoriaMetrics keeps where the others drop it; label sets differ without it.
      const labels = Object.entries(metric).filter(([name]) => name !== "__name__");
      const series = shape.comparesValuesOnly ? "" : JSON.stringify(labels.sort());
      values.getOrInsertComputed(`${seconds}${series}`, () => []).push(Number(number));
    }
  for (const list of values.values()) list.sort((a, b) => a - b);
  return values;
}

/** The geometric mean; undefined for none. */
export function geometricMean(ratios: readonly number[]): number | undefined {
  if (ratios.length === 0) return undefined;
  return Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length);
}

export function median(values: readonly number[]): number {
  return percentile(values, 50);
}
