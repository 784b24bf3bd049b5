// Data on disk outlives the program that wrote it. These are files, byte by byte: if one of these tests
// fails, the format has changed, and needs a new version, a reader for the old one, and a line in docs/formats.
import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { createMatcher, labelsFrom, METRIC_NAME, seededRng } from "@pharos/base";
import { Kernels, SeriesTable } from "@pharos/kernels";
import { SimClock, SimDisk } from "@pharos/testing";
import { openStore } from "../src/open-store.ts";
import type { EmbeddedStore } from "../src/store.ts";

const kernels = await Kernels.load();
const START_MS = 1_700_006_400_000;

const SEGMENT = [
  "5048574c0200000001000000000000000000007104bd7842000000000000000077d8d23c0c000000",
  "17e6e35403c07874e601000000000000000000424028000000709a335201e9d5b9e8010000000000",
  "00001c0000000a0e0a085f5f6e616d655f5f120275700a0a0a036a6f6212036170695500000054bf",
  "230902d9f81e7804000000010000007104bd78420000007104bd7842000000000000000000000000",
  "00000000000000000000f03f000000000000f03f000000000000e0bf020000000000f07f00000000",
  "983a00003175000060ea0000",
].join("");
const COLUMNS = [
  "5048434f020000002df23ea4000000001600000016000000d021140f0101010103fbffffffffffff",
  "ef7f9591ff942351b57d010000001200000012000000120080c0b884fa62b0ea010e00400070a903",
  "020016160112120000000000005440070000009acfae1a020000005048434ff978a86c",
].join("");
const INDEX = [
  "504849580200000055abe326000000001800000018000000010402085f5f6e616d655f5f0106036a",
  "6f62010701090110c4991e4c010000000d0000000d000000000002757003030003617069035c3ef6",
  "79020000000600000006000000010100010100a6485b6c0300000009000000090000000000000200",
  "00080012ae0df551040000001000000010000000000000007104bd7842120400e0d4030005001818",
  "010d0d020606030909041010000000000080634010000000f1aa7ba502000000504849587e5c3650",
].join("");
const META = `{"block":{"version":2,"tier":"raw","rangeStartMs":1700006400000,"rangeEndMs":1700013600000,"sequence":1,"rank":1,"sources":[],"minTimeMs":1700006400000,"maxTimeMs":1700006460000,"series":1,"chunks":1,"samples":4,"indexSize":400,"columnsSize":115},"crc32":4198213826}
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

test("a segment of version 2 is written as ever", async () => {
  const disk = new SimDisk(seededRng(1));
  await writeSamples(await open(disk, new SimClock(START_MS)));
  equal(hexOf(disk.read("wal/00000001")), SEGMENT);
});

test("a segment of version 2 can be read", async () => {
  const disk = new SimDisk(seededRng(1));
  disk.makeDirectory("wal");
  write(disk, "wal/00000001", SEGMENT);
  deepEqual(await read(await open(disk, new SimClock(START_MS))), SAMPLES);
});

test("a block of version 2 is written as ever", async () => {
  const disk = new SimDisk(seededRng(1));
  const clock = new SimClock(START_MS);
  const store = await open(disk, clock);
  await writeSamples(store);
  await clock.run(store.flush());
  const path = "blocks/1700006400000-1700013600000-1";
  equal(hexOf(disk.read(`${path}/columns`)), COLUMNS);
  equal(hexOf(disk.read(`${path}/index`)), INDEX);
  equal(new TextDecoder().decode(disk.read(`${path}/meta.json`)), META);
});

test("a block of version 2 can be read", async () => {
  const disk = new SimDisk(seededRng(1));
  const path = "blocks/1700006400000-1700013600000-1";
  disk.makeDirectory(path);
  write(disk, `${path}/columns`, COLUMNS);
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
