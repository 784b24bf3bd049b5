// The archive's files, read by a database that is not ours.
import { deepEqual, equal, ok } from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { type DuckDBConnection, DuckDBInstance, type DuckDBValue } from "@duckdb/node-api";
import { labelsFrom, labelValue, seededRng } from "@pharos/base";
import { encodeLabels } from "@pharos/kernels";
import { seriesId } from "../src/archive/sample-file.ts";
import { ArchiveWorld, archivableSet, signal } from "./archive-world.ts";
import { BLOCK_START_MS, randomSet, type TestSeries, TWO_HOURS_MS } from "./block-builder.ts";

const folder = await mkdtemp(join(tmpdir(), "pharos-archive-"));
const duckdb = await DuckDBInstance.create(":memory:");
const connection: DuckDBConnection = await duckdb.connect();
after(async () => {
  connection.closeSync();
  duckdb.closeSync();
  await rm(folder, { recursive: true });
});

async function ask(sql: string): Promise<DuckDBValue[][]> {
  return (await connection.runAndReadAll(sql)).getRows();
}

/** Puts what is archived where DuckDB can read it; answers the folder. */
async function publish(name: string, world: ArchiveWorld): Promise<string> {
  const { blobs } = await world.store.list("", { limit: 1000 }, signal);
  for (const { key } of blobs) {
    const path = join(folder, name, key);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, await world.store.get(key, null, signal));
  }
  return join(folder, name);
}

const STALE = [2, 0x7ff0_0000] as const;
const GO_NAN = [1, 0x7ff8_0000] as const;

/** Counters of some hosts: whole numbers, here and there a staleness marker or another NaN. */
function counters(hosts: number, startMs: number): TestSeries[] {
  const rng = seededRng(startMs % 1000);
  return Array.from({ length: hosts }, (_, host) => {
    const times = Array.from({ length: 480 }, (_, i) => startMs + i * 15_000 + host);
    const bits = new Uint32Array(times.length * 2);
    const doubles = new Float64Array(bits.buffer);
    for (let i = 0; i < times.length; i++) doubles[i] = host * 1000 + rng.below(1000);
    bits.set(STALE, 2 * 100);
    if (host === 0) bits.set(GO_NAN, 2 * 200);
    return {
      labels: labelsFrom({
        __name__: "requests_total",
        job: host % 3 === 0 ? "api" : "web",
        host: `h${host}`,
        ...(host === 1 ? { value: "a label", zone: "öst" } : {}),
      }),
      sets: [
        {
          kind: "samples" as const,
          timestampsMs: Float64Array.from(times),
          floats: [bits],
          bytes: [],
        },
      ],
    };
  });
}

test("DuckDB counts, sums and groups by labels what the archive holds", async () => {
  const world = new ArchiveWorld();
  const blocks = [counters(30, BLOCK_START_MS), counters(30, BLOCK_START_MS + TWO_HOURS_MS)];
  for (const [i, series] of blocks.entries())
    await world.archive(series, {
      sequence: i + 1,
      rangeStartMs: BLOCK_START_MS + i * TWO_HOURS_MS,
      rangeEndMs: BLOCK_START_MS + (i + 1) * TWO_HOURS_MS,
    });
  const root = await publish("counters", world);
  const files = `read_parquet('${root}/blocks/**/samples.parquet', hive_partitioning = true)`;

  const all = blocks.flat();
  deepEqual(await ask(`select count(*), count(value), count(distinct series_id) from ${files}`), [
    [BigInt(60 * 480), BigInt(60 * 479), 30n],
  ]);

  for (const job of ["api", "web"]) {
    let sum = 0;
    for (const { labels, sets } of all.filter(({ labels }) => labelValue(labels, "job") === job)) {
      const [bits] = sets[0]?.floats ?? [];
      for (const value of new Float64Array((bits as Uint32Array).buffer))
        if (!Number.isNaN(value)) sum += value;
      ok(labels.length > 0);
    }
    deepEqual(
      await ask(`select sum(value) from ${files} where job = '${job}' and not isnan(value)`),
      [[sum]],
    );
  }

  deepEqual(
    await ask(
      `select host, zone, label_value, min(timestamp)::varchar, tier from ${files}
       where __name__ = 'requests_total' and zone is not null group by all`,
    ),
    [["h1", "öst", "a label", "2023-11-15 00:00:00.001+00", "raw"]],
  );
  // Staleness markers are null, every other NaN is one.
  deepEqual(await ask(`select count(*) from ${files} where value is null`), [[60n]]);
  deepEqual(await ask(`select count(*) from ${files} where isnan(value)`), [[2n]]);
});

