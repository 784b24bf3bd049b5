import { deepEqual, equal, ok, rejects, throws } from "node:assert/strict";
import { test } from "node:test";
import { zstdCompressSync } from "node:zlib";
import {
  formatLabels,
  type Labels,
  labelsFrom,
  OperatingError,
  packSnappy,
  seededRng,
  unpackSnappy,
} from "@pharos/base";
import { SimDisk } from "@pharos/testing";
import fc from "fast-check";
import { compress, uncompress } from "snappyjs";
import { crc32c } from "../src/prometheus/crc32c.ts";
import { lookAtPrometheus, PrometheusBlock, type PrometheusHead } from "../src/prometheus/index.ts";
import { decodeXorChunk, SampleBuffer } from "../src/prometheus/xor-chunk.ts";
import {
  chunkOf,
  headChunksFile,
  samplesRecord,
  segmentOf,
  seriesRecord,
  tombstonesFile,
  tombstonesRecord,
  type WrittenSample,
  writeBlock,
  writeFile,
  xorChunk,
} from "./prometheus-writer.ts";

const { signal } = new AbortController();
const ULID = "01M7ZAEMMCTFDENC1WVQDYF1C2";
const STALE = 0x7ff0000000000002n;
const EVER = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY] as const;

function bitsOf(value: number): bigint {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  return view.getBigUint64(0);
}

/** Samples from `fromMs` on, a second apart. */
function steady(fromMs: number, count: number): WrittenSample[] {
  return Array.from({ length: count }, (_, i) => ({
    timeMs: fromMs + i * 1000,
    bits: i === 3 ? STALE : bitsOf(i * 1.5),
  }));
}

const times = fc
  .tuple(
    fc.integer({ min: -(2 ** 45), max: 2 ** 45 }),
    fc.array(
      fc.oneof(
        fc.constant(15_000),
        fc.integer({ min: 1, max: 40_000 }),
        fc.integer({ min: 1, max: 2 ** 40 }),
      ),
    ),
  )
  .map(([first, steps]) => {
    const list = [first];
    for (const step of steps) list.push((list.at(-1) ?? 0) + step);
    return list;
  });
const values = fc.oneof(
  fc.constantFrom(0n, bitsOf(1), bitsOf(-0), STALE, bitsOf(1e300)),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
);

test("a CRC-32C is that of the standard's test vectors", () => {
  equal(crc32c(new TextEncoder().encode("123456789")), 0xe3069283);
  equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
  equal(crc32c(new Uint8Array(32).fill(255)), 0x62a8ab43);
});

test("what snappy packed is unpacked, and any other bytes are refused or unpack to something", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(50), (bytes, times) => {
      const all = Buffer.concat(Array.from({ length: times + 1 }, () => bytes));
      deepEqual(unpackSnappy(compress(new Uint8Array(all))), new Uint8Array(all));
      deepEqual(uncompress(packSnappy(all)), new Uint8Array(all));
      ok(unpackSnappy(bytes) !== undefined);
    }),
  );
});

test("a chunk gives the samples that are in it, bit by bit, those of a range alone if asked", () => {
  fc.assert(
    fc.property(times, fc.infiniteStream(values), fc.nat(), (list, stream, part) => {
      const samples = list.map((timeMs) => ({ timeMs, bits: stream.next().value as bigint }));
      const fromMs = list[part % list.length] ?? 0;
      for (const [minMs, maxMs] of [EVER, [fromMs, fromMs + 100_000] as const]) {
        const out = new SampleBuffer();
        equal(decodeXorChunk(xorChunk(samples), minMs, maxMs, out), undefined);
        const found = Array.from({ length: out.length }, (_, i) => ({
          timeMs: out.timestampsMs[i],
          bits: (BigInt(out.valueBits[i * 2 + 1] ?? 0) << 32n) | BigInt(out.valueBits[i * 2] ?? 0),
        }));
        deepEqual(
          found,
          samples.filter(({ timeMs }) => timeMs >= minMs && timeMs <= maxMs),
        );
      }
    }),
  );
});

test("a chunk that is cut short is refused wherever it is cut", () => {
  const chunk = xorChunk(steady(1_700_000_000_000, 20));
  for (let size = 2; size < chunk.length; size++)
    ok(decodeXorChunk(chunk.subarray(0, size), ...EVER, new SampleBuffer()) !== undefined);
});

const A: Labels = labelsFrom({ __name__: "a", x: "ü" });
const B: Labels = labelsFrom({ __name__: "b" });

function simDisk(): SimDisk {
  return new SimDisk(seededRng(1));
}

function metaOf(minTime: number, maxTime: number, more: object = {}): object {
  return { ulid: ULID, minTime, maxTime, version: 1, stats: { numSamples: 60 }, ...more };
}

