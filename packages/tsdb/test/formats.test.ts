// Data on disk outlives the program that wrote it. These are files of version 1, byte by byte: if one of these tests
// fails, the format has changed, and needs a new version, a reader for the old one, and a line in docs/formats.
import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { createMatcher, labelsFrom, METRIC_NAME, seededRng } from "@pharos/base";
import { Kernels, SeriesTable } from "@pharos/kernels";
import { SimClock, SimDisk } from "@pharos/testing";
import { type EmbeddedStore, openStore } from "../src/store.ts";

const kernels = await Kernels.load();
const START_MS = 1_700_006_400_000;

const SEGMENT = [
  "5048574c01000000010000000000000037316e130c00000044d4ede4030100000000000000000034",
  "4028000000cab7453d0101000000000000001c0000000a0e0a085f5f6e616d655f5f120275700a0a",
  "0a036a6f6212036170694d000000d49c12f20204000000010000007104bd78420000000000000000",
  "0000000000000000000000000000f03f000000000000f03f000000000000e0bf020000000000f07f",
  "00000000983a00003175000060ea0000",
].join("");
const CHUNKS = [
  "5048434b01000000a281e7780000018bd04710003ff0000000000000e03a98407017003c0752d83e",
  "c010000000000002",
].join("");
const INDEX = [
  "50484958010000003000000024000000b0486b665400000040000000adb5c576940000002c000000",
  "6b63ee00b147247f04000000080000000a0000000d000000100000005f5f6e616d655f5f75706a6f",
  "62617069010000000800000002000000000000000100000002000000030000000100000000000000",
  "0000204024000000040000000000007104bd78420000a67f04bd7842020000000000000001000000",
  "0000000001000000020000000300000001000000010000000000000000000000",
].join("");
const META = `{"block":{"version":1,"rangeStartMs":1700006400000,"rangeEndMs":1700013600000,"sequence":1,"minTimeMs":1700006400000,"maxTimeMs":1700006460000,"series":1,"chunks":1,"samples":4,"indexSize":192,"chunksSize":48},"crc32":3290633673}
`;

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

function write(disk: SimDisk, path: string, hex: string): void {
  const writer = disk.openAppend(path);
  writer.append([Uint8Array.from(Buffer.from(hex, "hex"))]);
  writer.close();
}

function open(disk: SimDisk, clock: SimClock): Promise<EmbeddedStore> {
  return openStore({ disk, clock, kernels, table: new SeriesTable(kernels), walSync: "always" });
}

async function read(store: EmbeddedStore): Promise<(number | string)[][]> {
  const range = { minMs: 0, maxMs: 2 ** 50 };
  const options = { samplesMax: 100, signal: new AbortController().signal };
  const out: (number | string)[][] = [];
  for await (const series of store.select(
    range,
    [createMatcher("=", METRIC_NAME, "up")],
    options,
  )) {
    const { timestampsMs, values, stale } = series;
    for (let i = 0; i < values.length; i++)
      out.push([
        (timestampsMs[i] as number) - START_MS,
        stale?.[i] ? "stale" : (values[i] as number),
      ]);
  }
  return out;
}

const SAMPLES = [
  [0, 1],
  [15_000, 1],
  [30_001, -0.5],
  [60_000, "stale"],
];

test("a segment of version 1 is written as ever", async () => {
  const disk = new SimDisk(seededRng(1));
  await writeSamples(await open(disk, new SimClock(START_MS)));
  equal(hexOf(disk.read("wal/00000001")), SEGMENT);
});

test("a segment of version 1 can be read", async () => {
  const disk = new SimDisk(seededRng(1));
  disk.makeDirectory("wal");
  write(disk, "wal/00000001", SEGMENT);
  deepEqual(await read(await open(disk, new SimClock(START_MS))), SAMPLES);
});

test("a block of version 1 is written as ever", async () => {
  const disk = new SimDisk(seededRng(1));
  const clock = new SimClock(START_MS);
  const store = await open(disk, clock);
  await writeSamples(store);
  await clock.run(store.flush());
  const path = "blocks/1700006400000-1700013600000-1";
  equal(hexOf(disk.read(`${path}/chunks`)), CHUNKS);
  equal(hexOf(disk.read(`${path}/index`)), INDEX);
  equal(new TextDecoder().decode(disk.read(`${path}/meta.json`)), META);
});

test("a block of version 1 can be read", async () => {
  const disk = new SimDisk(seededRng(1));
  const path = "blocks/1700006400000-1700013600000-1";
  disk.makeDirectory(path);
  write(disk, `${path}/chunks`, CHUNKS);
  write(disk, `${path}/index`, INDEX);
  write(disk, `${path}/meta.json`, Buffer.from(META).toString("hex"));
  deepEqual(await read(await open(disk, new SimClock(START_MS))), SAMPLES);
});

async function writeSamples(store: EmbeddedStore): Promise<void> {
  await store.append({
    labelSets: [labelsFrom({ [METRIC_NAME]: "up", job: "api" })],
    series: new Uint32Array(4),
    timestampsMs: Float64Array.from([0, 15_000, 30_001, 60_000], (ms) => START_MS + ms),
    values: Float64Array.of(1, 1, -0.5, 0),
    stale: Uint8Array.of(0, 0, 0, 1),
  });
}
