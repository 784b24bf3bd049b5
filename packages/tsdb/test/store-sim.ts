import { ok } from "node:assert/strict";
import { createMatcher, type Labels, matchesLabels, OperatingError, seededRng } from "@pharos/base";
import type { Kernels } from "@pharos/kernels";
import type { AppendResult } from "@pharos/ports";
import { SimClock, SimDisk } from "@pharos/testing";
import type { EmbeddedStore, openStore, StoreSettings } from "../src/store.ts";
import {
  Client,
  EVERYTHING,
  LABEL_SETS,
  Model,
  opener,
  readAll,
  type SimSample,
} from "./store-model.ts";

const HOUR_MS = 3_600_000;
const LIVES = 8;

/** What happened in a run, so that a test can say that its runs were worth something. */
export interface SimCounts {
  appended: number;
  flushes: number;
  crashes: number;
  kills: number;
  diskFull: number;
  blocksMax: number;
  late: number;
  seriesEnded: number;
  compactions: number;
  deletions: number;
}

export function zeroCounts(): SimCounts {
  return {
    appended: 0,
    flushes: 0,
    crashes: 0,
    kills: 0,
    diskFull: 0,
    blocksMax: 0,
    late: 0,
    seriesEnded: 0,
    compactions: 0,
    deletions: 0,
  };
}

/**
 * One store through several lives: appends, late samples, repeats, flushes, retention, a full disk, and a death (of the
 * process, or of the machine) in the middle of whatever goes on. After each death:
 *
 * - nothing is there that was not sent, nothing twice, everything in order and bit by bit;
 * - everything is there that was acknowledged and, where power was cut, synced.
 */
