// Reading, without the query engine: how fast the columns of warm blocks are decoded, and `select` of 10,000 series × 6 h
// at 15 s on one core. For context, what the servers need to count the same samples. `npm run bench:select`, which holds
// this process to core 1.
import { rm } from "node:fs/promises";
import { nodeDisk, systemClock } from "@pharos/adapters/node";
import { createMatcher, labelsFrom } from "@pharos/base";
import { encodeLabels, Kernels, SampleColumns, SeriesTable } from "@pharos/kernels";
import { type EmbeddedStore, openStore } from "@pharos/tsdb";
// Blocks are nobody's business but the engine's, and this file's.
import { Block } from "../packages/tsdb/src/block/block.ts";
import { BlockCache } from "../packages/tsdb/src/block/block-cache.ts";
import { BlockWriter } from "../packages/tsdb/src/block/block-writer.ts";
import { ColumnDecoder } from "../packages/tsdb/src/block/column-decoder.ts";
import { compareLabelBytes } from "../packages/tsdb/src/block/label-order.ts";
import { benchOptions, printVersions, SERVER_CORE } from "./bench-options.ts";
import { compare, endProgress, percentile, printTable, progress } from "./comparison.ts";
import type { Contender } from "./contenders.ts";
import { CAPTURE_FILE, capturedData, type DiskData, generatedData } from "./disk-data.ts";
import { queryNumber } from "./query.ts";
import { Sender } from "./sender.ts";
import { ServerProcess, temporaryFolder } from "./server-process.ts";
import { METRICS, STEP_MS, w1LabelSets, w1Values, workloadW1 } from "./workload-w1.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const SELECT_HOURS = 6;
/** The same is read so often; the first times, which fill caches and compile code, are not counted. */
const REPEATS = 15;
const WARM_UPS = 5;

const options = benchOptions({ what: ["decode,select,servers", "decode,select,servers"] });
const what = options.own.what.split(",");
const hosts = options.quick ? 10 : 100;
const rounds = (SELECT_HOURS * HOUR_MS) / STEP_MS;
const endMs = Math.floor(Date.now() / STEP_MS) * STEP_MS;

interface ReadFigures {
  readonly samples: number;
  /** Of each counted repetition. */
  readonly timesMs: readonly number[];
}

/** Reads `REPEATS` times, after warming up; `read` answers how many samples there were. */
async function timed(read: () => number | Promise<number>): Promise<ReadFigures> {
  const timesMs: number[] = [];
  let samples = 0;
  for (let at = 0; at < WARM_UPS + REPEATS; at++) {
    const started = performance.now();
    samples = await read();
    if (at >= WARM_UPS) timesMs.push(performance.now() - started);
  }
  return { samples, timesMs };
}

