import { deepEqual, equal, ok, rejects, throws } from "node:assert/strict";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import { OperatingError, seededRng } from "@pharos/base";
import { SimClock, SimDisk } from "@pharos/testing";
import fc from "fast-check";
import { Wal, type WalOptions } from "../src/wal.ts";
import { readSeries, type SeriesDefinition, seriesPayload } from "../src/wal-payload.ts";
import {
  decodeRecord,
  RECORD_HEADER_SIZE,
  RECORD_KINDS,
  recordParts,
  type WalRecord,
} from "../src/wal-record.ts";
import type { ReplayEnd } from "../src/wal-replay.ts";
import { scanSegment, type WalDamage } from "../src/wal-scan.ts";
import { SEGMENT_HEADER_SIZE, segmentPath } from "../src/wal-segment.ts";

// Any record does for the log; series definitions carry a number and some bytes.
const NOTHING = Number.NEGATIVE_INFINITY;
const definition = (ref: number, size = 20): SeriesDefinition => ({
  ref,
  labelBytes: new Uint8Array(size).fill(ref),
});
const record = (ref: number, size?: number): WalRecord => ({
  kind: "series",
  payload: seriesPayload([definition(ref, size)]),
});

async function openWal(
  disk: SimDisk,
  options: Partial<WalOptions> = {},
): Promise<{ wal: Wal; end: ReplayEnd; refs: number[] }> {
  disk.makeDirectory("wal");
  await disk.syncDirectory("");
  const refs: number[] = [];
  const { wal, end } = await Wal.open(
    {
      disk,
      clock: new SimClock(),
      sync: "always",
      segmentSizeMax: 300,
      sizeMax: 1e9,
      keepFree: 0,
      first: 1,
      syncedTo: { segment: 0, offset: 0 },
      ...options,
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
  return { wal, end, refs };
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

test("a log that ends in half a record is cut there, says so, and goes on", async () => {
  const disk = await written(3);
  const writer = disk.openAppend(segmentPath(1));
  const whole = writer.size;
  const place = { segment: 1, offset: whole };
  const [header, payload] = recordParts(record(3), place) as [Uint8Array, Uint8Array];
  writer.append([header, payload.subarray(0, 9)]);
  const { wal, refs, end } = await openWal(disk);
  deepEqual(refs, [0, 1, 2]);
  deepEqual(end.damages, []);
  deepEqual(end.unfinished, [
    { ...place, size: RECORD_HEADER_SIZE + 9, reason: "the payload is cut short" },
  ]);
  deepEqual(wal.position, place);
  wal.append([record(3)], NOTHING);
  await wal.close();
  deepEqual((await openWal(disk)).refs, numbers(4));
});

test("a changed byte costs the record it is in and no other, and is reported with its place", async () => {
  const sizes = new Map<number, number>();
  const original = await written(8);
  for (const name of original.list("wal"))
    sizes.set(Number(name), original.read(`wal/${name}`).length);
  ok(sizes.size > 1, "more than one segment");
  for (const [segment, size] of sizes)
    for (let offset = 0; offset < size; offset++) {
      const where = `segment ${segment}, byte ${offset}`;
      const disk = original.kill();
      disk.flipByte(segmentPath(segment), offset);
      const { wal, refs, end } = await openWal(disk);
      const found = [...end.damages, ...end.unfinished];
      equal(found.length, 1, where);
      const [damage] = found as [WalDamage];
      equal(damage.segment, segment, where);
      ok(damage.offset <= offset && offset < damage.offset + damage.size, where);
      // The log was closed cleanly: only the mark that says so may be an unfinished write, since nothing comes after it.
      const isEnd = segment === sizes.size && damage.offset + damage.size === size;
      ok(end.unfinished.length === 0 || isEnd, where);
      if (isEnd) ok(isMark(original.read(segmentPath(segment)), damage.offset), where);
      ok(refs.length >= 7, `${where}: ${refs}`);
      deepEqual(
        refs,
        numbers(8).filter((ref) => refs.includes(ref)),
        where,
      );

      // It goes on from there, and what was found unfinished is not found again.
      wal.append([record(8)], NOTHING);
      await wal.close();
      const again = await openWal(disk);
      deepEqual(again.refs, [...refs, 8], where);
      deepEqual(again.end.unfinished, [], where);
      deepEqual(again.end.damages, end.damages, where);
    }
});

test("a log that was opened and closed again without an append stays as it is", async () => {
  const disk = await written(3);
  const before = disk.read(segmentPath(1));
  for (let i = 0; i < 3; i++) await (await openWal(disk)).wal.close();
  deepEqual(disk.read(segmentPath(1)), before);
});

test("a log that a killed process left is marked as whole by the next close, without an append", async () => {
  const disk = new SimDisk(seededRng(1));
  const { wal } = await openWal(disk);
  wal.append([record(0)], NOTHING);
  const { size } = disk.openRead(segmentPath(1));
  const killed = disk.kill();
  await (await openWal(killed)).wal.close();
  killed.flipByte(segmentPath(1), size - 1);
  const { end } = await openWal(killed);
  deepEqual([end.damages.length, end.unfinished.length], [1, 0]);
});

/** Whether the record at a place is a sync mark, which nothing later vouches for if it was the last. */
function isMark(bytes: Uint8Array, offset: number): boolean {
  return bytes[offset + 8] === RECORD_KINDS.syncMark;
}

test("a missing segment costs what was in it, and is reported", async () => {
  const disk = await written(30);
  const inSecond = recordsIn(disk, 2);
  disk.remove(segmentPath(2));
  const { refs, end } = await openWal(disk);
  deepEqual(end.damages, [{ segment: 2, offset: 0, size: 0, reason: "the segment is missing" }]);
  deepEqual(
    refs,
    numbers(30).filter((ref) => !inSecond.includes(ref)),
  );
});

test("a segment that was cut short at a record's end is found by what follows it", async () => {
  const disk = await written(30);
  const writer = disk.openAppend(segmentPath(2));
  const { size } = writer;
  writer.truncate(SEGMENT_HEADER_SIZE);
  writer.close();
  const { end } = await openWal(disk);
  deepEqual(end.damages, [
    {
      segment: 2,
      offset: SEGMENT_HEADER_SIZE,
      size: 0,
      reason: `the last ${size - SEGMENT_HEADER_SIZE} bytes are missing`,
    },
  ]);
});

/** The numbers of the records in one segment. */
function recordsIn(disk: SimDisk, segment: number): number[] {
  const refs: number[] = [];
  for (const part of scanSegment(disk.read(segmentPath(segment)), segment))
    if (part.status === "record" && part.kind === "series")
      for (const { ref } of readSeries(part.payload) ?? []) refs.push(ref);
  return refs;
}

test("a record of an unknown kind is a newer version's: the log is not opened, and not changed", async () => {
  const disk = await written(2);
  const writer = disk.openAppend(segmentPath(1));
  const { size } = writer;
  writer.append(recordParts(record(2), { segment: 1, offset: size }));
  const bytes = disk.read(segmentPath(1));
  // Kind 50 with the right checksum.
  bytes[size + 8] = 50;
  const covered = new Uint8Array(17);
  covered.set(bytes.subarray(size, size + 9));
  const view = new DataView(covered.buffer);
  view.setUint32(9, 1, true);
  view.setUint32(13, size, true);
  new DataView(bytes.buffer).setUint32(size + 9, crc32(covered), true);
  disk.remove(segmentPath(1));
  disk.openAppend(segmentPath(1)).append([bytes]);
  await rejects(openWal(disk), { message: /record kind 50.*another version/ });
  deepEqual(disk.read(segmentPath(1)), bytes);
});

test("a log of another version is not opened, and not changed", async () => {
  const disk = new SimDisk(seededRng(1));
  disk.makeDirectory("wal");
  const header = new Uint8Array(20);
  header.set(new TextEncoder().encode("PHWL"));
  const view = new DataView(header.buffer);
  view.setUint32(4, 1, true);
  view.setUint32(8, 1, true);
  view.setUint32(16, crc32(header.subarray(0, 16)), true);
  disk.openAppend(segmentPath(1)).append([header]);
  await rejects(openWal(disk), { message: /00000001: its format has version 1/ });
  deepEqual(disk.read(segmentPath(1)), header);
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
      const decoded = decodeRecord(bytes, { segment: 1, offset: 0 });
      if (decoded.status === "record") ok(decoded.end <= bytes.length);
      equal(decoded.status === "end", bytes.length === 0);
    }),
  );
});

