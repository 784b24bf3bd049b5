import { readdirSync, readFileSync } from "node:fs";
import { type EventLoopUtilization, monitorEventLoopDelay, performance } from "node:perf_hooks";
import { Counter, Gauge, Histogram, Registry, Summary } from "@prometheus-io/client";
import { BUILD_INFO } from "./build-info.ts";

/** How often the event loop is looked at; what it measures counts from there. */
const DELAY_RESOLUTION_MS = 10;

/** One value, or one for each label set; read when somebody asks for the metrics. */
type Reading = number | readonly (readonly [labels: Record<string, string>, value: number])[];

/** Takes a value of a histogram, or of a summary. */
export type Observe = (labels: Readonly<Record<string, string>>, value: number) => void;

/**
 * What Pharos says of itself at `/metrics`. Figures that others keep anyway are read when asked for, so that counting
 * costs nothing on the hot paths.
 */
export class OwnMetrics {
  readonly #registry = new Registry();
  readonly #observeHttp: Observe;

  constructor() {
    this.gauge(
      "pharos_build_info",
      "Version of Pharos and of the Node that runs it, always 1.",
      () => [[{ version: BUILD_INFO.version, node: process.versions.node }, 1]],
      ["version", "node"],
    );
    this.#observeHttp = this.histogram(
      "pharos_http_request_duration_seconds",
      "Time from a request's head to the end of its answer.",
      [0.001, 0.005, 0.025, 0.1, 0.25, 1, 2.5, 10, 30, 120],
      ["handler", "code"],
    );
    this.#addProcess();
  }

  gauge(name: string, help: string, read: () => Reading, labelNames: readonly string[] = []): void {
    new Gauge({
      name,
      help,
      labelNames: [...labelNames],
      registers: [this.#registry],
      collect() {
        this.reset();
        for (const [labels, value] of readings(read())) this.set(labels, value);
      },
    });
  }

  /** A total that only grows until the process ends, kept by somebody else. */
  counter(
    name: string,
    help: string,
    read: () => Reading,
    labelNames: readonly string[] = [],
  ): void {
    new Counter({
      name,
      help,
      labelNames: [...labelNames],
      registers: [this.#registry],
      collect() {
        this.reset();
        for (const [labels, value] of readings(read())) this.inc(labels, value);
      },
    });
  }

  /** Gives what to tell each value to. `bounds` are the upper ones of the buckets. */
  histogram(
    name: string,
    help: string,
    bounds: readonly number[],
    labelNames: readonly string[],
  ): Observe {
    const histogram = new Histogram({
      ...{ name, help },
      labelNames: [...labelNames],
      buckets: [...bounds],
      registers: [this.#registry],
    });
    return (labels, value) => histogram.observe(labels, value);
  }

  /** As `histogram`, with quantiles of the last ten minutes in place of buckets, as Prometheus's servers have them. */
  summary(name: string, help: string, labelNames: readonly string[]): Observe {
    const summary = new Summary({
      ...{ name, help, percentiles: [0.5, 0.9, 0.99], maxAgeSeconds: 600, ageBuckets: 5 },
      labelNames: [...labelNames],
      registers: [this.#registry],
    });
    return (labels, value) => summary.observe(labels, value);
  }

  observeHttp(handler: string, code: number, seconds: number): void {
    this.#observeHttp({ handler, code: String(code) }, seconds);
  }

  /** All of them in the text format 0.0.4. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  /** The names that every Prometheus client library has, and the event loop, whose stalls stall everything. */
  #addProcess(): void {
    const startSeconds = performance.timeOrigin / 1000;
    this.gauge(
      "process_start_time_seconds",
      "Start time of the process, Unix epoch.",
      () => startSeconds,
    );
    this.counter("process_cpu_seconds_total", "User and system CPU time spent.", () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1e6;
    });
    this.gauge("process_resident_memory_bytes", "Resident memory size.", () =>
      process.memoryUsage.rss(),
    );
    this.gauge("process_virtual_memory_bytes", "Virtual memory size.", virtualMemorySize);
    this.gauge("process_open_fds", "Open file descriptors.", () => countEntries("/proc/self/fd"));
    this.gauge("process_max_fds", "How many file descriptors may be open.", openFilesMax);
    this.gauge(
      "nodejs_heap_used_bytes",
      "JavaScript heap in use.",
      () => process.memoryUsage().heapUsed,
    );
    this.gauge(
      "nodejs_external_memory_bytes",
      "Memory of buffers outside the JavaScript heap.",
      () => {
        const { external } = process.memoryUsage();
        return external;
      },
    );

    const delays = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS });
    delays.enable();
    this.gauge(
      "nodejs_eventloop_delay_seconds",
      "Delay of the event loop since the last scrape, by percentile.",
      () => {
        const quantiles = ([50, 90, 99, 100] as const).map(
          (percent) =>
            [
              { percentile: String(percent) },
              Math.max(0, delays.percentile(percent) / 1e9 - DELAY_RESOLUTION_MS / 1000),
            ] as const,
        );
        delays.reset();
        return quantiles;
      },
      ["percentile"],
    );
    let last: EventLoopUtilization = performance.eventLoopUtilization();
    this.gauge(
      "nodejs_eventloop_utilization_ratio",
      "Share of time the event loop was busy since the last scrape.",
      () => {
        const now = performance.eventLoopUtilization();
        const { utilization } = performance.eventLoopUtilization(now, last);
        last = now;
        return utilization;
      },
    );
  }
}

function readings(reading: Reading): readonly (readonly [Record<string, string>, number])[] {
  return typeof reading === "number" ? [[{}, reading]] : reading;
}

/** Field 23 of /proc/self/stat; 0 where there is no /proc. */
function virtualMemorySize(): number {
  const stat = readProc("stat");
  // Field 2 is the program's name in brackets, which may hold anything; field 3 comes after them.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[23 - 3] ?? 0);
}

function openFilesMax(): number {
  return Number(/^Max open files\s+(\d+)/m.exec(readProc("limits"))?.[1] ?? 0);
}

function readProc(name: string): string {
  try {
    return readFileSync(`/proc/self/${name}`, "utf8");
  } catch {
    return ""; // Not Linux: these figures are 0 there.
  }
}

function countEntries(folder: string): number {
  try {
    return readdirSync(folder).length;
  } catch {
    return 0; // Not Linux.
  }
}
