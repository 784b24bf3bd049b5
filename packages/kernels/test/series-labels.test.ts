import { deepEqual, equal, throws } from "node:assert/strict";
import { test } from "node:test";
import {
  AssertionFailure,
  type Labels,
  labelsFrom,
  OperatingError,
  type Rng,
  seededRng,
} from "@pharos/base";
import {
  encodeLabels,
  HEAD_NAMESPACE,
  Kernels,
  SeriesLabels,
  SeriesTable,
  VALUE_DROPPED,
} from "../src/index.ts";

const kernels = await Kernels.load();

function inTable(): { table: SeriesTable; labels: SeriesLabels; close: () => void } {
  const table = new SeriesTable(kernels);
  const labels = new SeriesLabels(kernels, table);
  const close = (): void => {
    labels.destroy();
    table.destroy();
  };
  return { table, labels, close };
}

const bytesOf = (set: Record<string, string>): Uint8Array => encodeLabels(labelsFrom(set));

function seriesOf(labels: SeriesLabels, name: string, value: string): number[] {
  const pair = labels.find(name, value);
  return pair === undefined ? [] : [...labels.seriesOf(pair)];
}

test("a series is found by each of its labels, and listed in rising order", () => {
  const { table, labels, close } = inTable();
  for (const [ref, set] of [
    [5, { __name__: "up", job: "a" }],
    [1, { __name__: "up", job: "b" }],
    [3, { __name__: "down", job: "a" }],
  ] as const)
    table.insertSeries(bytesOf(set), ref);
  deepEqual([...labels.all()], [1, 3, 5]);
  deepEqual(seriesOf(labels, "__name__", "up"), [1, 5]);
  deepEqual(seriesOf(labels, "job", "a"), [3, 5]);
  deepEqual(seriesOf(labels, "job", "c"), []);
  deepEqual(seriesOf(labels, "job", ""), []);
  deepEqual([...labels.names()].sort(), ["__name__", "job"]);
  deepEqual(Array.from(labels.valuesOf("job"), ([value]) => value).sort(), ["a", "b"]);
  deepEqual([...labels.valuesOf("none")], []);
  equal(labels.valueCountOf("job"), 2);
  equal(labels.valueCountOf("none"), 0);
  equal(labels.seriesCount, 3);
  equal(labels.pairCount, 4);
  close();
});

test("a spelling that turns out to be a series keeps its entry", () => {
  const { table, labels, close } = inTable();
  const bytes = bytesOf({ __name__: "up" });
  const entry = table.remember(HEAD_NAMESPACE, bytes, VALUE_DROPPED);
  equal(table.isSeries(entry), false);
  equal(table.insertSeries(bytes, 7), entry);
  equal(table.isSeries(entry), true);
  equal(table.valueOf(entry), 7);
  deepEqual([...table.bytesOf(entry)], [...bytes]);
  equal(table.removeDropped(), 0);
  equal(table.removeSpellings(7), 0);
  deepEqual(seriesOf(labels, "__name__", "up"), [7]);
  throws(() => table.insertSeries(bytes, 8), AssertionFailure);
  throws(() => table.setValue(entry, 8), AssertionFailure);
  close();
});

test("what is not canonical becomes no series", () => {
  const { table, labels, close } = inTable();
  const unsorted = encodeLabels([
    ["b", "1"],
    ["a", "1"],
  ]);
  const twice = encodeLabels([
    ["a", "1"],
    ["a", "1"],
  ]);
  for (const bytes of [
    unsorted,
    twice,
    encodeLabels([["a", ""]]),
    Uint8Array.of(),
    Uint8Array.of(0x0a, 9, 1),
    // A value that is no UTF-8.
    Uint8Array.of(0x0a, 6, 0x0a, 1, 97, 0x12, 1, 0xff),
    Uint8Array.of(...bytesOf({ a: "1" }), 0x0a),
  ])
    throws(() => table.insertSeries(bytes, 1), /the label bytes are canonical/);
  equal(table.size, 0);
  equal(labels.pairCount, 0);
  close();
});

