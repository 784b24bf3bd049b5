import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import {
  createMatcher,
  formatLabels,
  labelsFrom,
  type Matcher,
  matchesLabels,
  OperatingError,
  seededRng,
} from "@pharos/base";
import { UNREACHABLE_MS } from "../src/archive/archive-access.ts";
import { ArchiveCatalogue } from "../src/archive/archive-catalogue.ts";
import { archivedFiles, mayMatch } from "../src/archive/archive-entry.ts";
import { ArchiveReader } from "../src/archive/archive-reader.ts";
import { archiveBlock, archiveInputOf } from "../src/archive/archive-writer.ts";
import { trimColumns } from "../src/archive/join-columns.ts";
import { ColumnBuffer } from "../src/column-buffer.ts";
import { SourceMerge } from "../src/selection.ts";
import {
  ArchiveWorld,
  all,
  archivableSeries,
  archivableSet,
  decoder,
  equals,
  everything,
  OPTIONS,
  signal,
} from "./archive-world.ts";
import { BLOCK_START_MS, linesOf, sorted, type TestSeries, TWO_HOURS_MS } from "./block-builder.ts";

const KINDS = ["samples", "histograms", "exemplars"] as const;

function lines(series: readonly TestSeries[]): string[] {
  return series.map(({ labels, sets }) => [formatLabels(labels), ...linesOf(sets)].join("\n"));
}

/** What a selection should give, from the series themselves. */
function selectPlainly(
  series: readonly TestSeries[],
  { minMs, maxMs }: { minMs: number; maxMs: number },
  matchers: readonly Matcher[],
): TestSeries[] {
  return sorted(series.filter(({ labels }) => matchesLabels(matchers, labels)))
    .map(({ labels, sets }) => ({
      labels,
      sets: sets
        .map((set) => trimColumns(set, minMs, maxMs))
        .filter(({ timestampsMs }) => timestampsMs.length > 0),
    }))
    .filter(({ sets }) => sets.length > 0);
}

test("every bit of every kind of column comes back from Parquet", async () => {
  for (let seed = 0; seed < 3; seed++) {
    const world = new ArchiveWorld();
    const series = archivableSeries(seed, [1, 31, 100][seed] as number);
    const entry = await world.archive(series);
    equal(entry.series, series.length);
    const restored = await all(world.reader.restore(entry, signal));
    deepEqual(lines(restored), lines(sorted(series)), `seed ${seed}`);
  }
});

test("a block is made again of what was archived, the same to the byte", async () => {
  const world = new ArchiveWorld();
  const series = archivableSeries(7, 50);
  const block = await world.block(series);
  const entry = await world.archiveInput(archiveInputOf(block, decoder));
  const again = await world.block(await all(world.reader.restore(entry, signal)), {
    directory: "restored",
  });
  for (const file of ["columns", "index"])
    deepEqual(world.disk.read(`${again.path}/${file}`), world.disk.read(`${block.path}/${file}`));
});

test("a selection gives what the block would, for any matchers and range", async () => {
  const world = new ArchiveWorld();
  const series = archivableSeries(3, 120);
  await world.archive(series);
  const ranges = [
    everything,
    { minMs: BLOCK_START_MS + 1_000_000, maxMs: BLOCK_START_MS + 1_500_000 },
    { minMs: BLOCK_START_MS, maxMs: BLOCK_START_MS },
    { minMs: 0, maxMs: BLOCK_START_MS - 1 },
  ];
  const matcherLists: Matcher[][] = [
    [],
    [equals("__name__", "metric_3")],
    [equals("instance", "host-17")],
    [equals("instance", "host-17"), equals("job", "api")],
    [
      createMatcher("=~", "job", "datenbank.*|\u{1f600}"),
      createMatcher("!=", "__name__", "metric_1"),
    ],
    [equals("nothing", "")],
    [equals("nothing", "x")],
    [createMatcher("!=", "job", "web"), createMatcher("!~", "instance", "host-1.*")],
  ];
  for (const range of ranges)
    for (const matchers of matcherLists) {
      const options = { tier: "raw", signal, kinds: KINDS };
      const found = await all(world.reader.select(range, matchers, options));
      deepEqual(lines(found), lines(selectPlainly(series, range, matchers)));
    }
});

