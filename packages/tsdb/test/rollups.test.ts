import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { OperatingError, type Rng, seededRng } from "@pharos/base";
import { Kernels } from "@pharos/kernels";
import { ROLLUP_TIERS, type RollupTier } from "@pharos/ports";
import { SimDisk } from "@pharos/testing";
import { ColumnDecoder } from "../src/block/column-decoder.ts";
import { madeWhen, rollupPolicy } from "../src/rollup/rollup-policy.ts";
import { TWO_HOURS_MS } from "./block-builder.ts";
import {
  HOSTS,
  KEEP_ALL,
  RollupWorld,
  type WorldSample,
  type WorldSamples,
} from "./rollup-world.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const kernels = await Kernels.load();
const decoder = new ColumnDecoder(kernels);

async function openWorld(seed = 1): Promise<RollupWorld> {
  return await RollupWorld.open(kernels, decoder, new SimDisk(seededRng(seed)));
}

/** A counter with a sample a step, which begins again now and then; gaps and staleness markers between. */
function counter(rng: Rng, fromMs: number, toMs: number, stepMs: number): WorldSample[] {
  const list: WorldSample[] = [];
  let value = rng.below(1000);
  for (let ms = fromMs; ms < toMs; ms += stepMs) {
    if (rng.chance(1)) ms += rng.below(4) * HOUR_MS;
    if (ms >= toMs) break;
    value = rng.chance(2) ? rng.below(5) : value + rng.below(100) / 8;
    list.push([ms, rng.chance(1) ? undefined : value]);
  }
  return list;
}

function counters(rng: Rng, fromMs: number, toMs: number, stepMs: number): WorldSamples {
  return new Map(HOSTS.map((_, series) => [series, counter(rng, fromMs, toMs, stepMs)]));
}

test("rows in blocks and rows of what is not flushed yet say what the samples say", async () => {
  const world = await openWorld();
  world.append(counters(seededRng(2), 0, 2 * DAY_MS, 30_000));
  await world.checkAll("nothing is flushed");
  await world.flush(DAY_MS + 6 * HOUR_MS);
  await world.checkAll("nothing is made");
  await world.rollups.make(DAY_MS);
  await world.checkAll("hours are made, and stand in for days");
  await world.rollups.make(DAY_MS + 4 * HOUR_MS);
  await world.checkAll("the day that is over is made");
  await world.make();
  deepEqual(world.rollups.pending, []);
  await world.checkAll("all is made");
  await world.check("1h", 5 * HOUR_MS + 1, 40 * HOUR_MS, "a part of it");
  await world.rollups.compact(10 * DAY_MS);
  deepEqual(
    ROLLUP_TIERS.map((tier) => world.rollups.tiers.get(tier)?.all.length),
    [1, 1, 1, 1],
  );
  await world.checkAll("all is compacted");
});

test("a day that goes on is put together as far as it goes where that is asked for, and goes on", async () => {
  const world = await openWorld();
  world.append(counters(seededRng(14), 0, DAY_MS, 30_000));
  const hours = world.rollups.tiers.get("1h");
  for (const hour of [4, 10, 24]) {
    await world.flush(hour * HOUR_MS);
    await world.rollups.make(hour * HOUR_MS);
    await world.rollups.compact(hour * HOUR_MS);
    ok((hours?.all.length ?? 0) > 1, `hour ${hour}, not asked for`);
    await world.rollups.compact(hour * HOUR_MS, true);
    deepEqual(
      hours?.all.map(({ meta }) => [meta.rangeStartMs, meta.rangeEndMs]),
      [[0, hour * HOUR_MS]],
    );
    await world.checkAll(`hour ${hour}`);
  }
});

test("a block that comes after the newest one had gone is rolled up as well", async () => {
  const world = await openWorld();
  const samples = counters(seededRng(21), 0, DAY_MS, 60_000);
  world.append(samples);
  await world.flush(DAY_MS);
  await world.make();
  // As when it goes to an archive, and the process dies before the next round.
  const newest = world.raw.all.at(-1);
  ok(newest !== undefined, "a block");
  world.raw.replace([newest], undefined);
  await world.raw.remove([newest]);
  const again = await RollupWorld.open(kernels, decoder, world.disk, world);
  await again.writeRaw(DAY_MS, new Map([[0, [[DAY_MS, 5]]]]));
  again.flushedBeforeMs = DAY_MS + TWO_HOURS_MS;
  await again.make();
  await again.check("1h", DAY_MS, DAY_MS + TWO_HOURS_MS, "the new block");
});

