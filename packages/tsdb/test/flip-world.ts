// A small data folder that has one of each kind of file, and what becomes of it when a byte changes.
import { deepEqual, ok } from "node:assert/strict";
import {
  createMatcher,
  formatLabels,
  type Labels,
  labelsFrom,
  METRIC_NAME,
  OperatingError,
  seededRng,
} from "@pharos/base";
import { Kernels, SeriesTable } from "@pharos/kernels";
import { SimClock, SimDisk } from "@pharos/testing";
import { verifyBlocks } from "../src/block/verify-blocks.ts";
import { openStore } from "../src/open-store.ts";
import type { EmbeddedStore } from "../src/store.ts";
import { verifyWal } from "../src/verify-wal.ts";
import { goOn } from "./block-builder.ts";

const HOUR_MS = 3_600_000;
const START_MS = 1_700_006_400_000;
const TIERS = ["1h", "1d"] as const;
const SERIES: readonly Labels[] = ["a", "b", "c", "d"].map((host) =>
  labelsFrom({ [METRIC_NAME]: "requests_total", host }),
);
/** Where a change costs nothing but work, and nobody has to be told: what it says is found out again. */
const MADE_AGAIN = "rollups/state.json";
/** Without it nobody knows what was deleted: the store does not open until somebody decides. */
const REFUSED = /^(blocks|rollups\/[^/]+)\/deletions\.json$/;

const all = [createMatcher("=~", METRIC_NAME, ".+")];

interface Answer {
  /** Every sample, as `series @ time = bits`. */
  readonly samples: ReadonlySet<string>;
  /** Every row of the tiers, as `tier series @ window = numbers`. */
  readonly rows: ReadonlySet<string>;
}

interface World {
  readonly kernels: Kernels;
  readonly clock: SimClock;
  readonly disk: SimDisk;
  readonly truth: Answer;
  /** Samples from then on are in the log alone. */
  readonly loggedFromMs: number;
}

async function open({ kernels, clock }: World, disk: SimDisk): Promise<EmbeddedStore> {
  const table = new SeriesTable(kernels);
  try {
    const store = await clock.run(
      openStore({
        ...{ disk, clock, kernels, table },
        walSync: "always",
        walSegmentSizeMax: 500,
        rollups: [{ matchers: [], tiers: TIERS, quantiles: ["1h"] }],
      }),
    );
    const dispose = store[Symbol.asyncDispose].bind(store);
    store[Symbol.asyncDispose] = async () => {
      await dispose();
      table.destroy();
    };
    return store;
  } catch (error) {
    table.destroy();
    throw error;
  }
}

async function append({ clock }: World, store: EmbeddedStore, round: number): Promise<void> {
  const series = SERIES.length;
  await store.append({
    labelSets: SERIES,
    series: Uint32Array.from({ length: series }, (_, at) => at),
    timestampsMs: new Float64Array(series).fill(clock.nowMs()),
    values: Float64Array.from({ length: series }, (_, at) =>
      at === 0 ? round : round ** 1.7 * at,
    ),
    stale: Uint8Array.from({ length: series }, (_, at) => (at === 3 && round % 9 === 0 ? 1 : 0)),
  });
}

/** Merged and compressed blocks, one that is neither, deletions, rollups, a checkpoint, segments, a consumer. */
async function build(): Promise<World> {
  const kernels = await Kernels.load();
  const clock = new SimClock(START_MS);
  const disk = new SimDisk(seededRng(1));
  const none: Answer = { samples: new Set(), rows: new Set() };
  const world: World = { kernels, clock, disk, truth: none, loggedFromMs: Infinity };
  const store = await open(world, disk);
  const { signal } = new AbortController();
  const consumer = await store.log.consumer("rules", "oldest");
  let round = 0;
  const live = async (rounds: number): Promise<void> => {
    for (; rounds > 0; rounds--) {
      await append(world, store, round++);
      await clock.advance(10 * 60_000);
    }
  };
  await live(20);
  await clock.run(store.flush());
  await clock.run(store.compact());
  await live(15);
  await clock.run(store.flush());
  const deleted = [createMatcher("=", "host", "b")];
  const minMs = START_MS + HOUR_MS;
  await clock.run(store.deleteSeries(deleted, { minMs, maxMs: minMs + HOUR_MS }));
  // So that the day is over, and has its row.
  await clock.advance(30 * HOUR_MS);
  await clock.run(store.maintain(clock.nowMs()));
  const loggedFromMs = clock.nowMs();
  await live(9);
  for await (const { nextOffset } of consumer.read({ follow: false, signal })) {
    await consumer.commit({ partition: 0, offset: nextOffset });
    break;
  }
  const truth = await read(world, store);
  await clock.run(store[Symbol.asyncDispose]());
  return { ...world, truth, loggedFromMs };
}

async function read({ clock }: World, store: EmbeddedStore): Promise<Answer> {
  const range = { minMs: START_MS - HOUR_MS, maxMs: START_MS + 100 * HOUR_MS };
  const { signal } = new AbortController();
  const options = { samplesMax: 1e6, signal };
  const samples = new Set<string>();
  const rows = new Set<string>();
  const readSamples = async (): Promise<void> => {
    for await (const { labels, timestampsMs, values } of store.select(range, all, options)) {
      const bits = new BigUint64Array(values.buffer, values.byteOffset, values.length);
      for (const [at, ms] of timestampsMs.entries())
        samples.add(`${formatLabels(labels)} @ ${ms} = ${bits[at]}`);
    }
  };
  const readRows = async (): Promise<void> => {
    for (const tier of TIERS)
      for await (const columns of store.selectRollup(range, all, {
        ...options,
        tier,
        quantiles: true,
      }))
        for (const [row, ms] of columns.windowsMs.entries()) {
          const numbers = (["count", "min", "max", "first", "last"] as const).map(
            (name) => columns[name][row],
          );
          const half = tier === "1h" ? columns.quantile(0.5, row, row + 1).toFixed(6) : "";
          rows.add(`${tier} ${formatLabels(columns.labels)} @ ${ms} = ${numbers} ${half}`);
        }
  };
  await clock.run(readSamples());
  await clock.run(readRows().catch(passOverDamage));
  return { samples, rows };
}

