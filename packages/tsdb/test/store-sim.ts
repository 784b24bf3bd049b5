import { deepEqual, equal, ok } from "node:assert/strict";
import type { Rng } from "@pharos/base";
import { createMatcher, type Labels, matchesLabels, OperatingError, seededRng } from "@pharos/base";
import type { Kernels } from "@pharos/kernels";
import { type AppendResult, ROLLUP_TIERS, type TimeRange } from "@pharos/ports";
import { SimClock, SimDisk } from "@pharos/testing";
import type { openStore } from "../src/open-store.ts";
import type { EmbeddedStore } from "../src/store.ts";
import type { StoreSettings } from "../src/store-settings.ts";
import { SimConsumer } from "./sim-consumer.ts";
import { Fault } from "./sim-fault.ts";
import { SimPolicies } from "./sim-policies.ts";
import { checkRollups } from "./sim-rollups.ts";
import {
  Client,
  close,
  EVERYTHING,
  LABEL_SETS,
  Model,
  opener,
  readAll,
  type SimSample,
} from "./store-model.ts";

const HOUR_MS = 3_600_000;
const LIVES = 3;
const STEPS_MAX = 13;

/** What happened in a run, so that a test can say that its runs were worth something. */
export interface SimCounts {
  appended: number;
  flushes: number;
  crashes: number;
  kills: number;
  faults: number;
  blocksMax: number;
  late: number;
  seriesEnded: number;
  compactions: number;
  deletions: number;
  rollupReads: number;
  rollupBlocks: number;
  consumerReads: number;
  settingsChanges: number;
  heldReads: number;
}

export function zeroCounts(): SimCounts {
  return {
    appended: 0,
    flushes: 0,
    crashes: 0,
    kills: 0,
    faults: 0,
    blocksMax: 0,
    late: 0,
    seriesEnded: 0,
    compactions: 0,
    deletions: 0,
    rollupReads: 0,
    rollupBlocks: 0,
    consumerReads: 0,
    settingsChanges: 0,
    heldReads: 0,
  };
}

export interface SimOptions {
  /** Steps to leave out, by number, so that what a failure needs can be found. The others do what they did. */
  readonly skipped?: ReadonlySet<number>;
  /** Told of each step, before it is made. */
  readonly onStep?: (number: number, what: string) => void;
}

/**
 * One store through several lives: appends, late samples, repeats, flushes, merges, deletions, retention, rollups, a
 * consumer of its log, other settings, a disk that is full or fails, and a death (of the process, or of the machine) in
 * the middle of whatever goes on. After each step and each death:
 *
 * - nothing is there that was not sent, nothing twice, everything in order and bit by bit;
 * - everything is there that was acknowledged and, where power was cut, synced.
 */
export async function simulate(
  open: typeof openStore,
  kernels: Kernels,
  seed: number,
  counts: SimCounts,
  options: SimOptions = {},
): Promise<void> {
  const { usedSize } = kernels.memoryUse();
  await new Simulation(open, kernels, seed, counts, options).run();
  equal(kernels.memoryUse().usedSize, usedSize, `seed ${seed}: memory is given back`);
}

/** What a step may be, and how often it is. */
const STEPS = {
  append: 50,
  flush: 12,
  readRange: 5,
  hold: 4,
  wait: 9,
  compact: 5,
  delete: 3,
  consume: 6,
  rollups: 5,
  changeSettings: 2,
} as const;

type StepName = keyof typeof STEPS;

const never = new AbortController().signal;

