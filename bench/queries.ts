// Queries, side by side: 10,000 series × 6 h 20 min, each shape of query asked of each server in turns, one at a time.
// `npm run bench:query`; `-- --cached yes` asks as a dashboard that is refreshed with each new sample, caches on.
// `-- --shapes a,b` only some of them, `-- --state flushed` with everything in blocks.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { Agent, get } from "node:http";
import { join } from "node:path";
import { benchOptions, printVersions, SERVER_CORE } from "./bench-options.ts";
import { endProgress, formatRows, progress } from "./comparison.ts";
import type { Contender } from "./contenders.ts";
import { queryNumber } from "./query.ts";
import {
  deviation,
  geometricMean,
  median,
  memoryRequest,
  type QueryShape,
  queryShapes,
} from "./query-shapes.ts";
import { Sender } from "./sender.ts";
import { ServerProcess } from "./server-process.ts";
import { Q_INSTANCES, Q_ROUNDS, Q_STEP_MS, type WorkloadQ, workloadQ } from "./workload-q.ts";

const MIB = 1024 ** 2;
/** In each turn a server is asked the same for so long, but at least and at most so many times. */
const TURN_MS = 400;
const TURN_MIN = 3;
const TURN_MAX = 100;
/** Asked before the first turn, and not counted: caches fill, and what is compiled as it runs is compiled. */
const WARM_UPS = 1000;
const WARM_UP_MS = 4000;
/** Of Prometheus's answers ours differ only by how sums are rounded. */
const SAME = 1e-9;

const options = benchOptions({
  shapes: ["a,b,c,d,d2,e,f,g,h,h2", "a,b,c,d,d2,e,f,g,h,h2"],
  rounds: ["5", "1"],
  state: ["as-it-comes", "as-it-comes"],
  core: [String(SERVER_CORE), String(SERVER_CORE)],
  keep: ["", ""],
  memory: ["yes", "yes"],
  cached: ["no", "no"],
});
const { own, quick } = options;
const isCached = own.cached === "yes";
/** New samples of each series come so often, each followed by a refresh, and one before that is not counted. */
const REFRESHES = 41;
/** Those that dashboards ask. */
const REFRESHED_SHAPES = ["b", "c", "d2", "g"];

interface Figures {
  readonly p50Ms: number;
  readonly cpuMs: number;
}

class Loaded implements AsyncDisposable {
  readonly contender: Contender;
  readonly server: ServerProcess;
  /** The samples that come later. */
  readonly later: Iterator<readonly Uint8Array[]>;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(contender: Contender, server: ServerProcess, later: Iterator<readonly Uint8Array[]>) {
    this.later = later;
    this.contender = contender;
    this.server = server;
  }

  /** The size of the answer, or the answer. */
  ask(request: string, keep: true): Promise<string>;
  ask(request: string, keep?: false): Promise<number>;
  ask(request: string, keep = false): Promise<string | number> {
    // Prometheus has no cache of results; the others are told not to use theirs.
    const suffix = isCached || this.contender.name === "prometheus" ? "" : "&nocache=1";
    return new Promise((resolve, reject) => {
      const sent = get(this.server.url + request + suffix, { agent: this.#agent }, (response) => {
        const parts: Buffer[] = [];
        let size = 0;
        response.on("data", (part: Buffer) => {
          size += part.length;
          if (keep || response.statusCode !== 200) parts.push(part);
        });
        response.on("error", reject).on("end", () => {
          const answer = Buffer.concat(parts).toString();
          if (response.statusCode === 200) resolve(keep ? answer : size);
          else reject(new Error(`${this.contender.name}: ${request}: ${answer.slice(0, 300)}`));
        });
      });
      sent.on("error", reject);
    });
  }

  /** Asks the same for a while, one at a time. */
  async turn(request: string): Promise<{ readonly timesMs: number[]; readonly cpuMs: number }> {
    const timesMs: number[] = [];
    const started = performance.now();
    const cpuBefore = this.server.cpuMs();
    for (;;) {
      const asked = performance.now();
      await this.ask(request);
      const now = performance.now();
      timesMs.push(now - asked);
      if (timesMs.length >= TURN_MAX || (timesMs.length >= TURN_MIN && now - started > TURN_MS))
        break;
    }
    return { timesMs, cpuMs: (this.server.cpuMs() - cpuBefore) / timesMs.length };
  }