test("late samples change the rows of their windows, and the step to the next", async () => {
  const rng = seededRng(3);
  const world = await openWorld();
  world.append(counters(rng, 0, DAY_MS, 60_000));
  for (let ms = TWO_HOURS_MS; ms <= DAY_MS; ms += TWO_HOURS_MS) {
    await world.flush(ms);
    await world.make();
  }
  await world.writeRaw(4 * HOUR_MS, new Map([[1, [[6 * HOUR_MS - 1, 77]]]]));
  await world.checkAll("late, not made");
  await world.make();
  await world.checkAll("late, made");
  await world.rollups.compact(10 * DAY_MS);
  await world.writeRaw(
    8 * HOUR_MS,
    new Map([[2, counter(rng, 8 * HOUR_MS + 7, 9 * HOUR_MS, 5000)]]),
  );
  await world.make();
  await world.checkAll("late for a block that was put together, made");
});

test("a backfill of what is there changes nothing", async () => {
  const world = await openWorld();
  world.append(counters(seededRng(4), 0, DAY_MS, 60_000));
  await world.flush(DAY_MS);
  await world.make();
  await world.rollups.backfill({ minMs: 3 * HOUR_MS, maxMs: 9 * HOUR_MS });
  deepEqual(world.rollups.pending, []);
  await world.checkAll("made again");
});

test("a day that is made again in one piece takes the place of the pieces it was made in", async () => {
  const world = await openWorld();
  world.append(counters(seededRng(12), 0, DAY_MS, 60_000));
  for (let ms = TWO_HOURS_MS; ms <= DAY_MS; ms += TWO_HOURS_MS) {
    await world.flush(ms);
    await world.make();
  }
  // The first piece is now the newest block.
  await world.writeRaw(0, new Map([[0, [[1, 5]]]]));
  await world.make();
  equal(world.rollups.tiers.get("1d")?.all.length, 12);
  await world.rollups.backfill({ minMs: 0, maxMs: DAY_MS - 1 });
  equal(world.rollups.tiers.get("1d")?.all.length, 1);
  await world.checkAll("made again");
});

test("rows outlive the raw blocks they were made from, and late samples do not take them away", async () => {
  const world = await openWorld();
  world.append(counters(seededRng(5), 0, DAY_MS, 60_000));
  await world.flush(DAY_MS);
  await world.make();
  const raw = world.raw.takeBefore(DAY_MS);
  await world.raw.remove(raw);
  await world.checkAll("raw is gone");
  await world.writeRaw(10 * DAY_MS, new Map([[0, [[10 * DAY_MS, 5]]]]));
  world.flushedBeforeMs = 11 * DAY_MS;
  await world.make();
  await world.checkAll("a new range is made");
  const before = new Map(world.model[0]);
  await world.writeRaw(0, new Map([[0, [[1, 5]]]]));
  world.model[0]?.clear();
  for (const [ms, value] of before) world.model[0]?.set(ms, value);
  await world.make();
  await world.checkAll("a range without its raw samples is made again");
});

test("deleted samples are gone from the tiers, and the rest of their windows stays", async () => {
  const world = await openWorld();
  world.append(counters(seededRng(6), 0, 3 * DAY_MS, 60_000));
  await world.flush(3 * DAY_MS);
  await world.make();
  await world.rollups.compact(DAY_MS * 3);
  await world.delete("b", DAY_MS + 90 * MINUTE_MS + 1, DAY_MS + 5 * HOUR_MS);
  await world.make();
  await world.checkAll("an inner part");
  await world.delete("b", 0, 3 * DAY_MS);
  await world.make();
  await world.checkAll("all of it");
  await world.rollups.cleanTombstones();
  await world.checkAll("cleaned");
  for (const blocks of world.rollups.tiers.values())
    for (const block of blocks.all) ok(!block.hasDeletions);
});

