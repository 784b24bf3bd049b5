import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { test } from "node:test";
import { createMatcher, labelsFrom, METRIC_NAME, seededRng } from "@pharos/base";
import { Kernels, SeriesTable } from "@pharos/kernels";
import type { RollupTier } from "@pharos/ports";
import { SimClock, SimDisk } from "@pharos/testing";
import { openStore } from "../src/open-store.ts";
import type { EmbeddedStore } from "../src/store.ts";
import type { StoreSettings } from "../src/store-settings.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const START_MS = 19_700 * DAY_MS;
const HOSTS = ["a", "b"];
const LABEL_SETS = HOSTS.map((host) => labelsFrom({ [METRIC_NAME]: "jobs_total", host }));
const { signal } = new AbortController();

/** A store on a simulated day, with a counter of each host that grows by 1 a minute, and by 2 for host b. */
class Machine {
  readonly disk = new SimDisk(seededRng(1));
  readonly clock = new SimClock(START_MS);
  readonly kernels: Kernels;
  store!: EmbeddedStore;

  private constructor(kernels: Kernels) {
    this.kernels = kernels;
  }

  static async start(settings: Partial<StoreSettings> = {}): Promise<Machine> {
    const machine = new Machine(await Kernels.load());
    machine.store = await machine.clock.run(
      openStore({
        ...{ disk: machine.disk, clock: machine.clock, kernels: machine.kernels },
        table: new SeriesTable(machine.kernels),
        ...settings,
      }),
    );
    return machine;
  }

  /** A sample a minute of each host, from the clock's time on. */
  async live(hours: number): Promise<void> {
    const fromMs = this.clock.nowMs();
    await this.clock.advance(hours * HOUR_MS);
    const minutes = hours * 60;
    const batch = {
      labelSets: LABEL_SETS,
      series: Uint32Array.from({ length: minutes * 2 }, (_, i) => i % 2),
      timestampsMs: Float64Array.from(
        { length: minutes * 2 },
        (_, i) => fromMs + Math.floor(i / 2) * 60_000,
      ),
      values: Float64Array.from({ length: minutes * 2 }, (_, i) => {
        const minute = (fromMs - START_MS) / 60_000 + Math.floor(i / 2);
        return minute * ((i % 2) + 1);
      }),
      stale: null,
    };
    await this.store.append(batch);
    await this.maintain();
  }

  async maintain(): Promise<void> {
    await this.clock.run(this.store.maintain(this.clock.nowMs()));
  }

  /** Rows and the sum of increases of each host. */
  async rows(tier: RollupTier, host = ".*"): Promise<readonly string[]> {
    const range = { minMs: START_MS, maxMs: START_MS + 1000 * DAY_MS };
    const options = { tier, quantiles: true, samplesMax: Infinity, signal };
    const found: string[] = [];
    const matchers = [createMatcher("=~", "host", host)];
    for await (const rows of this.store.selectRollup(range, matchers, options)) {
      const increase = rows.increase.reduce((sum, each) => sum + each, 0);
      found.push(`${rows.labels[1]?.[1]}: ${rows.count.length} rows, grew by ${increase}`);
    }
    return found;
  }

  async samples(host: string): Promise<number> {
    const range = { minMs: START_MS, maxMs: START_MS + 1000 * DAY_MS };
    let count = 0;
    const options = { samplesMax: Infinity, signal };
    for await (const { values } of this.store.select(
      range,
      [createMatcher("=", "host", host)],
      options,
    ))
      count += values.length;
    return count;
  }
}

test("every tier answers up to the newest sample, before and after samples go to blocks", async () => {
  const machine = await Machine.start();
  for (let hours = 12; hours <= 60; hours += 12) {
    await machine.live(12);
    const minutes = hours * 60;
    const grown = (rows: number): string[] => [
      `a: ${rows} rows, grew by ${minutes - 1}`,
      `b: ${rows} rows, grew by ${2 * (minutes - 1)}`,
    ];
    deepEqual(await machine.rows("1m"), grown(minutes));
    deepEqual(await machine.rows("5m"), grown(minutes / 5));
    deepEqual(await machine.rows("1h"), grown(hours));
    deepEqual(await machine.rows("1d"), grown(Math.ceil(hours / 24)));
  }
});

