import { type HostReader, linesOf, wordsOf } from "./host-reader.ts";
import type { MetricWriter } from "./metric-writer.ts";

/** /proc counts processor time in hundredths of a second on every Linux we know (USER_HZ). */
const TICKS_PER_SECOND = 100;
const MODES = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"] as const;

/** Processor time by core and mode, from /proc/stat. */
export function collectCpu(reader: HostReader, writer: MetricWriter): void {
  for (const line of linesOf(reader, "/proc/stat")) {
    const match = /^cpu(\d+) (.*)$/.exec(line);
    if (match === null) continue;
    const [, cpu = "", rest = ""] = match;
    const ticks = wordsOf(rest).map(Number);
    for (const [index, mode] of MODES.entries())
      writer.add(
        "node_cpu_seconds_total",
        "counter",
        "Seconds the CPUs spent in each mode.",
        seconds(ticks[index]),
        { cpu, mode },
      );
    for (const [index, mode] of [
      [8, "user"],
      [9, "nice"],
    ] as const)
      writer.add(
        "node_cpu_guest_seconds_total",
        "counter",
        "Seconds the CPUs spent in guests (VMs) for each mode.",
        seconds(ticks[index]),
        { cpu, mode },
      );
  }
}

function seconds(ticks: number | undefined): number | undefined {
  return ticks === undefined ? undefined : ticks / TICKS_PER_SECOND;
}

const KERNEL_STATS = [
  ["intr", "node_intr_total", "counter", "Total number of interrupts serviced."],
  ["ctxt", "node_context_switches_total", "counter", "Total number of context switches."],
  ["btime", "node_boot_time_seconds", "gauge", "Node boot time, in unixtime."],
  ["processes", "node_forks_total", "counter", "Total number of forks."],
  ["procs_running", "node_procs_running", "gauge", "Number of processes in runnable state."],
  [
    "procs_blocked",
    "node_procs_blocked",
    "gauge",
    "Number of processes blocked waiting for I/O to complete.",
  ],
] as const;

/** The lines of /proc/stat that are of the whole machine. */
export function collectKernelStat(reader: HostReader, writer: MetricWriter): void {
  const stats = new Map<string, number>();
  for (const line of linesOf(reader, "/proc/stat")) {
    const [name = "", value] = wordsOf(line);
    stats.set(name, Number(value));
  }
  for (const [key, name, type, help] of KERNEL_STATS) writer.add(name, type, help, stats.get(key));
}

export function collectLoad(reader: HostReader, writer: MetricWriter): void {
  const [line] = linesOf(reader, "/proc/loadavg");
  if (line === undefined) return;
  const [load1, load5, load15] = wordsOf(line).map(Number);
  writer.add("node_load1", "gauge", "1m load average.", load1);
  writer.add("node_load5", "gauge", "5m load average.", load5);
  writer.add("node_load15", "gauge", "15m load average.", load15);
}

const PRESSURES = [
  [
    "cpu",
    "some",
    "node_pressure_cpu_waiting_seconds_total",
    "Total time in seconds that processes have waited for CPU time",
  ],
  [
    "io",
    "some",
    "node_pressure_io_waiting_seconds_total",
    "Total time in seconds that processes have waited due to IO congestion",
  ],
  [
    "io",
    "full",
    "node_pressure_io_stalled_seconds_total",
    "Total time in seconds no process could make progress due to IO congestion",
  ],
  [
    "memory",
    "some",
    "node_pressure_memory_waiting_seconds_total",
    "Total time in seconds that processes have waited for memory",
  ],
  [
    "memory",
    "full",
    "node_pressure_memory_stalled_seconds_total",
    "Total time in seconds no process could make progress due to memory congestion",
  ],
] as const;

/** How long tasks waited for a resource, from /proc/pressure. */
export function collectPressure(reader: HostReader, writer: MetricWriter): void {
  for (const [resource, kind, name, help] of PRESSURES)
    for (const line of linesOf(reader, `/proc/pressure/${resource}`)) {
      const match = /^(\w+) .*\btotal=(\d+)/.exec(line);
      if (match?.[1] === kind) writer.add(name, "counter", help, Number(match[2]) / 1e6);
    }
}

const VMSTAT_FIELDS = /^(?:oom_kill|pgpg|pswp|pg.*fault)/;

/** Paging and faults, from /proc/vmstat. */
export function collectVmstat(reader: HostReader, writer: MetricWriter): void {
  for (const line of linesOf(reader, "/proc/vmstat")) {
    const [name = "", value] = wordsOf(line);
    if (VMSTAT_FIELDS.test(name))
      writer.add(
        `node_vmstat_${name}`,
        "untyped",
        `/proc/vmstat information field ${name}.`,
        Number(value),
      );
  }
}