test("DuckDB reads every value and time to the bit", async () => {
  const world = new ArchiveWorld();
  const rng = seededRng(77);
  const labels = labelsFrom({ __name__: "anything" });
  const times = Array.from({ length: 20_000 }, (_, i) => BLOCK_START_MS + i * 10 + rng.below(10));
  const set = randomSet(rng, "samples", times);
  const bits = set.floats[0] as Uint32Array;
  for (let i = 0; i < times.length; i++) bits.set([rng.below(2 ** 32), rng.below(2 ** 32)], i * 2);
  await world.archive([{ labels, sets: [set] }]);
  const root = await publish("bits", world);
  const rows = await ask(
    `select epoch_ms(timestamp), value, series_id
     from '${root}/blocks/**/samples.parquet' order by timestamp`,
  );
  const doubles = new Float64Array(bits.buffer);
  equal(rows.length, times.length);
  for (const [i, [ms, value, id]] of rows.entries()) {
    equal(ms, BigInt(times[i] as number));
    ok(Object.is(value, doubles[i]), `row ${i}: ${String(value)} for ${doubles[i]}`);
    equal(id, seriesId(labels));
  }
});

test("DuckDB reads exemplars with their labels, histograms as bytes, and the index of series", async () => {
  const world = new ArchiveWorld();
  const rng = seededRng(3);
  const times = [0, 1000, 2500].map((ms) => BLOCK_START_MS + ms);
  const trace = encodeLabels(labelsFrom({ trace_id: 'a"b' }));
  const exemplars = {
    ...archivableSet(rng, "exemplars", times),
    bytes: [
      {
        ends: Uint32Array.from([1, 2, 3], (n) => n * trace.length),
        bytes: Uint8Array.from([...trace, ...trace, ...trace]),
      },
    ],
  };
  const histograms = {
    kind: "histograms" as const,
    timestampsMs: Float64Array.from(times),
    floats: [],
    bytes: [{ ends: Uint32Array.from([2, 2, 5]), bytes: Uint8Array.from([1, 2, 3, 4, 255]) }],
  };
  const labels = labelsFrom({ __name__: "latency", job: "api" });
  const samples = archivableSet(rng, "samples", times);
  await world.archive([
    { labels, sets: [samples, histograms, exemplars] },
    { labels: labelsFrom({ __name__: "up" }), sets: [samples] },
  ]);
  const root = await publish("kinds", world);
  const of = (file: string): string => `'${root}/blocks/**/${file}.parquet'`;
  deepEqual(await ask(`select exemplar_labels, count(*) from ${of("exemplars")} group by all`), [
    ['{"trace_id":"a\\"b"}', 3n],
  ]);
  deepEqual(await ask(`select hex(histogram) from ${of("histograms")} order by timestamp`), [
    ["0102"],
    [""],
    ["0304FF"],
  ]);
  deepEqual(
    await ask(
      `select __name__, job, samples_first_row, samples_rows, histograms_rows,
              epoch_ms(max_time - min_time) from ${of("series")} order by __name__`,
    ),
    [
      ["latency", "api", 0n, 3n, 3n, 2500n],
      ["up", null, 3n, 3n, 0n, 2500n],
    ],
  );
});

test("DuckDB reads a rollup tier, and files whose labels differ as one table", async () => {
  const world = new ArchiveWorld();
  const rng = seededRng(4);
  const times = [0, 1, 2].map((minute) => BLOCK_START_MS + minute * 60_000);
  for (const [i, label] of ["rack", "zone"].entries())
    await world.archive(
      [
        {
          labels: labelsFrom({ __name__: "up", [label]: "x" }),
          sets: [randomSet(rng, "rollup", times)],
        },
      ],
      { directory: "rollups/1m", tier: "1m", sequence: i + 1 },
    );
  const root = await publish("tiers", world);
  deepEqual(
    await ask(
      `select rack, zone, count(*), count(octet_length(sketch)) from
       read_parquet('${root}/blocks/tier=1m/**/rollup.parquet', union_by_name = true)
       group by all order by rack nulls last`,
    ),
    [
      ["x", null, 3n, 3n],
      [null, "x", 3n, 3n],
    ],
  );
});

test("DuckDB finds the pages, bounds and checksums that the format promises", async () => {
  const world = new ArchiveWorld();
  await world.archive(counters(30, BLOCK_START_MS));
  const root = await publish("metadata", world);
  const files = `'${root}/blocks/**/samples.parquet'`;
  deepEqual(
    await ask(
      `select path_in_schema, stats_min_value, stats_max_value, compression
       from parquet_metadata(${files}) where path_in_schema in ('job', 'host') order by all`,
    ),
    [
      ["host", "h0", "h9", "ZSTD"],
      ["job", "api", "web", "ZSTD"],
    ],
  );
});