test("series of several blocks are one, and where two have a sample the earlier block's stands", async () => {
  const rng = seededRng(5);
  const world = new ArchiveWorld();
  const labels = labelsFrom({ __name__: "up", job: "api" });
  const times = [0, 1000, 2000].map((ms) => BLOCK_START_MS + ms);
  const first = archivableSet(rng, "samples", times);
  const late = archivableSet(rng, "samples", [times[1] as number, (times[1] as number) + 1]);
  const next = archivableSet(rng, "samples", [BLOCK_START_MS + TWO_HOURS_MS]);
  const other = labelsFrom({ __name__: "up", job: "web" });
  await world.archive([{ labels, sets: [late] }], { sequence: 3 });
  await world.archive([{ labels, sets: [first] }], { sequence: 1 });
  await world.archive(
    [
      { labels: other, sets: [next] },
      { labels, sets: [next] },
    ],
    {
      sequence: 2,
      rangeStartMs: BLOCK_START_MS + TWO_HOURS_MS,
      rangeEndMs: BLOCK_START_MS + 2 * TWO_HOURS_MS,
    },
  );
  const options = { tier: "raw", signal, kinds: ["samples"] as const };
  const found = await all(world.reader.select(everything, [], options));
  const a = linesOf([first]);
  equal(found.length, 2);
  deepEqual(linesOf(found[0]?.sets ?? []), [
    ...a.slice(0, 2),
    ...linesOf([late]).slice(1),
    ...a.slice(2),
    ...linesOf([next]),
  ]);

  const merge = new SourceMerge(await world.reader.sources(everything, [], options));
  const out = new ColumnBuffer();
  deepEqual(merge.next(), labels);
  await merge.read(out);
  deepEqual(out.timestampsMs, found[0]?.sets[0]?.timestampsMs);
  deepEqual(out.bits, found[0]?.sets[0]?.floats[0]);
  deepEqual(merge.next(), other);
});

test("a query reads the footers and the pages it needs, a small part of the files", async () => {
  const world = new ArchiveWorld();
  const rng = seededRng(2);
  const times = Array.from({ length: 720 }, (_, i) => BLOCK_START_MS + i * 10_000);
  const series = Array.from({ length: 1000 }, (_, i) => ({
    labels: labelsFrom({ __name__: `metric_${i % 10}`, instance: `host-${i}` }),
    sets: [archivableSet(rng, "samples", times)],
  }));
  const entry = await world.archive(series);
  const size = archivedFiles(entry).reduce((sum, file) => sum + file.size, 0);
  ok(size > 1_000_000, `${size} bytes in the archive`);
  world.store.takeReadSize();

  const select = async (matchers: Matcher[]): Promise<number> => {
    const options = { tier: "raw", signal, kinds: ["samples"] as const };
    const found = await all(world.reader.select(everything, matchers, options));
    equal(found.length, 1);
    return world.store.takeReadSize();
  };
  const cold = await select([equals("instance", "host-123")]);
  ok(cold < size / 20, `${cold} of ${size} bytes, cold`);
  const warm = await select([equals("instance", "host-124")]);
  ok(warm < size / 30, `${warm} of ${size} bytes, warm`);
  equal(world.reader.stats.readSize, cold + warm);
  equal(world.reader.stats.failures, 0);

  // The catalogue alone knows that there is no such host.
  const options = { tier: "raw", signal, kinds: ["samples"] as const };
  deepEqual(
    await all(world.reader.select(everything, [equals("instance", "nowhere")], options)),
    [],
  );
  deepEqual(await all(world.reader.select(everything, [equals("region", "eu")], options)), []);
  deepEqual(await all(world.reader.select({ minMs: 0, maxMs: 1 }, [], options)), []);
  equal(world.store.takeReadSize(), 0);
});

test("neighbours are read together", async () => {
  const world = new ArchiveWorld();
  const rng = seededRng(2);
  const times = Array.from({ length: 100 }, (_, i) => BLOCK_START_MS + i * 10_000);
  await world.archive(
    Array.from({ length: 500 }, (_, i) => ({
      labels: labelsFrom({ __name__: "up", instance: `host-${1000 + i}` }),
      sets: [archivableSet(rng, "samples", times)],
    })),
  );
  world.store.calls.length = 0;
  const options = { tier: "raw", signal, kinds: ["samples"] as const };
  equal((await all(world.reader.select(everything, [], options))).length, 500);
  // Footer and one group of the index, footer and two columns of the samples.
  equal(world.store.calls.length, 5);
});