  async warmUp(request: string): Promise<void> {
    const started = performance.now();
    for (let at = 0; at < WARM_UPS; at++) {
      await this.ask(request);
      if (performance.now() - started > WARM_UP_MS) return;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#agent.destroy();
    await this.server[Symbol.asyncDispose]();
  }
}

/** Where data is kept for the next run, what it ends with is written there. */
function endOfData(): number {
  // What comes later is not to be of the future.
  const laterMs = isCached ? REFRESHES * Q_STEP_MS : 0;
  const nowMs = Math.floor((Date.now() - laterMs) / Q_STEP_MS) * Q_STEP_MS;
  if (own.keep === "") return nowMs;
  const file = join(own.keep, "end.json");
  if (existsSync(file)) return Number(readFileSync(file, "utf8"));
  mkdirSync(own.keep, { recursive: true });
  writeFileSync(file, String(nowMs));
  return nowMs;
}

async function load(contender: Contender, work: WorkloadQ): Promise<Loaded | undefined> {
  const folder = own.keep === "" ? undefined : join(own.keep, contender.name);
  const isThere = folder !== undefined && existsSync(folder);
  if (folder !== undefined) mkdirSync(folder, { recursive: true });
  const core = own.core === "all" ? {} : { core: Number(own.core) };
  const server = await ServerProcess.start(contender, {
    ...core,
    ...(folder === undefined ? {} : { folder }),
  });
  if (server === undefined) return undefined;
  const slices = work.slices();
  if (!isThere) {
    using sender = new Sender(server.url + contender.writePath);
    let sent = 0;
    while (sent < work.sliceCount) {
      await sender.send(slices.next().value ?? []);
      progress(`${contender.name}: ${++sent} of ${work.sliceCount} parts of the data`);
    }
  }
  progress(`${contender.name}: until it is quiet`);
  if (own.state === "flushed") await flush(contender, server);
  await server.quiet();
  return new Loaded(contender, server, slices);
}

/** Moves what is in memory to files, where a server can be told to. */
async function flush({ name }: Contender, server: ServerProcess): Promise<void> {
  if (name === "pharos") await server.ask("/api/v1/admin/tsdb/flush", { method: "POST" });
  if (name === "victoria-metrics") await server.ask("/internal/force_flush");
}

/** @throws Error where samples are missing, or two servers do not answer the same. */
async function check(
  all: readonly Loaded[],
  shapes: readonly QueryShape[],
  work: WorkloadQ,
  endMs: number,
): Promise<ReadonlyMap<string, number>> {
  const deviations = new Map<string, number>();
  const spanSeconds = (Q_ROUNDS + 1) * (Q_STEP_MS / 1000);
  for (const { server, contender } of all) {
    const counts = `sum(count_over_time({job=~"job-.*"}[${spanSeconds}s]))`;
    const found = await queryNumber(server, counts, endMs);
    if (found !== work.sampleCount)
      throw new Error(`${contender.name}: sent ${work.sampleCount} samples, found ${found}`);
  }
  const [first, ...others] = all;
  if (first === undefined) return deviations;
  for (const shape of shapes) {
    const answer = await first.ask(shape.request, true);
    for (const other of others) {
      const far = deviation(shape, answer, await other.ask(shape.request, true));
      const extrapolates = ![first, other].some(
        (each) => each.contender.name === "victoria-metrics",
      );
      // Of fewer series, what is not extrapolated differs more.
      const tolerance = extrapolates ? SAME : Math.max(SAME, shape.tolerance * (quick ? 5 : 1));
      if (far === undefined || far > tolerance)
        throw new Error(
          `${shape.id}: ${first.contender.name} and ${other.contender.name} ` +
            (far === undefined ? "answer different series" : `are ${far} apart`),
        );
      deviations.set(shape.id, Math.max(far, deviations.get(shape.id) ?? 0));
    }
  }
  return deviations;
}

/** The turns of all, interleaved: figures by shape, then by contender. */
async function measure(
  all: readonly Loaded[],
  shapes: readonly QueryShape[],
): Promise<ReadonlyMap<string, readonly Figures[]>> {
  const runs = new Map<string, { timesMs: number[]; cpuMs: number[] }[]>();
  for (const { id } of shapes)
    runs.set(
      id,
      all.map(() => ({ timesMs: [], cpuMs: [] })),
    );
  for (let round = 0; round < Number(own.rounds); round++)
    for (const { id, request } of shapes)
      for (const [at, loaded] of all.entries()) {
        progress(`round ${round + 1} of ${own.rounds}: ${id} of ${loaded.contender.name}`);
        if (round === 0) await loaded.warmUp(request);
        const { timesMs, cpuMs } = await loaded.turn(request);
        const run = runs.get(id)?.[at];
        run?.timesMs.push(...timesMs);
        run?.cpuMs.push(cpuMs);
      }
  endProgress();
  return figuresOf(runs);
}

/** What a dashboard sees: new samples come, and it asks for its graphs again. One server after the other, all in turns. */
async function measureRefreshes(
  all: readonly Loaded[],
  endMs: number,
): Promise<ReadonlyMap<string, readonly Figures[]>> {
  const runs = new Map<string, { timesMs: number[]; cpuMs: number[] }[]>();
  for (let at = 1; at <= REFRESHES; at++) {
    progress(`refresh ${at} of ${REFRESHES}`);
    const asked = queryShapes(endMs + at * Q_STEP_MS, true);
    for (const [index, { server, contender, later }] of all.entries()) {
      using sender = new Sender(server.url + contender.writePath);
      await sender.send(later.next().value ?? []);
      for (const { id, request } of asked) {
        if (!REFRESHED_SHAPES.includes(id)) continue;
        const cpuBefore = server.cpuMs();
        const started = performance.now();
        await all[index]?.ask(request);
        const elapsedMs = performance.now() - started;
        if (at === 1) continue;
        const list = runs.getOrInsertComputed(id, () =>
          all.map(() => ({ timesMs: [], cpuMs: [] })),
        );
        list[index]?.timesMs.push(elapsedMs);
        list[index]?.cpuMs.push(server.cpuMs() - cpuBefore);
      }
    }
  }
  endProgress();
  return figuresOf(runs);
}

function figuresOf(
  runs: ReadonlyMap<string, readonly { readonly timesMs: number[]; readonly cpuMs: number[] }[]>,
): ReadonlyMap<string, readonly Figures[]> {
  const figures = new Map<string, readonly Figures[]>();
  for (const [id, list] of runs)
    figures.set(
      id,
      list.map(({ timesMs, cpuMs }) => ({ p50Ms: median(timesMs), cpuMs: median(cpuMs) })),
    );
  return figures;
}

function printFigures(
  all: readonly Loaded[],
  shapes: readonly QueryShape[],
  figures: ReadonlyMap<string, readonly Figures[]>,
  deviations: ReadonlyMap<string, number>,
): void {
  for (const [title, of] of [
    ["p50 ms", (each: Figures) => each.p50Ms],
    ["CPU ms", (each: Figures) => each.cpuMs],
  ] as const) {
    const header = [title, ...all.map(({ contender }) => contender.name)];
    for (const { contender } of all.slice(1)) header.push(`${contender.name} /`);
    const rows = [[...header, "apart"]];
    const ratios: number[][] = all.slice(1).map(() => []);
    for (const { id, title: query } of shapes) {
      const list = (figures.get(id) ?? []).map(of);
      const row = [`${id.padEnd(3)}${query.slice(0, 60)}`, ...list.map((each) => each.toFixed(2))];
      for (const [at, each] of list.slice(1).entries()) {
        const ratio = each / (list[0] as number);
        ratios[at]?.push(ratio);
        row.push(`${ratio.toFixed(2)}x`);
      }
      rows.push([...row, deviations.get(id)?.toExponential(1) ?? ""]);
    }
    const means = ratios.map((list) => `${geometricMean(list)?.toFixed(2) ?? "–"}x`);
    rows.push(["geometric mean", ...all.map(() => ""), ...means, ""]);
    process.stdout.write(`\n${formatRows(rows)}`);
  }
}

/** What the heaviest query takes beyond what the server has when it is idle. */
async function printMemory(all: readonly Loaded[], endMs: number): Promise<void> {
  const rows = [
    ["rate of all series, 6 h step 60 s", "idle MiB", "peak above it", "answer MiB", "s"],
  ];
  for (const loaded of all) {
    const { server, contender } = loaded;
    progress(`${contender.name}: memory of the heaviest query`);
    await server.quiet();
    const idleSize = server.memory().residentSize;
    server.resetPeak();
    const started = performance.now();
    const answerSize = await loaded.ask(memoryRequest(endMs));
    const seconds = (performance.now() - started) / 1000;
    const above = server.memory().peakSize - idleSize;
    rows.push([
      contender.name,
      ...[idleSize, above, answerSize].map((size) => (size / MIB).toFixed(0)),
      seconds.toFixed(2),
    ]);
  }
  endProgress();
  process.stdout.write(`\n${formatRows(rows)}`);
}

if (isCached && own.keep !== "")
  throw new TypeError("--cached adds samples: it cannot use data that was kept");
const endMs = endOfData();
const work = workloadQ({
  ...{ instances: quick ? 20 : Q_INSTANCES, rounds: Q_ROUNDS, endMs },
  laterRounds: isCached ? REFRESHES : 0,
});
const wanted = own.shapes.split(",");
const shapes = queryShapes(endMs).filter(({ id }) => wanted.includes(id));
const all: Loaded[] = [];
try {
  for (const contender of options.contenders) {
    const loaded = await load(contender, work);
    if (loaded !== undefined) all.push(loaded);
    else process.stdout.write(`${contender.name} is missing; see scripts/services.sh\n`);
  }
  const deviations = isCached ? new Map<string, number>() : await check(all, shapes, work, endMs);
  process.stdout.write(
    `${work.seriesCount} series, ${work.sampleCount} samples; ` +
      `${own.state === "flushed" ? "flushed" : "as it comes: the newest hours in memory"}; ` +
      `servers on ${own.core === "all" ? "all cores" : `core ${own.core}`}\n`,
  );
  const asked = isCached ? shapes.filter(({ id }) => REFRESHED_SHAPES.includes(id)) : shapes;
  const figures = isCached ? await measureRefreshes(all, endMs) : await measure(all, shapes);
  printFigures(all, asked, figures, deviations);
  if (own.memory === "yes" && !isCached) await printMemory(all, endMs);
  printVersions(all.map(({ contender }) => contender));
} finally {
  for (const each of all) await each[Symbol.asyncDispose]();
}
