import { deepEqual, equal, match, ok } from "node:assert/strict";
import { test } from "node:test";
import { labelsFrom, METRIC_NAME, seededRng } from "@pharos/base";
import { Kernels, SeriesTable } from "@pharos/kernels";
import { SimClock, SimDisk } from "@pharos/testing";
import fc from "fast-check";
import {
  entryAt,
  exemplarsPayload,
  histogramsPayload,
  metadataPayload,
  readExemplars,
  readHistograms,
  readMetadata,
} from "../src/attachment-payload.ts";
import { openStore } from "../src/open-store.ts";
import { dumpLine, dumpWal, verifyWal } from "../src/verify-wal.ts";

const HOUR_MS = 3_600_000;
const kernels = await Kernels.load();

/** A data folder with a checkpoint, a consumer and some segments. */
async function written(): Promise<SimDisk> {
  const disk = new SimDisk(seededRng(1));
  const clock = new SimClock(1_700_006_400_000);
  const table = new SeriesTable(kernels);
  const store = await clock.run(
    openStore({ disk, clock, kernels, table, walSync: "always", walSegmentSizeMax: 200 }),
  );
  for (let i = 0; i < 8; i++) {
    await clock.advance(HOUR_MS);
    await store.append({
      labelSets: [labelsFrom({ [METRIC_NAME]: "up" }), labelsFrom({ [METRIC_NAME]: `m${i}` })],
      series: Uint32Array.of(0, 1),
      timestampsMs: new Float64Array(2).fill(clock.nowMs()),
      values: new Float64Array(2),
      stale: null,
    });
    if (i === 5) await clock.run(store.maintain(clock.nowMs()));
  }
  await store.log.consumer("rules", "end");
  await clock.run(store[Symbol.asyncDispose]());
  return disk;
}

test("a log in which nothing is wrong has no problems, and its records are counted", async () => {
  const disk = await written();
  const progress: number[] = [];
  const report = verifyWal(disk, (done, total) => progress.push(done / total));
  deepEqual(report.problems, []);
  deepEqual(report.remarks, []);
  ok(report.segments > 1 && report.samples >= 4 && report.records > report.samples / 2);
  deepEqual(
    progress,
    progress.toSorted((a, b) => a - b),
  );
  equal(progress.at(-1), 1);
});

test("every flipped byte of a log, its checkpoint and its consumers is found", async () => {
  const original = await written();
  for (const name of original.list("wal"))
    for (let offset = 0; offset < original.read(`wal/${name}`).length; offset++) {
      const disk = original.kill();
      disk.flipByte(`wal/${name}`, offset);
      const { problems, remarks } = verifyWal(disk);
      const found = [...problems, ...remarks].filter((text) =>
        text.startsWith(`wal/${name}, byte`),
      );
      ok(found.length > 0, `${name}, byte ${offset}: ${[...problems, ...remarks].join()}`);
    }
});

test("a dump has every record on a line, and says where damage is", async () => {
  const disk = await written();
  const lines = [...dumpWal(disk)].map(dumpLine);
  equal(
    lines.length,
    verifyWal(disk).records + lines.filter((line) => line.includes("syncMark")).length,
  );
  match(lines.join("\n"), /wal\/\d{8}, byte \d+: samples of 2, 45 bytes/);
  const name = disk.list("wal").find((each) => /^\d{8}$/.test(each));
  disk.flipByte(`wal/${name}`, 50);
  match([...dumpWal(disk)].map(dumpLine).join("\n"), /checksum does not match \(\d+ bytes\)/);
});

test("histograms, exemplars, metadata and deletions come back as they were written", () => {
  const text = fc.string({ unit: "binary", maxLength: 12 });
  const entry = fc.record({
    ref: fc.nat(),
    timeMs: fc.integer(),
    value: fc.double(),
    bytes: fc.uint8Array({ maxLength: 20 }),
    metadata: fc.record({ metric: text, type: text, help: text, unit: text }),
  });
  fc.assert(
    fc.property(fc.array(entry, { minLength: 1, maxLength: 10 }), (list) => {
      const refs = Uint32Array.from(list, ({ ref }) => ref);
      const timestampsMs = Float64Array.from(list, ({ timeMs }) => timeMs);
      const values = Float64Array.from(list, ({ value }) => value);
      let end = 0;
      const ends = Uint32Array.from(list, ({ bytes }) => (end += bytes.length));
      const entries = {
        ends,
        bytes: new Uint8Array(Buffer.concat(list.map(({ bytes }) => bytes))),
      };
      const join = (parts: readonly Uint8Array[]) => new Uint8Array(Buffer.concat(parts));

      const histograms = readHistograms(
        join(histogramsPayload({ refs, timestampsMs, histograms: entries })),
      );
      deepEqual(histograms?.refs, refs);
      deepEqual(histograms?.timestampsMs, timestampsMs);
      for (const [i, { bytes }] of list.entries())
        deepEqual(histograms && entryAt(histograms.histograms, i), bytes);
      const exemplars = readExemplars(
        join(exemplarsPayload({ refs, timestampsMs, values, labels: entries })),
      );
      deepEqual(exemplars?.values, values);
      deepEqual(exemplars?.labels.ends, ends);
      const metadata = list.map((one) => ({ ...one.metadata }));
      deepEqual(readMetadata(join(metadataPayload(metadata))), metadata);
    }),
  );
});

test("any bytes at all are a payload of such a record or none", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      readHistograms(bytes);
      readExemplars(bytes);
      readMetadata(bytes);
    }),
  );
});