test("the archive can be searched without reading samples", async () => {
  const world = new ArchiveWorld();
  const series = archivableSeries(11, 40);
  await world.archive(series);
  await world.archive(series, { sequence: 2 });
  world.store.calls.length = 0;
  const found = await world.reader.search(everything, [equals("job", "api")], {
    tier: "raw",
    signal,
  });
  const expected = sorted(
    series.filter(({ labels }) => matchesLabels([equals("job", "api")], labels)),
  );
  deepEqual(
    found.map(({ labels }) => labels),
    expected.map(({ labels }) => labels),
  );
  for (const [i, { blocks, rows, minTimeMs, maxTimeMs }] of found.entries()) {
    const times = (expected[i]?.sets ?? []).flatMap(({ timestampsMs }) => [...timestampsMs]);
    deepEqual([blocks, rows], [2, times.length * 2]);
    deepEqual([minTimeMs, maxTimeMs], [Math.min(...times), Math.max(...times)]);
  }
  ok(world.store.calls.every(({ key }) => key.endsWith("/series.parquet")));
});

test("a label called as one of the columns, or with more names than columns, comes back", async () => {
  const world = new ArchiveWorld();
  const rng = seededRng(9);
  const names = [
    "value",
    "VALUE",
    "label_value",
    "timestamp",
    "series_id",
    "min_time",
    "samples_rows",
    "tier",
    "ä b",
  ];
  for (let i = 0; i < 450; i++) names.push(`n${String(i).padStart(3, "0")}`);
  const series = names.map((name, i) => ({
    labels: labelsFrom({ __name__: "up", [name]: `v${i}`, __proto__x: "y" }),
    sets: [archivableSet(rng, "samples", [BLOCK_START_MS])],
  }));
  const entry = await world.archive(series);
  deepEqual(lines(await all(world.reader.restore(entry, signal))), lines(sorted(series)));
  const options = { tier: "raw", signal, kinds: ["samples"] as const };
  for (const [name, value] of [
    ["value", "v0"],
    ["n449", "v458"],
  ] as const) {
    const found = await all(world.reader.select(everything, [equals(name, value)], options));
    equal(found.length, 1, name);
  }
  equal((await all(world.reader.select(everything, [equals("n449", "")], options))).length, 458);
});

test("an archive that cannot be reached leaves a gap and a warning for each block", async () => {
  const world = new ArchiveWorld();
  await world.archive(archivableSeries(1, 20));
  await world.archive(archivableSeries(2, 20), { sequence: 2 });
  const options = { tier: "raw", signal, kinds: ["samples"] as const };
  world.store.unreachable();
  const warnings: string[] = [];
  const warn = (text: string): void => void warnings.push(text);
  deepEqual(await all(world.reader.select(everything, [], { ...options, warn })), []);
  equal(warnings.length, 2);
  match(warnings[0] ?? "", /^archived block raw\/\d+-\d+-1: .*connection refused/);
  await rejects(
    all(world.reader.select(everything, [], options)),
    (error) => error instanceof OperatingError && error.code === "blob.unavailable",
  );
  ok(world.reader.stats.unreachable);

  // It is left alone for a while, then asked again.
  world.store.reachable();
  world.store.calls.length = 0;
  deepEqual(await all(world.reader.select(everything, [], { ...options, warn })), []);
  equal(world.store.calls.length, 0);
  await world.clock.run(world.clock.sleep(UNREACHABLE_MS, signal));
  warnings.length = 0;
  ok((await all(world.reader.select(everything, [], { ...options, warn }))).length > 0);
  deepEqual(warnings, []);
  equal(world.reader.stats.unreachable, false);
});

