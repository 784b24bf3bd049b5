import { deepEqual, equal, match, ok, rejects, throws } from "node:assert/strict";
import { test } from "node:test";
import { OperatingError, seededRng } from "@pharos/base";
import { SimClock, SimDisk } from "@pharos/testing";
import fc from "fast-check";
import { Wal, type WalSync } from "../src/wal.ts";
import { readSeries, type SeriesDefinition, seriesPayload } from "../src/wal-payload.ts";
import { decodeRecord, RECORD_HEADER_SIZE, recordParts } from "../src/wal-record.ts";
import { SEGMENT_HEADER_SIZE, segmentPath } from "../src/wal-segment.ts";

// Any record does for the log; series definitions carry a number and some bytes.
const NOTHING = Number.NEGATIVE_INFINITY;
const definition = (ref: number, size = 20): SeriesDefinition => ({
  ref,
  labelBytes: new Uint8Array(size).fill(ref),
});
const record = (ref: number, size?: number): Uint8Array[] =>
  recordParts("series", seriesPayload([definition(ref, size)]));

async function openWal(
  disk: SimDisk,
  options: { sync?: WalSync; repair?: boolean; clock?: SimClock; segmentSizeMax?: number } = {},
): Promise<{ wal: Wal; refs: number[]; repaired: string | undefined }> {
  disk.makeDirectory("wal");
  await disk.syncDirectory("");
  const refs: number[] = [];
  const { wal, repaired } = await Wal.open(
    {
      disk,
      clock: options.clock ?? new SimClock(),
      sync: options.sync ?? "always",
      segmentSizeMax: options.segmentSizeMax ?? 300,
      repair: options.repair ?? false,
      first: 1,
      syncedTo: { segment: 0, offset: 0 },
    },
    (kind, payload) => {
      if (kind === "series")
        for (const { ref, labelBytes } of readSeries(payload) ?? []) {
          ok(labelBytes.every((byte) => byte === ref % 256));
          refs.push(ref);
        }
      return undefined;
    },
  );
  return { wal, refs, repaired };
}

