// The ingest workload W1: 100,000 series = 10 metrics × 1,000 hosts × 10 label combinations, about 8.5 labels and 180
// bytes of names and values each, in rounds at exactly 15 s steps that end now.
import { seededRng } from "@pharos/base";
import { compress } from "snappyjs";

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
  /** The request bodies of one round, compressed, in order. Made one by one: a round is 50 of them. */
  bodies(round: number): Iterable<Uint8Array>;
}

/** @param hosts 1,000 for the whole workload; fewer for a quick look. */
export function workloadW1(options: { hosts: number; rounds: number; endMs: number }): W1 {
  const { hosts, rounds, endMs } = options;
  const labels: Uint8Array[] = [];
  for (let host = 0; host < hosts; host++)
    for (const metric of METRICS)
      for (const combination of COMBINATIONS) labels.push(labelsOf(metric, host, combination));

  const rng = seededRng(1);
  const values = new Float64Array(labels.length);
  const nextValue = (series: number): number => {
    const metric = Math.floor(series / COMBINATIONS.length) % METRICS.length;
    const before = values[series] as number;
    const value = stepValue(metric, before, rng.unit());
    values[series] = value;
    return value;
  };

  return {
    seriesCount: labels.length,
    rounds,
    sampleCount: labels.length * rounds,
    *bodies(round) {
      const timestampMs = endMs - (rounds - 1 - round) * STEP_MS;
      for (let first = 0; first < labels.length; first += SERIES_PER_BODY) {
        const parts: Uint8Array[] = [];
        const end = Math.min(first + SERIES_PER_BODY, labels.length);
        for (let series = first; series < end; series++)
          parts.push(
            timeSeries(labels[series] as Uint8Array, sample(nextValue(series), timestampMs)),
          );
        yield compress(concatenated(parts));
      }
    },
  };
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
): Uint8Array {
  const labels: Record<string, string> = {
    __name__: metric,
    ...combination,
    datacenter: `dc-${host % 4}`,
    instance: `host-${String(host).padStart(4, "0")}.example.internal:9100`,
    job: "w1",
    region: ["eu-west-1", "us-east-1", "us-west-2", "ap-south-1"][host % 4] as string,
    service: `service-${host % 50}`,
  };
  const parts = Object.entries(labels)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => {
      const pair = concatenated([field(1, utf8(name)), field(2, utf8(value))]);
      return field(1, pair);
    });
  return concatenated(parts);
}

function timeSeries(labels: Uint8Array, sampleBytes: Uint8Array): Uint8Array {
  return field(1, concatenated([labels, sampleBytes]));
}

function sample(value: number, timestampMs: number): Uint8Array {
  const bytes = new Uint8Array(9);
  bytes[0] = 0x09;
  new DataView(bytes.buffer).setFloat64(1, value, true);
  return field(2, concatenated([bytes, Uint8Array.of(0x10, ...varint(timestampMs))]));
}

function field(number: number, payload: Uint8Array): Uint8Array {
  return concatenated([Uint8Array.of((number << 3) | 2, ...varint(payload.length)), payload]);
}

function varint(value: number): number[] {
  const out: number[] = [];
  let rest = value;
  while (rest >= 128) {
    out.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  out.push(rest);
  return out;
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function concatenated(parts: readonly Uint8Array[]): Uint8Array {
  let size = 0;
  for (const part of parts) size += part.length;
  const out = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
