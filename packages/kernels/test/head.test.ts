import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { HeadChunks, IndexList } from "../src/head.ts";
import { Kernels } from "../src/kernels.ts";
import { SampleColumns } from "../src/sample-columns.ts";

const kernels = await Kernels.load();
const columns = new SampleColumns(kernels, 4096);
const rejects = new IndexList(kernels, 4096);
const OUT_MAX = 8192;
const out = {
  timestampsMs: kernels.allocate(OUT_MAX * 8),
  values: kernels.allocate(OUT_MAX * 8),
  stale: kernels.allocate(OUT_MAX),
};
const outT = new Float64Array(kernels.buffer, out.timestampsMs, OUT_MAX);
const outV = new Float64Array(kernels.buffer, out.values, OUT_MAX);
const NEVER = Number.NEGATIVE_INFINITY;
const ALWAYS = Number.POSITIVE_INFINITY;
const END = 0xffff_ffff;

function withHead(series: number, body: (head: HeadChunks) => void): void {
  const usedBefore = kernels.memoryUse().usedSize;
  const head = new HeadChunks(kernels);
  for (let ref = 0; ref < series; ref++) head.open(ref, ref + 100);
  body(head);
  head.destroy();
  equal(kernels.memoryUse().usedSize, usedBefore, "all memory came back");
}

function append(
  head: HeadChunks,
  samples: readonly (readonly [number, number, number])[],
): number[] {
  columns.clear();
  for (const [ref, t, v] of samples) columns.push(ref, t, v);
  const count = head.append(columns, rejects);
  return [...rejects.words.subarray(0, count)];
}

function read(
  head: HeadChunks,
  ref: number,
  minMs = NEVER,
  maxMs = ALWAYS,
  from = 0,
  to = END,
): [number, number][] {
  const count = head.read(ref, minMs, maxMs, from, to, out);
  ok(count <= head.countWithin(ref, minMs, maxMs), "countWithin bounds what is read");
  return Array.from({ length: count }, (_, i) => [outT[i] as number, outV[i] as number]);
}

test("what is appended in order comes back, across many chunks of many sizes", () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.tuple(fc.nat(3), fc.integer({ min: 1, max: 50_000 }), fc.double({ noNaN: true })),
        {
          maxLength: 3000,
          size: "max",
        },
      ),
      (steps) => {
        withHead(4, (head) => {
          const model: [number, number][][] = [[], [], [], []];
          const batch: [number, number, number][] = steps.map(([ref, by, v]) => {
            const list = model[ref] as [number, number][];
            const t = (list.at(-1)?.[0] ?? 0) + by;
            list.push([t, v]);
            return [ref, t, v];
          });
          deepEqual(append(head, batch), []);
          for (const [ref, list] of model.entries()) {
            deepEqual(read(head, ref), list);
            equal(head.total(ref), list.length);
            const minMs = list[Math.floor(list.length / 3)]?.[0] ?? 0;
            const maxMs = list[Math.floor(list.length / 2)]?.[0] ?? 0;
            deepEqual(
              read(head, ref, minMs, maxMs),
              list.filter(([t]) => t >= minMs && t <= maxMs),
            );
            equal(
              head.nextTimeMs(ref, minMs + 1, 0, END),
              list.find(([t]) => t > minMs)?.[0] ?? ALWAYS,
            );
          }
        });
      },
    ),
    { numRuns: 30 },
  );
});

test("samples that are not newer are left to the slow path, by index", () => {
  withHead(2, (head) => {
    deepEqual(
      append(head, [
        [0, 10, 1],
        [0, 10, 2],
        [1, 5, 3],
        [0, 9, 4],
        [1, 6, 5],
      ]),
      [1, 3],
    );
    columns.clear();
    for (const [ref, t] of [
      [0, 10],
      [0, 11],
      [1, 900],
      [1, 7],
    ] as const)
      columns.push(ref, t, 0);
    const count = head.check(columns, NEVER, 800, rejects);
    deepEqual([...rejects.words.subarray(0, count)], [0, 2]);
    equal(head.lastTimeMs(0), 10);
  });
});

test("a snapshot by index does not see later samples, nor those before its start", () => {
  withHead(1, (head) => {
    append(
      head,
      Array.from({ length: 500 }, (_, i) => [0, i * 1000, i]),
    );
    const total = head.total(0);
    append(
      head,
      Array.from({ length: 500 }, (_, i) => [0, (500 + i) * 1000, i]),
    );
    equal(read(head, 0, NEVER, ALWAYS, 0, total).length, 500);
    deepEqual(
      read(head, 0, NEVER, ALWAYS, 130, 133).map(([t]) => t),
      [130_000, 131_000, 132_000],
    );
  });
});

test("a snapshot by index and a range by time give the samples that are in both, however new they are", () => {
  const index = fc.nat(700);
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 700 }),
      fc.nat(700),
      fc.tuple(index, index),
      fc.tuple(index, index),
      (count, flushed, [one, other], [first, last]) => {
        const [from, to] = [Math.min(one, other), Math.max(one, other)];
        withHead(1, (head) => {
          append(
            head,
            // Values of many bits, so that chunks are short.
            Array.from({ length: count }, (_, i) => [0, i * 10, Math.sqrt(i)]),
          );
          head.markFlushed(0, ALWAYS, Math.min(flushed, count));
          head.truncate(0);
          const gone = count - head.count(0);
          const expected = Array.from({ length: count }, (_, i) => i).filter(
            (i) => i >= gone && i >= from && i < to && i >= first && i <= last,
          );
          deepEqual(
            read(head, 0, first * 10, last * 10, from, to).map(([t]) => t / 10),
            expected,
          );
        });
      },
    ),
    { numRuns: 300 },
  );
});