test("a name that a label's bytes could be is another thing than that label", () => {
  const { table, labels, close } = inTable();
  const label = bytesOf({ a: "1" });
  const name = new TextDecoder().decode(label.subarray(2));
  table.insertSeries(label, 1);
  table.insertSeries(bytesOf({ [name]: "1" }), 2);
  deepEqual([...labels.names()].sort(), [name, "a"].sort());
  deepEqual(seriesOf(labels, name, "1"), [2]);
  deepEqual(seriesOf(labels, "a", "1"), [1]);
  close();
});

test("a list of many series is as short as its differences", () => {
  const { table, close } = inTable();
  const before = kernels.memoryUse().usedSize;
  for (let ref = 0; ref < 20_000; ref++)
    table.insertSeries(bytesOf({ host: `h${ref >> 6}`, metric: `m${ref & 63}`, job: "all" }), ref);
  const size = (kernels.memoryUse().usedSize - before) / 20_000;
  // 32 for the entry, 13 to 26 for its slot, 12 for its labels' numbers, and some 10 for the lists.
  equal(size < 90, true, `${size} bytes a series`);
  close();
});

/** What the table should hold: each series, by its label bytes as text. */
class Model {
  readonly series = new Map<string, { ref: number; labels: Labels }>();
  /** References that no series has and no list mentions. */
  free: number[] = Array.from({ length: 400 }, (_, ref) => ref);

  check(labels: SeriesLabels): void {
    const byPair = new Map<string, number[]>();
    for (const { ref, labels: set } of this.series.values())
      for (const pair of set) {
        const key = JSON.stringify(pair);
        byPair.set(key, [...(byPair.get(key) ?? []), ref]);
      }
    const found = new Map<string, number[]>();
    for (const name of labels.names())
      for (const [value, pair] of labels.valuesOf(name)) {
        const series = [...labels.seriesOf(pair)];
        deepEqual([...labels.keptSeriesOf(pair)], series);
        equal(labels.countOf(pair), series.length);
        equal(labels.find(name, value), pair);
        found.set(JSON.stringify([name, value]), series);
      }
    const sorted = (map: Map<string, number[]>): [string, number[]][] =>
      [...map]
        .map(([key, refs]): [string, number[]] => [key, refs.toSorted((a, b) => a - b)])
        .sort(([a], [b]) => (a < b ? -1 : 1));
    deepEqual(
      [...found].sort(([a], [b]) => (a < b ? -1 : 1)),
      sorted(byPair),
    );
    const all = Array.from(this.series.values(), ({ ref }) => ref);
    deepEqual(
      [...labels.all()],
      all.sort((a, b) => a - b),
    );
  }
}

function randomLabels(rng: Rng): Labels {
  const set: Record<string, string> = { a: `${rng.below(4)}` };
  if (rng.chance(50)) set["b"] = `${rng.below(30)}`;
  if (rng.chance(50)) set["é".repeat(1 + rng.below(3))] = "x".repeat(1 + rng.below(3));
  return labelsFrom({ ...set, c: `${rng.below(100)}` });
}

test("any history of series that begin and end leaves what a model would hold, before and after each sweep", () => {
  for (const seed of [1, 2, 3]) {
    const used = kernels.memoryUse().usedSize;
    const rng = seededRng(seed);
    const { table, labels, close } = inTable();
    const model = new Model();
    let ended: number[] = [];
    for (let step = 0; step < 1500; step++) {
      const set = randomLabels(rng);
      const bytes = encodeLabels(set);
      const key = bytes.join();
      const known = model.series.get(key);
      if (known !== undefined) {
        const entry = table.find(HEAD_NAMESPACE, bytes);
        equal(table.valueOf(entry), known.ref);
        deepEqual([...table.bytesOf(entry)], [...bytes]);
        table.remove(entry);
        model.series.delete(key);
        ended.push(known.ref);
      } else if (model.free.length > 0) {
        const ref = model.free.splice(rng.below(model.free.length), 1)[0] as number;
        table.insertSeries(bytes, ref);
        model.series.set(key, { ref, labels: set });
      }
      if (rng.chance(4)) model.check(labels);
      if (!rng.chance(3)) continue;
      // In parts, with series that begin in between.
      while (!table.sweepEnded(50)) {
        const more = encodeLabels(labelsFrom({ a: "new", b: `${step}` }));
        const ref = model.free.pop();
        if (ref === undefined || model.series.has(more.join())) continue;
        table.insertSeries(more, ref);
        model.series.set(more.join(), { ref, labels: labelsFrom({ a: "new", b: `${step}` }) });
      }
      model.free.push(...ended);
      ended = [];
      model.check(labels);
    }
    close();
    equal(kernels.memoryUse().usedSize, used, "all memory is given back");
  }
});

