// The ingest workload W1: 100,000 series = 10 metrics × 1,000 hosts × 10 label combinations, about 8.5 labels and 180
// bytes of names and values each, in rounds at exactly 15 s steps that end now.
import { seededRng } from "@pharos/base";
import { encodeLabelFields, WriteRequest } from "./remote-write-body.ts";

export const SERIES_PER_BODY = 2000;
export const STEP_MS = 15_000;

export const METRICS = [
  "http_requests_total",
  "http_response_bytes_total",
  "cache_operations_total",
  "queue_messages_total",
  "process_cpu_seconds_total",
  "queue_latency_seconds",
  "temperature_celsius",
  "process_resident_memory_bytes",
  "build_info",
  "config_reload_success",
] as const;

const COMBINATIONS = Array.from({ length: 10 }, (_, at) => ({
  method: ["GET", "POST", "PUT", "DELETE", "PATCH"][at % 5] as string,
  code: at < 5 ? "200" : "500",
  // Every other combination has one label more, so that label sets differ in size.
  ...(at % 2 === 0 ? { handler: `/api/v1/resource/${at}` } : {}),
}));

export interface W1 {
  readonly seriesCount: number;
  readonly rounds: number;
  readonly sampleCount: number;
  /** The request bodies of one round, compressed, in order. Made one by one: a round is 50 of them and more. */
  bodies(round: number): Generator<Uint8Array>;
}

/** @param hosts 1,000 for the whole workload; 10,000 for W2; fewer for a quick look. */
export function workloadW1(options: { hosts: number; rounds: number; endMs: number }): W1 {
  const { hosts, rounds, endMs } = options;
  // In one array, since a million small ones take several times their bytes.
  const labels = packed(labelFieldsOf(hosts));
  const seriesCount = labels.ends.length;
  const values = w1Values(seriesCount);
  return {
    seriesCount,
    rounds,
    sampleCount: seriesCount * rounds,
    *bodies(round) {
      const timestampMs = Float64Array.of(endMs - (rounds - 1 - round) * STEP_MS);
      const body = new WriteRequest();
      for (let series = 0; series < seriesCount; series++) {
        const start = series === 0 ? 0 : (labels.ends[series - 1] as number);
        const fields = labels.bytes.subarray(start, labels.ends[series]);
        body.add(fields, timestampMs, Float64Array.of(values.next(series)));
        if (body.sampleCount === SERIES_PER_BODY) yield body.takeCompressed();
      }
      if (body.sampleCount > 0) yield body.takeCompressed();
    },
  };
}

/** The label sets of so many hosts: host by host, metric by metric. */
export function w1LabelSets(hosts: number): Record<string, string>[] {
  return Array.from({ length: hosts }, (_, host) =>
    METRICS.flatMap((metric) => COMBINATIONS.map((each) => labelsOf(metric, host, each))),
  ).flat();
}

export interface ValueSource {
  /** The next value of the series at this place in `w1LabelSets`. Calls in the same order give the same values. */
  next(series: number): number;
}

export function w1Values(seriesCount: number): ValueSource {
  const rng = seededRng(1);
  const last = new Float64Array(seriesCount);
  return {
    next(series) {
      const metric = Math.floor(series / COMBINATIONS.length) % METRICS.length;
      const value = stepValue(metric, last[series] as number, rng.unit());
      last[series] = value;
      return value;
    },
  };
}

function* labelFieldsOf(hosts: number): Generator<Uint8Array> {
  for (let host = 0; host < hosts; host++)
    for (const metric of METRICS)
      for (const combination of COMBINATIONS)
        yield encodeLabelFields(labelsOf(metric, host, combination));
}

/** Byte strings one after another, and where each ends. */
function packed(parts: Iterable<Uint8Array>): { bytes: Uint8Array; ends: Float64Array } {
  let bytes = new Uint8Array(1 << 20);
  const ends: number[] = [];
  let size = 0;
  for (const part of parts) {
    if (size + part.length > bytes.length) {
      const larger = new Uint8Array(2 * bytes.length);
      larger.set(bytes);
      bytes = larger;
    }
    bytes.set(part, size);
    size += part.length;
    ends.push(size);
  }
  return { bytes, ends: Float64Array.from(ends) };
}

/** Four integer counters (one unchanged half of the time), a counter and two gauges with two decimals, … */
function stepValue(metric: number, before: number, chance: number): number {
  switch (metric) {
    case 0:
    case 1:
    case 2:
      return before + Math.floor(chance * (metric === 1 ? 5000 : 50));
    case 3:
      return chance < 0.5 ? before : before + Math.floor(chance * 20);
    case 4:
      return Math.round((before + chance) * 100) / 100;
    case 5:
      return Math.round(chance * 1000) / 100;
    case 6:
      return Math.round((20 + chance * 10) * 100) / 100;
    case 7:
      return 4096 * Math.floor(10_000 + chance * 1000);
    default:
      return 1;
  }
}

function labelsOf(
  metric: string,
  host: number,
  combination: Readonly<Record<string, string>>,
): Record<string, string> {
  return {
    __name__: metric,
    ...combination,
    datacenter: `dc-${host % 4}`,
    instance: `host-${String(host).padStart(4, "0")}.example.internal:9100`,
    job: "w1",
    region: ["eu-west-1", "us-east-1", "us-west-2", "ap-south-1"][host % 4] as string,
    service: `service-${host % 50}`,
  };
}