test("a series gets the tiers of the first rule that matches it, and keeps quantiles only where asked for", async () => {
  const policy = rollupPolicy([
    { matchers: [{ type: "=", name: "host", value: "a" }], tiers: ["1h"], quantiles: [] },
    {
      matchers: [{ type: "=~", name: "host", value: "a|b" }],
      tiers: ["1m", "1d"],
      quantiles: ["1d"],
    },
  ]);
  const disk = new SimDisk(seededRng(1));
  const world = await RollupWorld.open(kernels, decoder, disk, undefined, policy);
  world.append(counters(seededRng(7), 0, DAY_MS, 60_000));
  await world.flush(DAY_MS / 2);
  await world.make();
  const withoutQuantiles = async (): Promise<unknown> => {
    const found: Record<string, unknown> = {};
    for (const tier of ROLLUP_TIERS)
      for await (const { labels, quantile } of world.select(tier, 0, DAY_MS / 2 - 1))
        found[`${tier} ${labels[1]?.[1]}`] = Number.isNaN(quantile(0.5, 0, 1));
    return found;
  };
  deepEqual(await withoutQuantiles(), { "1m b": false, "1h a": false, "1d b": false });
  await world.dropRaw(DAY_MS / 2);
  deepEqual(await withoutQuantiles(), { "1m b": true, "1h a": true, "1d b": false });
});

test("hours without quantiles have them of the samples, then of five minutes, and else have none", async () => {
  const policy = rollupPolicy([{ matchers: [], tiers: ROLLUP_TIERS, quantiles: ["5m", "1d"] }]);
  const disk = new SimDisk(seededRng(1));
  const world = await RollupWorld.open(kernels, decoder, disk, undefined, policy);
  world.append(counters(seededRng(13), 0, 2 * DAY_MS, 60_000));
  await world.flush(DAY_MS + 8 * HOUR_MS);
  await world.rollups.make(DAY_MS + 4 * HOUR_MS);
  const tierBlocks = (): unknown =>
    ROLLUP_TIERS.map((tier) => world.rollups.tiers.get(tier)?.all.length);
  // A day, and four times two hours of the next.
  deepEqual(tierBlocks(), [0, 0, 5, 0]);
  await world.checkAll("hours are made");
  await world.make();
  await world.checkAll("five minutes are made");
  const reading = { rows: 0, samples: 0 };
  for await (const _ of world.select("1h", 0, DAY_MS - 1, [], { reading }));
  equal(reading.samples, 0);
  await world.writeRaw(6 * HOUR_MS, new Map([[1, [[7 * HOUR_MS - 1, 77]]]]));
  await world.make();
  await world.checkAll("a late sample is in all rows");
  await world.dropRaw(DAY_MS);
  for (const tier of ["5m", "1h", "1d"] as const)
    await world.check(tier, 0, DAY_MS - 1, "the samples are gone");
  const minutes = world.rollups.tiers.get("5m");
  await minutes?.remove(minutes.takeBefore(DAY_MS));
  for await (const { quantile, count } of world.select("1h", 0, DAY_MS - 1))
    ok(count.every((_, row) => Number.isNaN(quantile(0.5, row, row + 1))));
  await world.check("1d", 0, 1e12, "days have their own");
});

test("a tier is made as soon as any rule asks for", () => {
  const rule = { matchers: [], tiers: ROLLUP_TIERS, quantiles: [] };
  const policy = rollupPolicy([
    { ...rule, made: { "1m": "daily", "1h": "before_expiry", "1d": "before_expiry" } },
    { ...rule, made: { "1m": "at_once", "1h": "daily" } },
    { ...rule, tiers: ["1d"], made: { "5m": "at_once" } },
  ]);
  deepEqual(
    ROLLUP_TIERS.map((tier) => madeWhen(policy, tier)),
    ["at_once", "before_expiry", "daily", "before_expiry"],
  );
});

test("a tier that is wanted later is made of the raw blocks there are", async () => {
  const world = await openWorld();
  world.rollups.setPolicies(
    KEEP_ALL,
    rollupPolicy([{ matchers: [], tiers: ["1m"], quantiles: [] }]),
  );
  world.append(counters(seededRng(8), 0, DAY_MS, 60_000));
  await world.flush(DAY_MS);
  await world.make();
  equal(world.rollups.tiers.get("1h")?.all.length, 0);
  world.rollups.setPolicies(
    KEEP_ALL,
    rollupPolicy([{ matchers: [], tiers: ["1m", "1h"], quantiles: [] }]),
  );
  await world.make();
  equal(world.rollups.tiers.get("1h")?.all.length, 1);
});