class Simulation {
  readonly #seed: number;
  readonly #counts: SimCounts;
  readonly #options: SimOptions;
  readonly #clock = new SimClock();
  readonly #client: Client;
  readonly #model = new Model();
  readonly #policies: SimPolicies;
  readonly #consumer: SimConsumer | undefined;
  readonly #settings: Partial<StoreSettings>;
  readonly #openOn: (disk: SimDisk) => Promise<EmbeddedStore>;
  #disk: SimDisk;
  #fault: Fault;
  #store!: EmbeddedStore;
  /** The same, until it dies. */
  #living: EmbeddedStore | undefined;
  #where = "";
  /** What must be there after a power loss. */
  #durable: readonly SimSample[] = [];
  /** What was read last. */
  #now: readonly SimSample[] = [];
  /** Whether something may not be synced that was read, as a call failed. */
  #isUnsynced = false;
  /** What goes on in the background, until the store dies. */
  #pending: Promise<unknown>[] = [];
  #unexpected: unknown;

  constructor(
    open: typeof openStore,
    kernels: Kernels,
    seed: number,
    counts: SimCounts,
    options: SimOptions,
  ) {
    this.#seed = seed;
    this.#counts = counts;
    this.#options = options;
    const rng = this.#rngOf(-1);
    this.#client = new Client(this.#clock, kernels);
    this.#policies = new SimPolicies(rng);
    this.#consumer = rng.chance(35) ? new SimConsumer(this.#model) : undefined;
    this.#settings = {
      walSync: rng.chance(60) ? "always" : { intervalMs: 100 },
      walSegmentSizeMax: rng.chance(30) ? 100_000 : 600 + rng.below(3000),
      diskKeepFree: rng.chance(50) ? 0 : 300,
    };
    this.#openOn = (disk) =>
      opener(open, kernels, this.#clock, { ...this.#settings, ...this.#policies.settings })(disk);
    this.#disk = new SimDisk(this.#rngOf(-2));
    // The log goes segment by segment in flushes then.
    if (this.#settings.diskKeepFree === 0) this.#disk.freeSizeShown = 500;
    this.#fault = new Fault(this.#disk);
  }

  /** Chance for a step, which is the same whatever the steps before it did. */
  #rngOf(number: number): Rng {
    const rng = seededRng(this.#seed * 4099 + number);
    return seededRng(rng.below(2 ** 32));
  }

  async run(): Promise<void> {
    for (let life = 0; life < LIVES; life++) {
      this.#where = `seed ${this.#seed}, life ${life}`;
      await this.#begin(this.#rngOf(life * 100 + 99));
      const chance = this.#rngOf(life * 100 + 98);
      const last = life * 100 + 2 + chance.below(STEPS_MAX);
      for (let number = life * 100; number <= last; number++) await this.#step(number);
      if (chance.chance(30)) this.#background(this.#send(chance, 1 + chance.below(5)));
      if (chance.chance(40)) {
        // Death comes in the middle of it.
        this.#background(drawWork(chance)(this.#store, this.#clock.nowMs()));
        const turns = chance.below(chance.chance(50) ? 60 : 600);
        for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      }
      await this.#end(chance);
    }
    this.#client.release();
  }

  async #begin(rng: Rng): Promise<void> {
    if (rng.chance(15)) {
      this.#fault.plant(rng);
      try {
        this.#living = await this.#clock.run(this.#openOn(this.#disk));
        this.#store = this.#living;
      } catch (error) {
        this.#tolerate(error);
      }
      this.#fault.clear();
      // Where it opened all the same, all of it is there.
      if (this.#living !== undefined) await this.#look("opened with a fault");
      if (this.#living !== undefined)
        await this.#clock.run(close(this.#living)).catch(this.#tolerate);
      this.#replaceDisk(this.#disk.kill());
    }
    this.#store = await this.#clock.run(this.#openOn(this.#disk));
    this.#living = this.#store;
    deepEqual(this.#store.stats().problems, [], `${this.#where}: nothing was damaged`);
    this.#consumer?.afterDeath();
    await this.#look("begin");
    this.#durable = this.#now;
    this.#isUnsynced = false;
    this.#model.begin(this.#now);
    await this.#clock.run(this.#consumer?.attach(this.#store, this.#where) ?? Promise.resolve());
  }

  #replaceDisk(disk: SimDisk): void {
    this.#disk = disk;
    this.#fault = new Fault(disk);
  }

  async #step(number: number): Promise<void> {
    const rng = this.#rngOf(number);
    const name = drawStep(rng);
    const where = this.#where;
    this.#where = `${where}, step ${number} (${name})`;
    if (this.#options.skipped?.has(number) !== true) {
      this.#options.onStep?.(number, name);
      if (rng.chance(12)) this.#fault.plant(rng);
      await this[`_${name}`](rng);
      if (this.#fault.fired > 0) {
        this.#isUnsynced = true;
        this.#counts.faults++;
      }
      const wasFull = this.#fault.mayHaveBeenFull;
      this.#fault.clear();
      this.#policies.expire(this.#model, this.#clock.nowMs());
      if (wasFull) this.#model.forgetRolled();
      await this.#look("after it");
      for (const sample of this.#now) this.#model.keep(sample);
      if (this.#settings.walSync === "always" && !this.#isUnsynced) this.#durable = this.#now;
    }
    this.#where = where;
  }

  /** Reads everything, and compares it with the model. */
  async #look(what: string): Promise<void> {
    this.#now = await this.#clock.run(readAll(this.#store));
    this.#model.check(this.#now, EVERYTHING, `${this.#where}, ${what}`);
    if (this.#unexpected !== undefined) throw this.#unexpected;
  }

  async #end(rng: Rng): Promise<void> {
    const { blocks, lateSamples, rollups } = this.#store.stats();
    this.#counts.blocksMax = Math.max(this.#counts.blocksMax, blocks.length);
    this.#counts.late += lateSamples;
    this.#counts.rollupBlocks += rollups.length;
    const dead = this.#store;
    const mayFail = this.#isUnsynced || this.#fault.isBroken;
    this.#living = undefined;
    if (rng.chance(50)) {
      this.#replaceDisk(this.#disk.crash());
      this.#model.forgetAllBut(this.#durable);
      this.#counts.crashes++;
    } else {
      this.#replaceDisk(this.#disk.kill());
      this.#counts.kills++;
    }
    // What the dead process still does, nobody sees; it only gives its memory back.
    await this.#clock.run(Promise.all(this.#pending));
    this.#pending = [];
    await this.#clock.run(close(dead)).catch((error: unknown) => {
      if (!mayFail) throw error;
    });
  }