/** A block of two series, whose chunks are a minute each, and one chunk of native histograms. */
function writeTestBlock(disk: SimDisk): void {
  const histograms = { encoding: 2, data: Uint8Array.of(0, 7, 1, 2), minMs: 0, maxMs: 10 };
  writeBlock(
    disk,
    ULID,
    [
      { labels: A, chunks: [0, 1, 2].map((i) => chunkOf(steady(i * 60_000, 20))) },
      { labels: B, chunks: [histograms, chunkOf(steady(100_000, 5))] },
    ],
    metaOf(0, 7_200_000),
  );
}

function blockLines(disk: SimDisk, minMs = 0, maxMs = 7_200_000): string[] {
  const [found] = lookAtPrometheus(disk).blocks;
  ok(found !== undefined);
  const block = PrometheusBlock.open(disk, found.directory, found.meta);
  const lines: string[] = [];
  for (const { labels, timestampsMs, valueBits } of block.series({ minMs, maxMs }))
    for (const [i, timeMs] of timestampsMs.entries())
      lines.push(`${formatLabels(labels)} ${timeMs} ${valueBits[i * 2]} ${valueBits[i * 2 + 1]}`);
  for (const [what, samples] of block.skipped) lines.push(`${what} ${samples}`);
  block.close();
  return lines;
}

function expectedLines(labels: Labels, samples: readonly WrittenSample[]): string[] {
  return samples.map(
    ({ timeMs, bits }) => `${formatLabels(labels)} ${timeMs} ${bits & 0xffffffffn} ${bits >> 32n}`,
  );
}

test("a block gives its series in order, and names what it has besides", () => {
  const disk = simDisk();
  writeTestBlock(disk);
  deepEqual(blockLines(disk), [
    ...expectedLines(
      A,
      [0, 1, 2].flatMap((i) => steady(i * 60_000, 20)),
    ),
    ...expectedLines(B, steady(100_000, 5)),
    "native histograms 7",
  ]);
  deepEqual(blockLines(disk, 70_000, 100_000), [
    ...expectedLines(A, steady(60_000, 20).slice(10)),
    ...expectedLines(B, steady(100_000, 1)),
  ]);
});

test("what was deleted from a block is left out", () => {
  const disk = simDisk();
  writeTestBlock(disk);
  const all = blockLines(disk);
  // The first series: at the second multiple of 16, behind the symbols.
  const index = disk.read(`${ULID}/index`);
  const references = Array.from({ length: index.length / 16 }, (_, i) => i);
  const deleted = (reference: number): string[] => {
    writeFile(
      disk,
      `${ULID}/tombstones`,
      tombstonesFile([{ reference, minMs: 5_000, maxMs: 65_000 }]),
    );
    return blockLines(disk);
  };
  const results = references.map(deleted).filter(({ length }) => length < all.length);
  equal(results.length, 1, "one reference is that of the first series");
  deepEqual(
    results[0]?.slice(0, 6),
    expectedLines(A, [...steady(0, 5), ...steady(60_000, 20).slice(6, 7)]),
  );
});

test("a changed byte anywhere in a block's files is found, and named, or changes nothing", () => {
  const disk = simDisk();
  writeTestBlock(disk);
  writeFile(disk, `${ULID}/tombstones`, tombstonesFile([{ reference: 9, minMs: 0, maxMs: 1 }]));
  const all = blockLines(disk);
  let found = 0;
  for (const name of ["index", "chunks/000001", "tombstones"]) {
    const path = `${ULID}/${name}`;
    const bytes = disk.read(path);
    for (let at = 0; at < bytes.length; at++) {
      const changed = bytes.slice();
      changed[at] = (bytes[at] ?? 0) ^ 0x41;
      writeFile(disk, path, changed);
      try {
        deepEqual(blockLines(disk), all, `${path} at ${at}`);
      } catch (error) {
        if (!(error instanceof OperatingError)) throw error;
        equal(error.code, "disk.corrupt");
        ok(error.message.startsWith(ULID), error.message);
        found++;
      }
    }
    writeFile(disk, path, bytes);
  }
  ok(found > 500, `${found} were found; the others are padding`);
});

/** All samples of a head as lines, in order. */
async function headLines(head: PrometheusHead): Promise<string[]> {
  const lines: string[] = [];
  for await (const { labelSets, series, timestampsMs, valueBits } of head.batches(
    undefined,
    signal,
  ))
    for (const [i, place] of series.entries())
      lines.push(
        `${formatLabels(labelSets[place] ?? [])} ${timestampsMs[i]} ${valueBits[i * 2]} ${valueBits[i * 2 + 1]}`,
      );
  return lines.sort();
}

/** Series 1 and 5 are the same one, as after a restart. */
const DEFINITIONS = seriesRecord([
  [1, A],
  [2, B],
  [5, A],
]);

function referenced(reference: number, samples: readonly WrittenSample[]) {
  return samples.map((sample) => ({ ...sample, reference }));
}