test("a month by the hour reads less than a hundredth of the samples", async () => {
  const world = await openWorld();
  const days = 30;
  let value = 0;
  const appendUntil = (fromMs: number, toMs: number): WorldSample[] => {
    const samples: WorldSample[] = [];
    for (let ms = fromMs; ms < toMs; ms += 15_000) {
      value = ms % (7 * DAY_MS) === 0 ? 0 : value + ((ms / 15_000) % 7);
      samples.push([ms, value]);
    }
    return samples;
  };
  for (let day = 0; day < days - 1; day++) {
    const samples = appendUntil(day * DAY_MS, (day + 1) * DAY_MS);
    await world.writeRaw(day * DAY_MS, new Map([[0, samples]]), DAY_MS);
  }
  // Of the last day, four hours are not in a block yet: longer than a flush waits.
  world.flushedBeforeMs = (days - 1) * DAY_MS;
  world.append(new Map([[0, appendUntil(world.flushedBeforeMs, days * DAY_MS)]]));
  await world.flush(days * DAY_MS - 4 * HOUR_MS);
  await world.make();
  const total = world.model[0]?.size ?? 0;
  const reading = { rows: 0, samples: 0 };
  let increase = 0;
  for await (const columns of world.select("1h", 0, days * DAY_MS, [], { reading }))
    for (const each of columns.increase) increase += each;
  equal(total, days * 5760);
  ok(reading.rows + reading.samples <= total / 100, `${JSON.stringify(reading)} of ${total}`);
  await world.check("1h", 0, days * DAY_MS, "a month");
  ok(increase > 0);
});

/** A disk that fails at one call, as if the process had died there. */
class Died extends OperatingError {
  constructor() {
    super("disk.failed", "the process died");
  }
}

test("whatever a crash interrupts, the tiers say what the samples say, before and after work goes on", async () => {
  for (let seed = 0; seed < 20; seed++) {
    const rng = seededRng(seed);
    let disk = new SimDisk(rng);
    let world = await RollupWorld.open(kernels, decoder, disk);
    let dayEndMs = 0;
    for (let life = 0; life < 3; life++) {
      const what = `seed ${seed}, life ${life}`;
      world.append(counters(rng, dayEndMs, dayEndMs + DAY_MS / 2, 10 * MINUTE_MS));
      dayEndMs += DAY_MS / 2;
      await world.flush(dayEndMs - TWO_HOURS_MS * rng.below(3));
      if (rng.chance(40)) {
        const startMs = rng.below(world.flushedBeforeMs / TWO_HOURS_MS) * TWO_HOURS_MS;
        await world.writeRaw(startMs, new Map([[1, [[startMs + 1 + rng.below(7000), 3]]]]));
      }
      let callsLeft = rng.below(400);
      disk.beforeCall = () => {
        if (callsLeft-- <= 0) throw new Died();
      };
      try {
        if (rng.chance(50)) await world.make();
        else await world.rollups.make(dayEndMs + rng.below(DAY_MS));
        await world.rollups.compact(dayEndMs + rng.below(3) * DAY_MS, rng.chance(30));
      } catch (error) {
        if (!(error instanceof Died)) throw error;
      }
      world.rollups.close();
      world.raw.close();
      disk = rng.chance(50) ? disk.crash() : disk.kill();
      world = await RollupWorld.open(kernels, decoder, disk, world);
      await world.checkAll(`${what}, after the crash`);
      if (rng.chance(50)) {
        await world.make();
        await world.checkAll(`${what}, made`);
      }
    }
  }
});

test("a raw block that cannot be read keeps nothing else from being made", async () => {
  const disk = new SimDisk(seededRng(1));
  const world = await RollupWorld.open(kernels, decoder, disk);
  world.append(counters(seededRng(10), 0, DAY_MS, 60_000));
  await world.flush(DAY_MS);
  const [first] = world.raw.all;
  disk.beforeCall = (call, path) => {
    if (call === "openRead" && path.startsWith(`${first?.path}/`))
      throw new OperatingError("disk.corrupt", `${path}: damaged`);
  };
  await world.make();
  deepEqual(world.rollups.pending, [[0, TWO_HOURS_MS]]);
  ok(world.raw.problems.some((problem) => problem.includes("damaged")));
  equal(world.rollups.tiers.get("1m")?.all.length, 11);
});

test("more rows than a query may read end it with an error", async () => {
  const world = await openWorld();
  world.append(counters(seededRng(11), 0, DAY_MS, 60_000));
  await world.flush(DAY_MS);
  await world.make();
  const tier: RollupTier = "1m";
  const { signal } = new AbortController();
  const options = { tier, quantiles: false, samplesMax: 1000, signal };
  const read = async (): Promise<void> => {
    for await (const _ of world.select(tier, 0, DAY_MS, [], options));
  };
  await rejects(read, { code: "query.too_many_samples" });
});