test("label sets share the labels that they have in common, and are right after others have ended", () => {
  const { table, labels, close } = inTable();
  const sets = (round: number): Labels[] =>
    Array.from({ length: 50 }, (_, i) => labelsFrom({ job: "all", pod: `${round}-${i}` }));
  for (let round = 0; round < 3; round++) {
    const entries = sets(round).map((set, ref) => table.insertSeries(encodeLabels(set), ref));
    const found = entries.map((entry) => labels.labelsOf(entry));
    deepEqual(found, sets(round));
    equal(found[0]?.[0], found[49]?.[0]);
    for (const entry of entries.slice(1)) table.remove(entry);
    // Those of the next round lie where these were.
    deepEqual(labels.labelsOf(entries[0] as number), sets(round)[0]);
    table.remove(entries[0] as number);
    while (!table.sweepEnded(1000));
  }
  close();
});

test("a list that is kept is read again where a series came, ended or went from it", () => {
  const { table, labels, close } = inTable();
  const add = (ref: number): number => table.insertSeries(bytesOf({ a: "1", b: `${ref}` }), ref);
  const end = (ref: number): void =>
    table.remove(table.find(HEAD_NAMESPACE, bytesOf({ a: "1", b: `${ref}` })));
  const kept = (): Uint32Array => labels.keptSeriesOf(labels.find("a", "1") as number);
  for (const ref of [1, 7, 10]) add(ref);
  const first = kept();
  equal(kept(), first, "the same list");
  add(12);
  deepEqual([...kept()], [1, 7, 10, 12]);
  end(12);
  deepEqual([...kept()], [1, 7, 10]);
  // As many as before, of which one is another.
  end(7);
  while (!table.sweepEnded(1000));
  add(8);
  deepEqual([...kept()], [1, 8, 10]);
  while (!table.sweepEnded(1000));
  deepEqual([...kept()], [1, 8, 10]);
  close();
});

test("a reference that comes again before the sweep waits for it", () => {
  const { table, labels, close } = inTable();
  table.insertSeries(bytesOf({ a: "1", b: "1" }), 1);
  table.insertSeries(bytesOf({ a: "1", b: "2" }), 2);
  table.remove(table.find(HEAD_NAMESPACE, bytesOf({ a: "1", b: "1" })));
  table.insertSeries(bytesOf({ a: "2", b: "1" }), 1);
  deepEqual(seriesOf(labels, "a", "1"), [2]);
  deepEqual(seriesOf(labels, "b", "1"), [1]);
  close();
});

test("a series that finds no memory leaves nothing behind", async () => {
  const small = await Kernels.load();
  const table = new SeriesTable(small);
  const labels = new SeriesLabels(small, table);
  // Longer than the others, so that there is room to pass them.
  table.insertSeries(bytesOf({ a: "0".repeat(100), kept: "1" }), 0);
  // Whatever is left is taken, in pieces of every size, so that the next block of any size is missing.
  for (let size = 2 ** 30; size >= 8; size /= 2)
    for (;;)
      try {
        small.allocate(size);
      } catch {
        break;
      }
  for (let size = 1024; size >= 8; size -= 8) while (small.call("allocate", size) !== 0);
  const { usedSize } = small.memoryUse();
  let ref = 1;
  throws(
    () => {
      for (; ref < 5000; ref++)
        table.insertSeries(bytesOf({ a: `${ref}`, b: "1", kept: "1" }), ref);
    },
    (error) => error instanceof OperatingError && error.code === "memory.full",
  );
  equal(small.memoryUse().usedSize, usedSize);
  deepEqual(
    Array.from(labels.valuesOf("a"), ([value]) => value),
    ["0".repeat(100)],
  );
  equal(labels.find("kept", "1") !== undefined, true);
  equal(labels.seriesCount, 1);
});
