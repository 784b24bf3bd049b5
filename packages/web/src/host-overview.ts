import { lastRange, PRESETS_MS, type TimeRange } from "./time-range.ts";
import type { Unit } from "./value-format.ts";

/** A chart that is there before anyone has written a query. */
export interface OverviewChart {
  readonly title: string;
  readonly expr: string;
  readonly unit: Unit;
  readonly stacked: boolean;
}

/** This machine, in the names of node_exporter. A rate over a minute needs two scrapes, so the first line comes soon. */
export const HOST_CHARTS: readonly OverviewChart[] = [
  {
    title: "CPU by mode",
    expr: 'avg by (mode) (rate(node_cpu_seconds_total{mode!="idle"}[1m])) * 100',
    unit: "percent",
    stacked: true,
  },
  {
    title: "Memory",
    expr: [
      'label_replace(sum by (instance) (node_memory_MemTotal_bytes - node_memory_MemAvailable_bytes), "memory", "used", "", "")',
      'or label_replace(sum by (instance) (node_memory_MemTotal_bytes), "memory", "total", "", "")',
    ].join("\n"),
    unit: "bytes",
    stacked: false,
  },
  {
    title: "Load",
    expr: '{__name__=~"node_load(1|5|15)"}',
    unit: "none",
    stacked: false,
  },
  {
    title: "Network, received and sent (negative)",
    expr: [
      'label_replace(sum by (instance) (rate(node_network_receive_bytes_total[1m])), "direction", "received", "", "")',
      'or label_replace(-sum by (instance) (rate(node_network_transmit_bytes_total[1m])), "direction", "sent", "", "")',
    ].join("\n"),
    unit: "bytes/s",
    stacked: false,
  },
];

/** Until this has a sample, the overview waits for the first scrapes. */
export const HOST_PROBE_EXPR = HOST_CHARTS[0]?.expr ?? "";

const SHORTEST_MS = 2 * 60_000;
const LONGEST_MS = 3_600_000;

/**
 * The range of the overview: short while there is little to see, an hour at most, so that a minute after the first
 * start the lines fill more than a corner. `oldestMs` is the oldest sample's time.
 */
export function overviewRange(oldestMs: number | undefined, nowMs: number): TimeRange {
  if (oldestMs === undefined) return lastRange(SHORTEST_MS);
  const lengths = [SHORTEST_MS, ...PRESETS_MS.filter((ms) => ms <= LONGEST_MS)];
  return lastRange(lengths.find((ms) => ms >= nowMs - oldestMs) ?? LONGEST_MS);
}
