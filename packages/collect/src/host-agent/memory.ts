import { type HostReader, linesOf } from "./host-reader.ts";
import type { MetricWriter } from "./metric-writer.ts";

const LINE = /^([^:]+):\s+(\d+)(?:\s+(kB))?\s*$/;

/** Every field of /proc/meminfo: `Active(anon): 5 kB` is node_memory_Active_anon_bytes 5120. */
export function collectMemory(reader: HostReader, writer: MetricWriter): void {
  for (const line of linesOf(reader, "/proc/meminfo")) {
    const match = LINE.exec(line);
    if (match === null) continue;
    const [, key = "", digits, unit] = match;
    const base = key.replace(/\((.*)\)$/, "_$1").replace(/[^a-zA-Z0-9_]/g, "_");
    const field = unit === undefined ? base : `${base}_bytes`;
    writer.add(
      `node_memory_${field}`,
      "gauge",
      `Memory information field ${field}.`,
      Number(digits) * (unit === undefined ? 1 : 1024),
    );
  }
}