test("minutes are made before their samples go, and outlive them", async () => {
  const machine = await Machine.start({ retentionMs: 2 * DAY_MS });
  for (let day = 0; day < 5; day++) await machine.live(24);
  ok((await machine.samples("a")) <= 3 * 1440);
  deepEqual(await machine.rows("1m"), [
    "a: 7200 rows, grew by 7199",
    "b: 7200 rows, grew by 14398",
  ]);
  deepEqual(await machine.rows("1d"), ["a: 5 rows, grew by 7199", "b: 5 rows, grew by 14398"]);
});

test("a dry run says what then goes, series by series, and changes nothing", async () => {
  const machine = await Machine.start({ retentionMs: 100 * DAY_MS });
  for (let day = 0; day < 6; day++) await machine.live(24);
  const changes = {
    retention: {
      preset: "widest" as const,
      rules: [
        {
          matchers: [{ type: "=" as const, name: "host", value: "a" }],
          keepMs: { raw: DAY_MS, "1m": 0, "5m": 0, "1h": 2 * DAY_MS, "1d": 0 },
        },
      ],
    },
  };
  const before = await machine.samples("a");
  const plan = await machine.clock.run(machine.store.planRetention(machine.clock.nowMs(), changes));
  equal(await machine.samples("a"), before);
  const raw = plan.expired.find(({ tier, rule }) => tier === "raw" && rule === 0);
  ok(raw !== undefined && raw.samples > 0);
  equal(
    plan.expired.some(({ rule }) => rule === -1),
    false,
  );

  machine.store.applySettings(changes);
  await machine.maintain();
  await machine.maintain();
  equal(await machine.samples("a"), before - raw.samples);
  equal(await machine.samples("b"), 6 * 1440);
  deepEqual(await machine.rows("1d", "b"), ["b: 6 rows, grew by 17278"]);
});

test("over its size the store gives up the oldest samples, and keeps their rows", async () => {
  const machine = await Machine.start();
  for (let day = 0; day < 4; day++) await machine.live(24);
  const { blocks, rollups, walSize } = machine.store.stats();
  const sizes = [...blocks, ...rollups].map(
    ({ indexSize, columnsSize }) => indexSize + columnsSize,
  );
  const size = walSize + sizes.reduce((sum, each) => sum + each, 0);
  machine.store.applySettings({ retentionSizeMax: size - 100 });
  await machine.maintain();
  ok((await machine.samples("a")) < 4 * 1440);
  deepEqual(await machine.rows("1h", "a"), ["a: 96 rows, grew by 5759"]);
});

test("deleted samples are gone from every tier", async () => {
  const machine = await Machine.start();
  await machine.live(24);
  await machine.live(24);
  const range = { minMs: START_MS + 90 * 60_000, maxMs: START_MS + 30 * HOUR_MS - 1 };
  await machine.clock.run(machine.store.deleteSeries([createMatcher("=", "host", "a")], range));
  deepEqual(await machine.rows("1h", "a"), ["a: 20 rows, grew by 2879"]);
  deepEqual(await machine.rows("1d", "a"), ["a: 2 rows, grew by 2879"]);
  deepEqual(await machine.rows("5m", "b"), ["b: 576 rows, grew by 5758"]);
});

test("a wrong expression changes no setting", async () => {
  const machine = await Machine.start();
  const rollups = [
    { matchers: [{ type: "=~" as const, name: "a", value: "(" }], tiers: [], quantiles: [] },
  ];
  throws(() => machine.store.applySettings({ rollups, retentionMs: 1 }), { code: "input.invalid" });
  await machine.live(24);
  equal(await machine.samples("a"), 1440);
});