test("a block that goes missing half-way leaves a gap and one warning", async () => {
  const world = new ArchiveWorld();
  const rng = seededRng(1);
  const times = Array.from({ length: 480 }, (_, i) => BLOCK_START_MS + i * 15_000);
  await world.archive(
    Array.from({ length: 400 }, (_, i) => ({
      labels: labelsFrom({ __name__: "up", instance: `host-${1000 + i}` }),
      sets: [archivableSet(rng, "samples", times)],
    })),
  );
  const warnings: string[] = [];
  const options = { tier: "raw", signal, kinds: ["samples"] as const };
  const warn = (text: string): void => void warnings.push(text);
  let found = 0;
  for await (const _ of world.reader.select(everything, [], { ...options, warn }))
    if (++found === 10) world.store.unreachable();
  ok(found > 10 && found < 400, `${found} series`);
  equal(warnings.length, 1);
});

test("an archive that does not answer in time cannot be reached", async () => {
  const world = new ArchiveWorld();
  await world.archive(archivableSeries(1, 5));
  const never = new Promise<void>(() => {});
  world.store.beforeCall = () => never;
  const options = { tier: "raw", signal, kinds: ["samples"] as const };
  await rejects(
    world.clock.run(all(world.reader.select(everything, [], options))),
    /no answer in 10 s/,
  );
});

test("a query that is cancelled ends with its reason, and blames nobody", async () => {
  const world = new ArchiveWorld();
  await world.archive(archivableSeries(1, 5));
  const stop = new AbortController();
  world.store.beforeCall = () => stop.abort(new RangeError("enough"));
  const options = { tier: "raw", signal: stop.signal, kinds: ["samples"] as const, warn: () => {} };
  await rejects(all(world.reader.select(everything, [], options)), /enough/);
  equal(world.reader.stats.unreachable, false);
});

test("every flipped byte of an archived file that a query reads is found", async () => {
  const world = new ArchiveWorld();
  const series = archivableSeries(4, 30);
  const entry = await world.archive(series);
  const expected = lines(sorted(series));
  const rng = seededRng(4);
  let found = 0;
  const files = archivedFiles(entry);
  for (let round = 0; round < 120; round++) {
    const { key, size } = files[rng.below(files.length)] as { key: string; size: number };
    const offset = rng.below(size);
    world.store.flipByte(key, offset);
    // A reader that has no footers in memory.
    const reader = new ArchiveReader(world.store, world.catalogue, world.clock);
    try {
      const got = lines(await all(reader.restore(entry, signal)));
      deepEqual(got, expected, `byte ${offset} of ${key} changed what was read`);
    } catch (error) {
      ok(error instanceof OperatingError, String(error));
      equal(error.code, "disk.corrupt");
      found++;
    }
    world.store.flipByte(key, offset);
  }
  ok(found > 60, `${found} of 120 were found`);
});

test("a crash at any call leaves an archive that the next attempt completes", async () => {
  const series = archivableSeries(6, 20);
  const plain = new ArchiveWorld();
  await plain.archive(series);
  const calls = plain.store.calls.length;
  for (let failAt = 0; failAt < calls; failAt++) {
    const world = new ArchiveWorld();
    const input = archiveInputOf(await world.block(series), decoder);
    let left = failAt;
    world.store.beforeCall = (_, key) => {
      if (left-- <= 0) throw new OperatingError("blob.unavailable", `${key}: gone`);
    };
    await rejects(archiveBlock(world.store, input, OPTIONS), /gone/);
    world.store.reachable();
    await world.catalogue.refresh(signal);
    const { entries } = world.catalogue;
    // Nobody sees half a block: it is there as a whole, if only its last check was missing.
    equal(entries.length, failAt === calls - 1 || failAt === calls - 2 ? 1 : 0, `call ${failAt}`);
    const entry = await world.archiveInput(input);
    const restored = await all(world.reader.restore(entry, signal));
    deepEqual(lines(restored), lines(sorted(series)), `failed at call ${failAt}`);
  }
});

test("a block that is there already is checked and not written again", async () => {
  const world = new ArchiveWorld();
  const input = archiveInputOf(await world.block(archivableSeries(6, 20)), decoder);
  const first = await world.archiveInput(input);
  world.store.calls.length = 0;
  deepEqual(await archiveBlock(world.store, input, OPTIONS), first);
  ok(!world.store.calls.some(({ call }) => call === "put"));

  // Unless what is there is damaged.
  world.store.flipByte(first.index.key, 100);
  world.store.calls.length = 0;
  deepEqual(await archiveBlock(world.store, input, OPTIONS), first);
  ok(world.store.calls.some(({ call }) => call === "put"));
});