export async function simulate(
  open: typeof openStore,
  kernels: Kernels,
  seed: number,
  counts: SimCounts,
): Promise<void> {
  const rng = seededRng(seed);
  const clock = new SimClock();
  const settings: Partial<StoreSettings> = {
    walSync: rng.chance(60) ? "always" : { intervalMs: 100 },
    walSegmentSizeMax: rng.chance(30) ? 100_000 : 600 + rng.below(3000),
    retentionMs: rng.chance(30) ? 12 * HOUR_MS : Number.POSITIVE_INFINITY,
    diskKeepFree: rng.chance(50) ? 0 : 300,
  };
  const openAgain = opener(open, kernels, clock, settings);
  const client = new Client(rng, clock, kernels);
  const model = new Model();
  let disk = new SimDisk(rng);
  /** Appends batches one right after another, before any of them is acknowledged. */
  const send = async (store: EmbeddedStore, batches: number): Promise<void> => {
    const appends: Promise<AppendResult>[] = [];
    for (let left = batches; left > 0; left--) {
      const batch = client.makeBatch();
      for (const sample of batch) model.send(sample);
      appends.push(client.append(store, batch));
    }
    const failures: unknown[] = [];
    for (const outcome of await Promise.allSettled(appends))
      if (outcome.status === "fulfilled") counts.appended += outcome.value.appended;
      else failures.push(outcome.reason);
    if (failures.length > 0) throw failures[0];
  };

  for (let life = 0; life < LIVES; life++) {
    const where = `seed ${seed}, life ${life}`;
    const store = await clock.run(openAgain(disk));
    const found = await clock.run(readAll(store));
    model.check(found, EVERYTHING, where);
    // What was read once has to stay: opening made it durable.
    let durable: SimSample[] = found;
    model.forgetAllBut(durable);
    const pending: Promise<unknown>[] = [];
    if (rng.chance(30)) await clock.run(store.maintain(clock.nowMs()));

    for (let steps = 2 + rng.below(25); steps > 0; steps--) {
      const what = rng.below(100);
      const flushed = false;
      if (what < 65) {
        await clock.run(clock.sleep(rng.below(rng.chance(20) ? 40 * 60_000 : 60_000), never));
        if (rng.chance(5)) disk.freeSize = rng.below(400);
        const appending = send(store, rng.chance(30) ? 1 + rng.below(5) : 1);
        if (steps === 1 && rng.chance(50)) {
          // In flight when the end comes.
          appending.catch(() => {});
          break;
        }
        try {
          await clock.run(appending);
        } catch (error) {
          ok(error instanceof OperatingError && error.code === "disk.full", `${where}: ${error}`);
          counts.diskFull++;
        }
        disk.freeSize = Number.POSITIVE_INFINITY;
      } else if (what < 75) {
        const before = store.stats().headSeries;
        const all = rng.chance(40);
        const flushing = all ? store.flush() : store.maintain(clock.nowMs());
        if (rng.chance(15)) disk.freeSize = rng.below(600);
        if (rng.chance(30)) {
          // Others go on meanwhile, and death may come in the middle.
          pending.push(flushing.catch(() => {}));
          for (let turns = rng.below(80); turns > 0; turns--) await Promise.resolve();
          pending.push(send(store, 1).catch(() => {}));
        } else {
          await clock.run(
            flushing.catch((error: unknown) => {
              ok(
                error instanceof OperatingError && error.code === "disk.full",
                `${where}: ${error}`,
              );
              counts.diskFull++;
            }),
          );
        }
        if (rng.chance(70)) disk.freeSize = Number.POSITIVE_INFINITY;
        counts.flushes++;
        counts.seriesEnded += Math.max(0, before - store.stats().headSeries);
      } else if (what < 85) {
        const minMs = clock.nowMs() - rng.below(12 * HOUR_MS);
        const range = { minMs, maxMs: minMs + rng.below(4 * HOUR_MS) };
        model.check(await clock.run(readAll(store, range)), range, `${where}, range`);
      } else if (what < 91) await clock.run(clock.sleep(rng.below(5 * HOUR_MS), never));
      else if (what < 93) await clock.run(clock.sleep(rng.below(300), never));
      else if (what < 96) {
        const compacting = rng.chance(70) ? store.compact() : store.cleanTombstones();
        if (rng.chance(30)) {
          // Death may come in the middle.
          pending.push(compacting.catch(() => {}));
          for (let turns = rng.below(200); turns > 0; turns--) await Promise.resolve();
        } else await clock.run(compacting);
        counts.compactions++;
      } else if (what < 98) {
        const series = rng.below(SERIES_COUNT);
        const minMs = clock.nowMs() - rng.below(12 * HOUR_MS);
        const range = { minMs, maxMs: minMs + rng.below(6 * HOUR_MS) };
        const labels = LABEL_SETS[series] as Labels;
        const matchers = labels.map(([name, value]) => createMatcher("=", name, value));
        await clock.run(Promise.all(pending));
        await clock.run(store.deleteSeries(matchers, range));
        // Others may have these labels and more.
        for (const [other, set] of LABEL_SETS.entries())
          if (matchesLabels(matchers, set)) {
            model.delete(other, range);
            durable = durable.filter(
              (sample) =>
                sample.series !== other ||
                sample.timestampMs < range.minMs ||
                sample.timestampMs > range.maxMs,
            );
          }
        counts.deletions++;
      } else model.check(await clock.run(readAll(store)), EVERYTHING, `${where}, all`);
      disk.freeSize = Number.POSITIVE_INFINITY;
      if (settings.retentionMs !== Number.POSITIVE_INFINITY)
        model.expiredBeforeMs = clock.nowMs() - 12 * HOUR_MS;
      const now = await clock.run(readAll(store));
      model.check(now, EVERYTHING, `${where}, after a step`);
      for (const sample of now) model.keep(sample);
      if (settings.walSync === "always" || flushed) durable = now;
    }

    const { blocks, lateSamples } = store.stats();
    counts.blocksMax = Math.max(counts.blocksMax, blocks.length);
    counts.late += lateSamples;
    const dead = disk;
    if (rng.chance(50)) {
      disk = dead.crash();
      model.forgetAllBut(durable);
      counts.crashes++;
    } else {
      disk = dead.kill();
      counts.kills++;
    }
    // What the dead process still does, nobody sees; it only gives its memory back.
    dead.freeSize = Number.POSITIVE_INFINITY;
    disk.freeSize = Number.POSITIVE_INFINITY;
    await clock.run(Promise.all(pending));
    await clock.run(store[Symbol.asyncDispose]());
  }
  client.release();
}

const never = new AbortController().signal;
export const SERIES_COUNT = LABEL_SETS.length;