/** Every series of one block of a day, whole, with everything it needs in the block cache. */
async function decode(data: DiskData): Promise<ReadFigures> {
  const folder = await temporaryFolder("decode");
  try {
    const disk = nodeDisk(folder);
    const kernels = await Kernels.load();
    const dayEndMs = Math.ceil(endMs / DAY_MS) * DAY_MS;
    disk.makeDirectory("blocks");
    const writer = BlockWriter.create(disk, kernels, {
      ...{ directory: "blocks", tier: "raw", sequence: 1, compression: "zstd" },
      ...{ rangeStartMs: dayEndMs - DAY_MS, rangeEndMs: dayEndMs },
    });
    const series = data.series
      .map((each) => ({ ...each, labelBytes: encodeLabels(labelsFrom(each.labels)) }))
      .sort((a, b) => compareLabelBytes(a.labelBytes, b.labelBytes));
    for (const { labelBytes, timestampsMs, values } of series) {
      const bits = new Uint32Array(values.buffer, values.byteOffset, values.length * 2);
      writer.add(labelBytes, [{ kind: "samples", timestampsMs, floats: [bits], bytes: [] }]);
    }
    await writer.finish(async () => {});
    const [name] = disk.list("blocks");
    const block = Block.open(disk, `blocks/${name}`, new BlockCache());
    const decoder = new ColumnDecoder(kernels);
    const figures = await timed(() => {
      let samples = 0;
      for (let at = 0; at < series.length; at++)
        block.read(at, "samples", dayEndMs - DAY_MS, dayEndMs, decoder, ({ timestampsMs }) => {
          samples += timestampsMs.length;
        });
      return samples;
    });
    block.close();
    return figures;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** `select` of everything, first from memory and then from blocks. */
async function select(): Promise<readonly (readonly [from: string, figures: ReadFigures])[]> {
  const folder = await temporaryFolder("select");
  try {
    const kernels = await Kernels.load();
    const table = new SeriesTable(kernels, { seed: 1 });
    const disk = nodeDisk(folder);
    await using store = await openStore({ disk, clock: systemClock, kernels, table });
    fill(store, kernels);
    const fromMemory = await timed(() => readAll(store));
    await store.flush();
    return [
      ["memory", fromMemory],
      ["blocks", await timed(() => readAll(store))],
    ];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function fill(store: EmbeddedStore, kernels: Kernels): void {
  const labelSets = w1LabelSets(hosts);
  const values = w1Values(labelSets.length);
  // They stay: none of them is ever without a sample for an hour.
  const refs = labelSets.map((labels) => store.intern(labelsFrom(labels)));
  const columns = new SampleColumns(kernels, labelSets.length);
  for (let round = 0; round < rounds; round++) {
    columns.clear();
    const timestampMs = endMs - (rounds - 1 - round) * STEP_MS;
    for (const [at, ref] of refs.entries()) columns.push(ref, timestampMs, values.next(at));
    const appended = store.appendColumns(columns);
    if ("appended" in appended && appended.appended !== labelSets.length)
      throw new Error(`of ${labelSets.length} samples ${appended.appended} were appended`);
    if (round % 10 === 0) progress(`round ${round} of ${rounds}`);
  }
  columns.release();
  endProgress();
}

async function readAll(store: EmbeddedStore): Promise<number> {
  const range = { minMs: endMs - SELECT_HOURS * HOUR_MS, maxMs: endMs };
  const { signal } = new AbortController();
  const limits = { samplesMax: Number.POSITIVE_INFINITY, signal };
  let samples = 0;
  for await (const { values } of store.select(range, [createMatcher("=", "job", "w1")], limits))
    samples += values.length;
  return samples;
}

interface ServerFigures extends ReadFigures {
  readonly cpuMs: number;
}

/** What a server needs to read the same series for a query that asks the engine for next to nothing. */
async function count(contender: Contender): Promise<ServerFigures | undefined> {
  await using server = await ServerProcess.start(contender, { core: SERVER_CORE });
  if (server === undefined) return undefined;
  const work = workloadW1({ hosts, rounds, endMs });
  using sender = new Sender(server.url + contender.writePath);
  for (let round = 0; round < rounds; round++) {
    if (round % 10 === 0) progress(`${contender.name}: round ${round} of ${rounds}`);
    await sender.send([...work.bodies(round)]);
  }
  progress(`${contender.name}: flushes and merges`);
  await contender.settle(server);
  // Metric by metric, since the function drops the name.
  const query = METRICS.map(
    (metric) => `sum(count_over_time(${metric}{job="w1"}[${SELECT_HOURS}h]))`,
  ).join(" + ");
  for (let at = 0; at < WARM_UPS; at++) await queryNumber(server, query, endMs);
  const timesMs: number[] = [];
  const cpuBefore = server.cpuSeconds();
  let samples = 0;
  for (let at = 0; at < REPEATS; at++) {
    const started = performance.now();
    samples = await queryNumber(server, query, endMs);
    timesMs.push(performance.now() - started);
  }
  endProgress();
  return { samples, timesMs, cpuMs: ((server.cpuSeconds() - cpuBefore) * 1000) / REPEATS };
}

const rate = ({ samples, timesMs }: ReadFigures): number =>
  samples / percentile(timesMs, 50) / 1000;

if (what.includes("decode")) {
  const results = new Map<string, readonly ReadFigures[]>();
  const dayEndMs = Math.ceil(endMs / DAY_MS) * DAY_MS - STEP_MS;
  const shape = { hosts: options.quick ? 2 : 10, rounds: DAY_MS / STEP_MS, endMs: dayEndMs };
  const captured = { endMs: dayEndMs, restamp: true, scrapesMax: shape.rounds };
  const inputs = [
    generatedData({ ...shape, jitterMsMax: 0 }),
    capturedData(CAPTURE_FILE, captured),
  ];
  for (const data of inputs) if (data !== undefined) results.set(data.title, [await decode(data)]);
  printTable<ReadFigures>("columns of a warm block", results, [
    { title: "M samples", digits: 2, of: ({ samples }) => samples / 1e6 },
    { title: "p50 ms", digits: 1, of: ({ timesMs }) => percentile(timesMs, 50) },
    { title: "M samples/s", digits: 0, of: rate },
  ]);
}
if (what.includes("select")) {
  const results = new Map((await select()).map(([from, figures]) => [from, [figures]]));
  printTable<ReadFigures>(`select, ${hosts * 100} series x ${SELECT_HOURS} h, from`, results, [
    { title: "M samples", digits: 2, of: ({ samples }) => samples / 1e6 },
    { title: "p50 ms", digits: 1, of: ({ timesMs }) => percentile(timesMs, 50) },
    { title: "p99 ms", digits: 1, of: ({ timesMs }) => percentile(timesMs, 99) },
    { title: "M samples/s", digits: 0, of: rate },
  ]);
}
if (what.includes("servers")) {
  const results = await compare(options.contenders, options, count);
  printTable<ServerFigures>("counting the same by query", results, [
    { title: "M samples", digits: 2, of: ({ samples }) => samples / 1e6 },
    { title: "p50 ms", digits: 1, of: ({ timesMs }) => percentile(timesMs, 50), ratio: true },
    { title: "CPU ms", digits: 1, of: ({ cpuMs }) => cpuMs, ratio: true },
  ]);
}
printVersions(options.contenders);