test("what reads back as something else is not archived", async () => {
  const world = new ArchiveWorld();
  const input = archiveInputOf(await world.block(archivableSeries(6, 20)), decoder);
  world.store.beforeCall = (call, key) => {
    if (call === "head" && key.endsWith("samples.parquet")) {
      world.store.beforeCall = () => {};
      world.store.flipByte(key, 1000);
    }
  };
  await rejects(
    archiveBlock(world.store, input, OPTIONS),
    (error) =>
      error instanceof OperatingError &&
      error.code === "disk.corrupt" &&
      /samples.parquet: reads back as something else/.test(error.message),
  );
  await world.catalogue.refresh(signal);
  deepEqual(world.catalogue.entries, []);
});

test("the catalogue is known without a connection, and comes again from the archive when it is lost", async () => {
  const world = new ArchiveWorld();
  const entry = await world.archive(archivableSeries(1, 10));
  world.store.unreachable();
  const offline = ArchiveCatalogue.open(world.disk.crash(), world.store);
  deepEqual(offline.entries, [entry]);
  await rejects(offline.refresh(signal), /refused/);
  deepEqual(offline.entries, [entry]);

  world.store.reachable();
  const other = new ArchiveWorld();
  const catalogue = ArchiveCatalogue.open(other.disk, world.store);
  deepEqual(catalogue.entries, []);
  await catalogue.refresh(signal);
  deepEqual(catalogue.entries, [entry]);
  deepEqual(ArchiveCatalogue.open(other.disk, world.store).entries, [entry]);
});

test("a damaged local copy is fetched again", async () => {
  const world = new ArchiveWorld();
  const entry = await world.archive(archivableSeries(1, 10));
  const [tier = ""] = world.disk.list("archive");
  const [name = ""] = world.disk.list(`archive/${tier}`);
  world.disk.flipByte(`archive/${tier}/${name}`, 50);
  const catalogue = ArchiveCatalogue.open(world.disk, world.store);
  deepEqual(catalogue.entries, []);
  await catalogue.refresh(signal);
  deepEqual(catalogue.entries, [entry]);
});

test("old blocks are removed from the archive, with all their files", async () => {
  const world = new ArchiveWorld();
  const old = await world.archive(archivableSeries(1, 10));
  const young = await world.archive(archivableSeries(2, 10), {
    sequence: 2,
    rangeEndMs: BLOCK_START_MS + 2 * TWO_HOURS_MS,
  });
  equal(await world.catalogue.removeBefore("raw", old.rangeEndMs, signal), 1);
  deepEqual(world.catalogue.entries, [young]);
  const { blobs } = await world.store.list("", { limit: 100 }, signal);
  equal(blobs.length, archivedFiles(young).length + 1);
});

test("files without an entry are removed, those with one are not", async () => {
  const world = new ArchiveWorld();
  const entry = await world.archive(archivableSeries(1, 10));
  const left = "blocks/tier=raw/date=2023-11-15/1700006400000-1700013600000-9/samples.parquet";
  await world.store.put(left, [new Uint8Array(9)], signal);
  equal(await world.catalogue.removeLeftovers(signal), 1);
  equal(await world.store.head(left, signal), undefined);
  equal(await world.catalogue.removeLeftovers(signal), 0);
  ok((await all(world.reader.restore(entry, signal))).length > 0);
});

test("labels with many values are known by a filter that lets few others pass", async () => {
  const world = new ArchiveWorld();
  const rng = seededRng(1);
  const set = archivableSet(rng, "samples", [BLOCK_START_MS]);
  const entry = await world.archive(
    Array.from({ length: 2000 }, (_, i) => ({
      labels: labelsFrom({ __name__: "up", instance: `host-${i}` }),
      sets: [set],
    })),
  );
  for (let i = 0; i < 2000; i++) ok(mayMatch(entry, [equals("instance", `host-${i}`)]));
  let passed = 0;
  for (let i = 0; i < 2000; i++) if (mayMatch(entry, [equals("instance", `other-${i}`)])) passed++;
  ok(passed < 40, `${passed} of 2000 pass`);
  equal(mayMatch(entry, [createMatcher("=~", "__name__", "down.*")]), false);
  equal(mayMatch(entry, [createMatcher("!=", "region", "eu")]), true);
});