test("truncation frees only chunks whose samples are all flushed, and indices go on", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 700 }),
      fc.nat(800),
      fc.nat(800),
      (count, before, toIndex) => {
        withHead(1, (head) => {
          append(
            head,
            Array.from({ length: count }, (_, i) => [0, i * 10, i]),
          );
          head.markFlushed(0, before * 10, toIndex);
          const flushed = Math.min(count, before, toIndex);
          equal(head.flushedIndex(0), flushed);
          const gone = head.truncate(0);
          equal(gone, flushed === count ? count : Math.floor(flushed / 120) * 120);
          equal(head.total(0), count);
          equal(head.count(0), count - gone);
          deepEqual(
            read(head, 0).map(([t]) => t),
            Array.from({ length: count - gone }, (_, i) => (gone + i) * 10),
          );
          append(head, [[0, count * 10, 1]]);
          equal(read(head, 0).at(-1)?.[0], count * 10);
        });
      },
    ),
  );
});

test("what is resolved reads back to all that is in the range and in no block", () => {
  const time = fc.integer({ min: -100, max: 5100 });
  fc.assert(
    fc.property(
      fc.array(fc.nat(500), { maxLength: 4 }),
      time,
      time,
      fc.nat(600),
      (counts, a, b, flushed) => {
        const [minMs, maxMs] = [Math.min(a, b), Math.max(a, b)];
        withHead(counts.length, (head) => {
          for (const [ref, count] of counts.entries()) {
            append(
              head,
              Array.from({ length: count }, (_, i) => [ref, i * 10, i]),
            );
            head.markFlushed(ref, ALWAYS, flushed);
            head.truncate(ref);
          }
          const refs = Uint32Array.from(counts.keys());
          const { fromIndexes, toIndexes } = head.resolve(refs, minMs, maxMs);
          for (const [ref, count] of counts.entries()) {
            const [from, to] = [fromIndexes[ref] as number, toIndexes[ref] as number];
            equal(from, Math.min(flushed, count));
            const wanted = Array.from({ length: count }, (_, i) => i)
              .filter((i) => i >= flushed && i * 10 >= minMs && i * 10 <= maxMs)
              .map((i) => i * 10);
            const found = from === to ? [] : read(head, ref, minMs, maxMs, from, to);
            deepEqual(
              found.map(([t]) => t),
              wanted,
            );
          }
        });
      },
    ),
  );
});

test("a closed series gives its memory back, and its reference may begin anew", () => {
  withHead(2, (head) => {
    append(
      head,
      Array.from({ length: 300 }, (_, i) => [1, i, i]),
    );
    const { samples } = head.stats();
    equal(samples, 300);
    head.close(1);
    ok(!head.has(1));
    deepEqual(head.stats(), { chunks: 0, samples: 0, size: 0 });
    head.open(1, 7);
    equal(head.ownerOf(1), 7);
    deepEqual(read(head, 1), []);
    equal(head.lastTimeMs(1), NEVER);
  });
});

test("staleness markers keep their bits and come out as flags", () => {
  withHead(1, (head) => {
    columns.clear();
    columns.push(0, 1, 1);
    columns.pushStale(0, 2);
    columns.push(0, 3, Number.NaN);
    head.append(columns, rejects);
    deepEqual(head.lastValueBits(0), [0, 0x7ff80000]);
    head.read(0, NEVER, ALWAYS, 0, END, out);
    deepEqual([...kernels.bytes.slice(out.stale, out.stale + 3)], [0, 1, 0]);
    const bits = new Uint32Array(kernels.buffer, out.values, 6);
    deepEqual([bits[2], bits[3]], [2, 0x7ff00000]);
  });
});

test("timestamps of a batch are shared, near each other, or any", () => {
  withHead(1, (head) => {
    const shapeOf = (list: number[]): string => {
      columns.clear();
      for (const t of list) columns.push(0, t, 0);
      return head.timestampShape(columns, rejects);
    };
    equal(shapeOf([5, 5, 5]), "shared");
    equal(shapeOf([5, 4, 2 ** 31]), "deltas");
    deepEqual([...new Int32Array(kernels.buffer, rejects.pointer, 3)], [0, -1, 2 ** 31 - 5]);
    equal(shapeOf([0, 2 ** 31]), "any");
    columns.clear();
    for (const t of [7, -3, 9]) columns.push(0, t, 0);
    deepEqual(head.timestampBounds(columns), [-3, 9]);
  });
});

test("a series with a handful of samples takes 128 bytes", async () => {
  const own = await Kernels.load();
  const head = new HeadChunks(own);
  const columns = new SampleColumns(own, 1024);
  const rejects = new IndexList(own, 1024);
  for (let ref = 0; ref < 1024; ref++) head.open(ref, ref);
  const { usedSize } = own.memoryUse();
  for (let round = 0; round < 5; round++) {
    columns.clear();
    // A counter, a gauge with two decimals, and a constant, a few milliseconds late each time.
    for (let ref = 0; ref < 1024; ref++)
      columns.push(
        ref,
        1_700_000_000_000 + round * 15_000 + ((ref * 7 + round * 3) % 20),
        [1000 + round * 37, 20 + ((ref * 31 + round * 17) % 1000) / 100, 1][ref % 3] as number,
      );
    equal(head.append(columns, rejects), 0);
  }
  // The header of 64 bytes is there before the first sample.
  equal((own.memoryUse().usedSize - usedSize) / 1024 <= 64, true);
});