test("records are found between any bytes, and only where they were written", () => {
  const records = fc.array(
    fc.record({ junk: fc.uint8Array({ maxLength: 40 }), size: fc.nat(30) }),
    { minLength: 1, maxLength: 5 },
  );
  fc.assert(
    fc.property(records, fc.uint8Array({ maxLength: 60 }), (list, tail) => {
      const header = new Uint8Array(SEGMENT_HEADER_SIZE);
      const parts: Uint8Array[] = [header];
      const places: number[] = [];
      let offset = SEGMENT_HEADER_SIZE;
      for (const { junk, size } of list) {
        parts.push(junk);
        offset += junk.length;
        places.push(offset);
        const written = recordParts(record(places.length, size), { segment: 7, offset });
        parts.push(...written);
        offset += written.reduce((sum, part) => sum + part.length, 0);
      }
      const bytes = new Uint8Array(Buffer.concat([...parts, tail]));
      const found = (segment: number): number[] =>
        [...scanSegment(bytes, segment)].flatMap((part) =>
          part.status === "record" ? [part.position.offset] : [],
        );
      deepEqual(found(7), places);
      deepEqual(found(8), []);
      // Damage and records together are the file.
      let size = 0;
      for (const part of scanSegment(bytes, 7))
        size += part.status === "record" ? part.end - part.position.offset : part.size;
      equal(size, bytes.length);
    }),
  );
});