  /** Passes over what the fault explains. */
  readonly #tolerate = (error: unknown): undefined => {
    if (error instanceof OperatingError && this.#fault.explains(error)) return;
    throw error;
  };

  async #attempt<T>(work: () => Promise<T>): Promise<T | undefined> {
    return this.#clock.run(work()).catch(this.#tolerate);
  }

  /** Lets something go on while others do; death may come in the middle. */
  #background(work: Promise<unknown>): void {
    this.#pending.push(
      work.catch((error: unknown) => {
        this.#isUnsynced = true;
        if (!(error instanceof OperatingError)) this.#unexpected = error;
      }),
    );
  }

  /** Appends batches one right after another, before any of them is acknowledged. */
  async #send(rng: Rng, batches: number): Promise<void> {
    const appends: Promise<AppendResult>[] = [];
    const all: SimSample[][] = [];
    for (let left = batches; left > 0; left--) {
      const batch = this.#client.makeBatch(rng);
      for (const sample of batch) {
        this.#model.send(sample);
        this.#consumer?.send(sample);
      }
      all.push(batch);
      appends.push(this.#client.append(this.#store, batch));
    }
    const failures: unknown[] = [];
    const store = this.#store;
    for (const [at, outcome] of (await Promise.allSettled(appends)).entries()) {
      if (outcome.status === "rejected") {
        failures.push(outcome.reason);
        continue;
      }
      const { appended, tooOld, tooNew } = outcome.value;
      this.#counts.appended += appended;
      // What a dead process acknowledges nobody hears.
      if (tooOld + tooNew === 0 && store === this.#living)
        this.#model.acknowledge(all[at] as SimSample[]);
    }
    if (failures.length > 0) throw failures[0];
    if (batches > 0 && this.#fault.fired === 0) this.#isUnsynced = this.#fault.isBroken;
  }

  async _append(rng: Rng): Promise<void> {
    await this.#clock.run(this.#clock.sleep(rng.below(rng.chance(20) ? 2_400_000 : 60_000), never));
    await this.#attempt(() => this.#send(rng, rng.chance(30) ? 1 + rng.below(5) : 1));
  }

  async _flush(rng: Rng): Promise<void> {
    const store = this.#store;
    const seriesBefore = store.stats().headSeries;
    const nowMs = this.#clock.nowMs();
    const before = new Set(store.stats().blocks);
    const all = rng.chance(40);
    const flushing = (): Promise<void> => (all ? store.flush() : store.maintain(nowMs));
    if (rng.chance(30)) {
      this.#background(flushing());
      for (let turns = rng.below(80); turns > 0; turns--) await Promise.resolve();
      this.#background(this.#send(rng, 1));
    } else {
      await this.#attempt(flushing);
      if (!all && this.#fault.fired === 0 && this.#pending.length === 0)
        for (const meta of before.intersection(new Set(store.stats().blocks)))
          ok(
            meta.rangeEndMs > nowMs - this.#policies.keepMsMax,
            `${this.#where}: a block that ends at ${meta.rangeEndMs} is kept`,
          );
    }
    this.#counts.flushes++;
    this.#counts.seriesEnded += Math.max(0, seriesBefore - store.stats().headSeries);
  }

  async _readRange(rng: Rng): Promise<void> {
    const minMs = this.#clock.nowMs() - rng.below(12 * HOUR_MS);
    const range = { minMs, maxMs: minMs + rng.below(4 * HOUR_MS) };
    const found = await this.#attempt(() => readAll(this.#store, range));
    if (found !== undefined) this.#model.check(found, range, `${this.#where}, range`);
  }

  /** Reads with pauses, while what is read moves to blocks, or from block to block. */
  async _hold(rng: Rng): Promise<void> {
    const reading = readAll(this.#store, EVERYTHING, async () => {
      for (let turns = rng.below(60); turns > 0; turns--) await Promise.resolve();
    });
    this.#background(drawWork(rng)(this.#store, this.#clock.nowMs()));
    const found = await this.#attempt(() => reading);
    if (found !== undefined) this.#model.check(found, EVERYTHING, `${this.#where}, held`);
    this.#counts.heldReads++;
  }

  async _wait(rng: Rng): Promise<void> {
    const ms = rng.chance(20)
      ? rng.below(300)
      : rng.chance(15)
        ? 30 * HOUR_MS
        : rng.below(5 * HOUR_MS);
    const before = this.#now;
    await this.#clock.run(this.#clock.sleep(ms, never));
    if (ms >= 1000 && !this.#isUnsynced && this.#fault.fired === 0) this.#durable = before;
  }

  async _compact(rng: Rng): Promise<void> {
    const { compact, cleanTombstones } = STORE_WORK;
    const work: StoreWork = rng.chance(70) ? compact : cleanTombstones;
    const compacting = (): Promise<void> => work(this.#store, this.#clock.nowMs());
    if (rng.chance(30)) {
      this.#background(compacting());
      for (let turns = rng.below(200); turns > 0; turns--) await Promise.resolve();
    } else await this.#attempt(compacting);
    this.#counts.compactions++;
  }

  async _delete(rng: Rng): Promise<void> {
    const chosen = rng.below(LABEL_SETS.length);
    const labels = LABEL_SETS[chosen] as Labels;
    const minMs = this.#clock.nowMs() - rng.below(12 * HOUR_MS);
    // Often from one sample to another one, both included.
    const times = this.#now.filter(({ series }) => series === chosen);
    const ends = [rng, rng].map(() => times[rng.below(Math.max(1, times.length))]?.timestampMs);
    const between = ends.every((end) => end !== undefined) && rng.chance(60);
    const range = between
      ? { minMs: Math.min(...(ends as number[])), maxMs: Math.max(...(ends as number[])) }
      : { minMs, maxMs: minMs + rng.below(6 * HOUR_MS) };
    const matchers = labels.map(([name, value]) => createMatcher("=", name, value));
    await this.#clock.run(Promise.all(this.#pending));
    const deleted = await this.#attempt(async () => {
      await this.#store.deleteSeries(matchers, range);
      return true;
    });
    // Others may have these labels and more.
    for (const [series, set] of LABEL_SETS.entries())
      if (matchesLabels(matchers, set)) this.#deleted(series, range, deleted === true);
    this.#counts.deletions++;
  }

  #deleted(series: number, range: TimeRange, surely: boolean): void {
    if (surely) this.#model.delete(series, range);
    else this.#model.doubt(series, range);
    this.#consumer?.forget(series, range);
    this.#durable = this.#durable.filter(
      ({ series: other, timestampMs }) =>
        other !== series || timestampMs < range.minMs || timestampMs > range.maxMs,
    );
  }

  async _consume(rng: Rng): Promise<void> {
    const consumer = this.#consumer;
    if (consumer === undefined) return;
    await this.#attempt(() => consumer.read(rng, this.#where));
    this.#counts.consumerReads++;
  }

  async _rollups(rng: Rng): Promise<void> {
    const tier = ROLLUP_TIERS[rng.below(ROLLUP_TIERS.length)] as (typeof ROLLUP_TIERS)[number];
    if (!this.#policies.hasRollups) return;
    await this.#clock.run(Promise.all(this.#pending));
    const isMade = rng.chance(80);
    const flushed = await this.#attempt(async () => {
      await this.#store.flush();
      if (isMade) await this.#store.maintain(this.#clock.nowMs());
      return true;
    });
    if (flushed !== true) return;
    this.#policies.expire(this.#model, this.#clock.nowMs());
    await this.#lookUnlessFaulty();
    const nowMs = this.#clock.nowMs();
    const rowsFrom = this.#policies.rowsFrom(nowMs);
    // Long blocks of rows get what was flushed since with the next round of maintenance.
    const settledMs = isMade ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
    const from: typeof rowsFrom = (series, each) => Math.max(rowsFrom(series, each), settledMs);
    await this.#attempt(() =>
      checkRollups(this.#store, this.#model, tier, nowMs, from, this.#where),
    );
    this.#counts.rollupReads++;
  }

  /** So that the model knows of each sample which of its values stands. */
  async #lookUnlessFaulty(): Promise<void> {
    const found = await this.#attempt(() => readAll(this.#store));
    if (found === undefined) return;
    this.#model.check(found, EVERYTHING, this.#where);
    for (const sample of found) this.#model.keep(sample);
  }

  async _changeSettings(rng: Rng): Promise<void> {
    this.#policies.change(rng, this.#clock.nowMs());
    this.#store.applySettings(this.#policies.settings);
    this.#counts.settingsChanges++;
  }
}

type StoreWork = (store: EmbeddedStore, nowMs: number) => Promise<void>;

const STORE_WORK = {
  compact: (store) => store.compact(),
  maintain: (store, nowMs) => store.maintain(nowMs),
  flush: (store) => store.flush(),
  cleanTombstones: (store) => store.cleanTombstones(),
} as const satisfies Record<string, StoreWork>;

function drawWork(rng: Rng): StoreWork {
  const all = Object.values<StoreWork>(STORE_WORK);
  return all[rng.below(all.length)] as StoreWork;
}

function drawStep(rng: Rng): StepName {
  const names = Object.keys(STEPS) as StepName[];
  let left = rng.below(names.reduce((sum, name) => sum + STEPS[name], 0));
  for (const name of names) {
    left -= STEPS[name];
    if (left < 0) return name;
  }
  throw new Error("the weights say otherwise");
}
