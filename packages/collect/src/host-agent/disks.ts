import { type HostReader, linesOf, wordsOf } from "./host-reader.ts";
import type { MetricType, MetricWriter } from "./metric-writer.ts";

/** Partitions are left out: their disk has the sums. */
const IGNORED = /^(?:ram|loop|fd|(?:h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$/;

/** /proc/diskstats counts in sectors of 512 bytes, whatever the device has. */
const SECTOR_SIZE = 512;
const MS = 1 / 1000;

/** In the order of the columns that follow the device's name. */
const COLUMNS: readonly (readonly [name: string, type: MetricType, scale: number, help: string])[] =
  [
    ["reads_completed_total", "counter", 1, "The total number of reads completed successfully."],
    ["reads_merged_total", "counter", 1, "The total number of reads merged."],
    ["read_bytes_total", "counter", SECTOR_SIZE, "The total number of bytes read successfully."],
    ["read_time_seconds_total", "counter", MS, "The total number of seconds spent by all reads."],
    ["writes_completed_total", "counter", 1, "The total number of writes completed successfully."],
    ["writes_merged_total", "counter", 1, "The number of writes merged."],
    [
      "written_bytes_total",
      "counter",
      SECTOR_SIZE,
      "The total number of bytes written successfully.",
    ],
    [
      "write_time_seconds_total",
      "counter",
      MS,
      "This is the total number of seconds spent by all writes.",
    ],
    ["io_now", "gauge", 1, "The number of I/Os currently in progress."],
    ["io_time_seconds_total", "counter", MS, "Total seconds spent doing I/Os."],
    [
      "io_time_weighted_seconds_total",
      "counter",
      MS,
      "The weighted # of seconds spent doing I/Os.",
    ],
    [
      "discards_completed_total",
      "counter",
      1,
      "The total number of discards completed successfully.",
    ],
    ["discards_merged_total", "counter", 1, "The total number of discards merged."],
    [
      "discarded_sectors_total",
      "counter",
      1,
      "The total number of sectors discarded successfully.",
    ],
    [
      "discard_time_seconds_total",
      "counter",
      MS,
      "This is the total number of seconds spent by all discards.",
    ],
    [
      "flush_requests_total",
      "counter",
      1,
      "The total number of flush requests completed successfully",
    ],
    [
      "flush_requests_time_seconds_total",
      "counter",
      MS,
      "This is the total number of seconds spent by all flush requests.",
    ],
  ];

/** Work of each disk, from /proc/diskstats. Older kernels have fewer columns. */
export function collectDisks(reader: HostReader, writer: MetricWriter): void {
  for (const line of linesOf(reader, "/proc/diskstats")) {
    const [, , device = "", ...numbers] = wordsOf(line);
    if (device === "" || IGNORED.test(device)) continue;
    for (const [index, [name, type, scale, help]] of COLUMNS.entries()) {
      const digits = numbers[index];
      const value = digits === undefined ? undefined : Number(digits);
      writer.add(`node_disk_${name}`, type, help, scaled(value, scale), { device });
    }
  }
}

function scaled(value: number | undefined, scale: number): number | undefined {
  // Dividing by 1000 is exact where multiplying by 0.001 is not.
  return value === undefined ? undefined : scale === MS ? value / 1000 : value * scale;
}