/** Rows of a damaged block are an error that names it, until they are made again. */
function passOverDamage(error: unknown): void {
  if (!(error instanceof OperatingError && error.code === "disk.corrupt")) throw error;
}

/** All files of a folder and the folders in it. */
function filesOf(disk: SimDisk, directory: string): string[] {
  return disk.list(directory).flatMap((name) => {
    const path = directory === "" ? name : `${directory}/${name}`;
    const inside = filesOf(disk, path);
    return inside.length > 0 ? inside : isFile(disk, path) ? [path] : [];
  });
}

function isFile(disk: SimDisk, path: string): boolean {
  try {
    disk.read(path);
    return true;
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    return false;
  }
}

/** What verification says about a part of a data folder: `blocks`, `rollups/<tier>`, or `wal`. */
async function verify({ kernels }: World, disk: SimDisk, part: string): Promise<string[]> {
  if (part !== "wal") {
    const result = await verifyBlocks(disk, kernels, part, goOn);
    return result.problems.map(({ what }) => what);
  }
  const { problems, remarks } = verifyWal(disk);
  return [...problems, ...remarks];
}

function partOf(file: string): string {
  return /^(rollups\/[^/]+|[^/]+)\//.exec(file)?.[1] ?? "";
}

export interface FlipCounts {
  readonly files: number;
  readonly bytes: number;
  /** How many of the changes cost no sample. */
  readonly lossless: number;
}

/**
 * Changes one byte after another, every `step`th. Each change is found by a verification that names the file; no answer
 * is wrong; and what is missing is what that file holds: of a block one chunk, or one page where it is compressed, and
 * nothing where the index, the meta.json, or the shared times are hit, which are there twice; of the log what depends on
 * that record (see wal-damage.test.ts), and nothing that is in a block.
 */
export async function flipEveryByte(
  step: number,
  onProgress: (done: number, total: number) => void = () => {},
): Promise<FlipCounts> {
  const world = await build();
  const files = filesOf(world.disk, "");
  for (const part of new Set(files.map(partOf)))
    if (part !== "rollups") deepEqual(await verify(world, world.disk, part), [], part);
  for (const wanted of [
    "index",
    "columns",
    "deletions.json",
    "checkpoint",
    "consumer",
    "rollups/1h",
    "wal",
  ])
    ok(
      files.some((file) => file.includes(wanted)),
      `${wanted}: ${files.join()}`,
    );
  const places = files.flatMap((file) =>
    Array.from(world.disk.read(file), (_, offset) => ({ file, offset })),
  );
  let [bytes, lossless] = [0, 0];
  for (let at = 0; at < places.length; at += step) {
    const { file, offset } = places[at] as { file: string; offset: number };
    if (await flip(world, file, offset)) lossless++;
    bytes++;
    onProgress(at, places.length);
  }
  return { files: files.length, bytes, lossless };
}

/** Answers whether no sample was lost. */
async function flip(world: World, file: string, offset: number): Promise<boolean> {
  const { disk, truth } = world;
  const where = `${file}, byte ${offset}`;
  const damaged = disk.kill();
  damaged.flipByte(file, offset);
  const problems = file === MADE_AGAIN ? [] : await verify(world, damaged, partOf(file));
  if (file !== MADE_AGAIN)
    ok(
      problems.some((what) => what.includes(file)),
      `${where} is not found: ${problems.join("; ")}`,
    );
  let store: EmbeddedStore;
  try {
    store = await open(world, damaged);
  } catch (error) {
    ok(REFUSED.test(file) && error instanceof OperatingError, `${where}: ${error}`);
    ok(error.code === "disk.corrupt" && error.message.includes(file), `${where}: ${error}`);
    return true;
  }
  const found = await read(world, store);
  await world.clock.run(store[Symbol.asyncDispose]());
  deepEqual(found.samples.difference(truth.samples), new Set(), `${where}: samples made up`);
  const lost = truth.samples.difference(found.samples);
  if (file.startsWith("wal/"))
    for (const sample of lost)
      ok(
        Number(sample.split(" @ ")[1]?.split(" ")[0]) >= world.loggedFromMs,
        `${where}: ${sample}`,
      );
  if (file.endsWith("/columns") || file.startsWith("wal/")) {
    if (file.startsWith("rollups")) deepEqual(lost, new Set(), where);
    // Rows made of samples that are left are right for those, no more.
    if (lost.size === 0)
      deepEqual(found.rows.difference(truth.rows), new Set(), `${where}: rows made up`);
  } else {
    deepEqual(lost, new Set(), where);
    deepEqual(found.rows, truth.rows, where);
  }
  if (file.startsWith("blocks/") && lost.size > 0) {
    const reported = problems.filter((what) => what.includes(`${file}`));
    ok(reported.length > 0, where);
    const series = new Set([...lost].map((sample) => sample.split(" @ ")[0]));
    // One page has them all where the block is compressed.
    ok(series.size === 1 || isCompressed(disk, file), `${where}: ${[...series].join()}`);
  }
  return lost.size === 0;
}

function isCompressed(disk: SimDisk, columns: string): boolean {
  const meta = new TextDecoder().decode(disk.read(columns.replace(/columns$/, "meta.json")));
  return JSON.parse(meta).block.sources.length > 0;
}
