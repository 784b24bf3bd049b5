// The query workload Q: 10,000 series = 200 instances in 10 jobs × 50 series each, 6 h 20 min at exactly 15 s steps: what
// a service exposes of its requests, their latency and its sensors, and what node_exporter says of its machine.
import { seededRng } from "@pharos/base";
import { encodeLabelFields, snappyLiteral, WriteRequest } from "./remote-write-body.ts";

export const Q_STEP_MS = 15_000;
/** 6 h 20 min: every window of the queries lies within, and some hours of it are in blocks already. */
export const Q_ROUNDS = 1520;
export const Q_INSTANCES = 200;
const JOBS = 10;

/** Samples of one series in a body: ten minutes, as senders that catch up send them. */
const ROUNDS_PER_BODY = 40;
const INSTANCES_PER_BODY = 2;

const METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH"] as const;
const CODES = ["200", "500"] as const;
/** Upper bounds of the latency buckets, and the share of requests that is below each, about. */
const BUCKETS: readonly (readonly [le: string, share: number])[] = [
  ["0.005", 0.02],
  ["0.01", 0.08],
  ["0.025", 0.25],
  ["0.05", 0.42],
  ["0.075", 0.55],
  ["0.1", 0.65],
  ["0.25", 0.82],
  ["0.5", 0.9],
  ["0.75", 0.94],
  ["1", 0.96],
  ["2.5", 0.98],
  ["5", 0.99],
  ["7.5", 0.995],
  ["10", 0.998],
  ["+Inf", 1],
];
const SENSORS = ["s0", "s1", "s2", "s3", "s4"] as const;

/** A series of an instance: what it has beside `job` and `instance`, and how its value goes on. */
interface Kind {
  readonly labels: Readonly<Record<string, string>>;
  next(before: number, round: RoundOfInstance): number;
}

/** What an instance's series have in common at one time. */
interface RoundOfInstance {
  readonly requests: number;
  /** In [0, 1), one a call. */
  chance(): number;
}

const counter =
  (perRound: number): Kind["next"] =>
  (before, { chance }) =>
    before + Math.floor(chance() * perRound);
const seconds: Kind["next"] = (before, { chance }) =>
  Math.round((before + chance() * 4) * 100) / 100;

const named = (name: string, labels: Readonly<Record<string, string>>): Kind["labels"] => ({
  __name__: name,
  ...labels,
});

/** Label sets differ without the name, too, so that `rate` of all of them has 10,000 results. */
const KINDS: readonly Kind[] = [
  ...METHODS.flatMap((method) =>
    CODES.map((code) => ({
      labels: named("http_requests_total", { method, code }),
      next: counter(code === "200" ? 50 : 3),
    })),
  ),
  ...BUCKETS.map(([le, share]) => ({
    labels: named("http_request_duration_seconds_bucket", { le }),
    next: (before: number, { requests }: RoundOfInstance) => before + Math.floor(requests * share),
  })),
  ...SENSORS.map((sensor) => ({
    labels: named("app_temperature_celsius", { sensor }),
    next: (_: number, { chance }: RoundOfInstance) => Math.round((20 + chance() * 10) * 100) / 100,
  })),
  ...["0", "1", "2"].flatMap((cpu) =>
    ["user", "system", "idle", "iowait"].map((mode) => ({
      labels: named("node_cpu_seconds_total", { cpu, mode }),
      next: seconds,
    })),
  ),
  ...["eth0", "lo"].map((device) => ({
    labels: named("node_network_receive_bytes_total", { device }),
    next: counter(500_000),
  })),
  ...["sda", "sdb"].map((device) => ({
    labels: named("node_disk_read_bytes_total", { device }),
    next: counter(100_000),
  })),
  ...["/", "/boot", "/var"].map((mountpoint) => ({
    labels: named("node_filesystem_avail_bytes", { mountpoint }),
    next: (_: number, { chance }: RoundOfInstance) => 4096 * Math.floor(1e6 + chance() * 1000),
  })),
  {
    labels: named("node_load1", {}),
    next: (_, { chance }) => Math.round(chance() * 200) / 100,
  },
];

export interface WorkloadQ {
  readonly seriesCount: number;
  readonly sampleCount: number;
  readonly sliceCount: number;
  /**
   * The request bodies of ten minutes of every series, then of the next: each series is in one body of them. After
   * `sliceCount` of them, those of one round each.
   */
  slices(): Generator<readonly Uint8Array[]>;
}

/**
 * @param instances 200 for the whole workload; fewer for a quick look.
 * @param endMs the time of the last samples, but for those of `laterRounds`: they come after it, one by one.
 */
export function workloadQ({
  instances,
  rounds,
  endMs,
  laterRounds = 0,
}: {
  readonly instances: number;
  readonly rounds: number;
  readonly endMs: number;
  readonly laterRounds?: number;
}): WorkloadQ {
  const seriesCount = instances * KINDS.length;
  return {
    seriesCount,
    sampleCount: seriesCount * rounds,
    sliceCount: Math.ceil(rounds / ROUNDS_PER_BODY),
    *slices() {
      const rng = seededRng(1);
      const chance = (): number => rng.unit();
      const fields = Array.from({ length: instances }, (_, at) => labelFieldsOf(at)).flat();
      const last = new Float64Array(seriesCount);
      const body = new WriteRequest();
      let count = 0;
      for (let first = 0; first < rounds + laterRounds; first += count) {
        count = first < rounds ? Math.min(ROUNDS_PER_BODY, rounds - first) : 1;
        const timestampsMs = Float64Array.from(
          { length: count },
          (_, at) => endMs - (rounds - 1 - first - at) * Q_STEP_MS,
        );
        const bodies: Uint8Array[] = [];
        const columns = KINDS.map(() => new Float64Array(count));
        for (let instance = 0; instance < instances; instance++) {
          for (let at = 0; at < count; at++) {
            const round = { requests: Math.floor(chance() * 100), chance };
            for (const [kind, { next }] of KINDS.entries()) {
              const series = instance * KINDS.length + kind;
              const value = next(last[series] as number, round);
              last[series] = value;
              (columns[kind] as Float64Array)[at] = value;
            }
          }
          for (const [kind, values] of columns.entries())
            body.add(fields[instance * KINDS.length + kind] as Uint8Array, timestampsMs, values);
          if (
            instance % INSTANCES_PER_BODY === INSTANCES_PER_BODY - 1 ||
            instance === instances - 1
          )
            bodies.push(snappyLiteral(body.take()));
        }
        yield bodies;
      }
    },
  };
}

function labelFieldsOf(instance: number): Uint8Array[] {
  const place = { job: `job-${instance % JOBS}`, instance: `host-${instance}` };
  return KINDS.map(({ labels }) => encodeLabelFields({ ...labels, ...place }));
}