/** A disk with a log of `count` records, each synced, then closed. */
async function written(count: number): Promise<SimDisk> {
  const disk = new SimDisk(seededRng(1));
  const { wal } = await openWal(disk);
  for (let ref = 0; ref < count; ref++) {
    wal.append([record(ref)], NOTHING);
    await wal.synced();
  }
  await wal.close();
  return disk;
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

test("what was appended is replayed in order, across segments and lives", async () => {
  const disk = await written(30);
  ok(disk.list("wal").length > 3);
  const { wal, refs } = await openWal(disk);
  deepEqual(refs, numbers(30));
  wal.append([record(30)], NOTHING);
  await wal.close();
  deepEqual((await openWal(disk)).refs, numbers(31));
});

test("a log that ends in half a record is cut there, and goes on", async () => {
  const disk = await written(3);
  const writer = disk.openAppend(segmentPath(1));
  const whole = writer.size;
  const [header, payload] = record(3) as [Uint8Array, Uint8Array];
  writer.append([header, payload.subarray(0, 9)]);
  const { wal, refs, repaired } = await openWal(disk);
  deepEqual(refs, [0, 1, 2]);
  equal(repaired, undefined);
  equal(wal.position.offset, whole);
});

test("damage in what was synced is reported with its place, in every byte of it", async () => {
  const { length } = (await written(8)).read(segmentPath(1));
  for (let offset = 0; offset < length; offset++) {
    const disk = await written(8);
    disk.flipByte(segmentPath(1), offset);
    await rejects(openWal(disk), (error: unknown) => {
      ok(error instanceof OperatingError && error.code === "disk.corrupt", `byte ${offset}`);
      match(error.message, /^wal\/00000001, byte \d+: .*--repair-wal/);
      return true;
    });
  }
});

test("a missing segment is damage", async () => {
  const disk = await written(30);
  disk.remove(segmentPath(2));
  await rejects(openWal(disk), { code: "disk.corrupt", message: /00000002.*missing/ });
});

test("repair cuts the log at the damage, says so, and the log goes on from there", async () => {
  const disk = await written(30);
  disk.flipByte(segmentPath(2), SEGMENT_HEADER_SIZE + RECORD_HEADER_SIZE + 3);
  const { wal, refs, repaired } = await openWal(disk, { repair: true });
  match(repaired ?? "", /^wal\/00000002, byte 20: the checksum does not match/);
  deepEqual(refs, numbers(refs.length));
  ok(refs.length > 2 && refs.length < 30);
  wal.append([record(refs.length)], NOTHING);
  await wal.close();
  deepEqual((await openWal(disk)).refs, numbers(refs.length + 1));
});

test("a record of an unknown kind is a newer version's: the log is not opened, and never cut", async () => {
  const disk = await written(2);
  const writer = disk.openAppend(segmentPath(1));
  const parts = recordParts("checkpointEnd", [Uint8Array.of(1)]);
  const header = parts[0] as Uint8Array;
  // Kind 99 with the right checksum, made from one whose checksum is known to be computed the same way.
  const { crc32 } = await import("node:zlib");
  header[8] = 99;
  new DataView(header.buffer).setUint32(4, crc32(Uint8Array.of(99, 1)), true);
  writer.append(parts);
  const before = disk.read(segmentPath(1)).length;
  for (const repair of [false, true])
    await rejects(openWal(disk, { repair }), { message: /record kind 99.*newer version/ });
  equal(disk.read(segmentPath(1)).length, before);
});

test("one sync serves everyone who waits", async () => {
  const disk = new SimDisk(seededRng(1));
  const { wal } = await openWal(disk, { segmentSizeMax: 1_000_000 });
  let syncs = 0;
  disk.beforeCall = (call) => {
    if (call === "sync") syncs++;
  };
  const waiting = numbers(50).map((ref) => {
    wal.append([record(ref)], NOTHING);
    return wal.synced();
  });
  await Promise.all(waiting);
  ok(syncs <= 2, `${syncs} syncs`);
});

test("with an interval, an append is on the device when it has passed, without anyone asking", async () => {
  const disk = new SimDisk(seededRng(1));
  const clock = new SimClock();
  const { wal } = await openWal(disk, { sync: { intervalMs: 100 }, clock });
  let syncs = 0;
  disk.beforeCall = (call) => {
    if (call === "sync") syncs++;
  };
  wal.append([record(0)], NOTHING);
  wal.append([record(1)], NOTHING);
  await clock.advance(99);
  equal(syncs, 0);
  await clock.advance(1);
  equal(syncs, 1);
  await clock.advance(1000);
  equal(syncs, 1, "nothing new, nothing to sync");
});

test("when the disk is full an append throws and leaves nothing, and later ones succeed", async () => {
  const disk = new SimDisk(seededRng(1));
  const { wal } = await openWal(disk);
  wal.append([record(0)], NOTHING);
  disk.freeSize = 15;
  throws(() => wal.append([record(1)], NOTHING), { code: "disk.full" });
  disk.freeSize = Number.POSITIVE_INFINITY;
  wal.append([record(2)], NOTHING);
  deepEqual((await openWal(disk.kill())).refs, [0, 2]);
});

test("after a failed sync nothing is accepted until a restart", async () => {
  const disk = new SimDisk(seededRng(1));
  const { wal } = await openWal(disk);
  wal.append([record(0)], NOTHING);
  disk.beforeCall = (call) => {
    if (call === "sync") throw new OperatingError("disk.failed", "the device is gone");
  };
  await rejects(wal.synced(), { code: "disk.failed", message: /until a restart/ });
  disk.beforeCall = () => {};
  throws(() => wal.append([record(1)], NOTHING), { code: "disk.failed" });
});

test("any bytes at all are a record, the end, or damage, and no record is larger than its file", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      const decoded = decodeRecord(bytes, 0);
      if (decoded.status === "record") ok(decoded.end <= bytes.length);
      equal(decoded.status === "end", bytes.length === 0);
    }),
  );
});