test("a log is read from its checkpoint on, however its records are packed and cut", async () => {
  const packs = [
    (record: Uint8Array) => [0, record] as const,
    (record: Uint8Array) => [8, compress(record)] as const,
    (record: Uint8Array) => [16, new Uint8Array(zstdCompressSync(record))] as const,
  ];
  for (const pack of packs) {
    const disk = simDisk();
    // So many that records cross pages.
    const long = Array.from({ length: 30 }, (_, i) =>
      samplesRecord(referenced(2, steady(i * 1_000_000, 900))),
    );
    const first = samplesRecord(referenced(1, steady(0, 10)));
    const last = samplesRecord(referenced(5, steady(10_000, 10)));
    writeFile(disk, "wal/checkpoint.00000003/00000000", segmentOf([DEFINITIONS, first], pack));
    writeFile(disk, "wal/00000003", segmentOf([Uint8Array.of(200)], pack));
    writeFile(disk, "wal/00000004", segmentOf(long, pack));
    writeFile(disk, "wal/00000005", segmentOf([last], pack));
    const { head } = lookAtPrometheus(disk);
    const wanted = [
      ...expectedLines(A, [...steady(0, 10), ...steady(10_000, 10)]),
      ...expectedLines(B, Array.from({ length: 30 }, (_, i) => steady(i * 1_000_000, 900)).flat()),
    ];
    deepEqual(await headLines(head), wanted.sort());
  }
});

test("samples of head chunks count once, late ones are taken, deleted ones and those in blocks are not", async () => {
  const disk = simDisk();
  writeBlock(disk, ULID, [{ labels: B, chunks: [chunkOf(steady(0, 3))] }], metaOf(0, 10_000));
  const late = { ...chunkOf(steady(2_500, 2)), encoding: 0x81, reference: 2 };
  writeFile(
    disk,
    "chunks_head/000001",
    headChunksFile([{ ...chunkOf(steady(0, 20)), reference: 1 }, late]),
  );
  writeFile(
    disk,
    "wal/00000000",
    segmentOf([
      DEFINITIONS,
      samplesRecord(referenced(1, steady(0, 40))),
      tombstonesRecord(1, 15_000, 16_000),
      samplesRecord(referenced(9, steady(20_000, 4))),
    ]),
  );
  writeFile(disk, "wbl/00000000", segmentOf([samplesRecord(referenced(2, steady(1_700, 1)))]));
  const { head } = lookAtPrometheus(disk);
  // What the log says of times that head chunks have is the same, and left out, so the marker stands at its first place.
  const first = steady(0, 20)
    .slice(10)
    .filter(({ timeMs }) => timeMs < 15_000 || timeMs > 16_000);
  const wanted = [
    ...expectedLines(A, [...first, ...steady(0, 40).slice(20)]),
    ...expectedLines(B, [...steady(2_500, 2), ...steady(1_700, 1)]),
  ];
  deepEqual(await headLines(head), wanted.sort());
  deepEqual([...head.skipped], [["samples of series that the log does not name", 4]]);
});

test("a log that ends in the middle of a record gives what is before it", async () => {
  const records = [DEFINITIONS, samplesRecord(referenced(1, steady(0, 5)))];
  const whole = segmentOf(records);
  const longer = segmentOf([...records, samplesRecord(referenced(1, steady(9_000, 5)))]);
  for (let size = whole.length; size < longer.length; size++) {
    const disk = simDisk();
    writeFile(disk, "wal/00000000", longer.subarray(0, size));
    deepEqual(await headLines(lookAtPrometheus(disk).head), expectedLines(A, steady(0, 5)).sort());
  }
});

test("a changed byte in the middle of a log is named", async () => {
  const records = [DEFINITIONS, samplesRecord(referenced(1, steady(0, 5)))];
  const bytes = segmentOf(records);
  for (let at = 7; at < bytes.length; at++) {
    const disk = simDisk();
    const changed = bytes.slice();
    changed[at] = (bytes[at] ?? 0) ^ 1;
    writeFile(disk, "wal/00000000", changed);
    writeFile(disk, "wal/00000001", segmentOf(records));
    await rejects(
      headLines(lookAtPrometheus(disk).head),
      /^OperatingError: wal\/00000000, byte \d+: /,
    );
  }
});

test("blocks that were made into another one are left out, and a folder of something else is refused", () => {
  const disk = simDisk();
  throws(() => lookAtPrometheus(disk), /no data folder of Prometheus's/);
  const other = ULID.replace("01", "02");
  writeTestBlock(disk);
  writeBlock(disk, other, [], {
    ...metaOf(0, 7_200_000, { compaction: { parents: [{ ulid: ULID }], sources: [ULID] } }),
    ulid: other,
  });
  deepEqual(
    lookAtPrometheus(disk).blocks.map(({ directory }) => directory),
    [other],
  );
});
