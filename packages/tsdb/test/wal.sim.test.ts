// A failing run names its seed; `SIM_SEED=<seed> node --test <this file>` replays exactly that run.
import { deepEqual, ok } from "node:assert/strict";
import { test } from "node:test";
import { OperatingError, seededRng } from "@pharos/base";
import { SimClock, SimDisk } from "@pharos/testing";
import { Wal } from "../src/wal.ts";
import { readSeries, seriesPayload } from "../src/wal-payload.ts";

const { SIM_SEED } = process.env;
const seeds =
  SIM_SEED === undefined ? Array.from({ length: 300 }, (_, i) => i) : [Number(SIM_SEED)];
const never = new AbortController().signal;

test("after any number of deaths the log holds what it acknowledged, in order, and nothing made up", async () => {
  let passedOver = 0;
  let stalled = 0;
  for (const seed of seeds) {
    const rng = seededRng(seed);
    const clock = new SimClock();
    const sync = rng.chance(50) ? ("always" as const) : { intervalMs: 100 };
    const segmentSizeMax = 60 + rng.below(400);
    let disk = new SimDisk(rng);
    /** Every record that was appended and may be there, by its number. */
    let written = new Map<number, Uint8Array>();
    /** Numbers that have to be there after a power loss, and after the death of the process. */
    let durable = new Set<number>();
    let acknowledged = new Set<number>();
    let nextRef = 0;
    let killed = false;
    for (let life = 0; life < 10; life++) {
      const where = `seed ${seed}, life ${life}`;
      disk.makeDirectory("wal");
      await disk.syncDirectory("");
      const found = new Map<number, Uint8Array>();
      const { wal, end } = await Wal.open(
        {
          disk,
          clock,
          sync,
          segmentSizeMax,
          sizeMax: 1e9,
          keepFree: 0,
          first: 1,
          syncedTo: { segment: 0, offset: 0 },
        },
        (kind, payload) => {
          if (kind !== "series") return `a ${kind} record`;
          for (const { ref, labelBytes } of readSeries(payload) ?? []) {
            // Written again, in order, where the device had no room: the same record twice is one.
            if (!found.has(ref)) ok(ref > ([...found.keys()].at(-1) ?? -1), where);
            found.set(ref, labelBytes);
          }
          return undefined;
        },
      );
      deepEqual(end.damages, [], `${where}: no byte changed that was on the device`);
      passedOver += end.unfinished.length;
      for (const ref of killed ? acknowledged : durable)
        ok(found.has(ref), `${where}: record ${ref} is lost`);
      for (const [ref, bytes] of found) deepEqual(bytes, written.get(ref), where);
      written = found; // What did not survive never happened.
      durable = new Set(found.keys());
      acknowledged = new Set(found.keys());

      for (let left = rng.below(8); left >= 0; left--) {
        const bytes = Uint8Array.from({ length: rng.below(60) }, () => rng.below(256));
        if (rng.chance(8)) disk.freeSize = rng.below(60);
        const noRoomToSync = rng.chance(8);
        if (noRoomToSync)
          disk.beforeCall = (call) => {
            if (call === "sync") throw new OperatingError("disk.full", "the device has no room");
          };
        const isFull = (error: unknown): void => {
          ok(error instanceof OperatingError && error.code === "disk.full", `${where}: ${error}`);
        };
        const ref = nextRef++;
        try {
          const payload = seriesPayload([{ ref, labelBytes: bytes }]);
          wal.append([{ kind: "series", payload }], 0);
          written.set(ref, bytes);
          acknowledged.add(ref);
        } catch (error) {
          isFull(error);
        }
        const inLog = [...acknowledged];
        // Some are in flight when the end comes.
        const synced = wal.synced().then(() => {
          for (const one of inLog) durable.add(one);
        }, isFull);
        if (noRoomToSync || rng.chance(40)) await synced;
        else if (rng.chance(30)) await clock.run(clock.sleep(rng.below(150), never));
        if (noRoomToSync) stalled++;
        if (rng.chance(70)) disk.beforeCall = () => {};
        disk.freeSize = Number.POSITIVE_INFINITY;
      }
      disk.beforeCall = () => {};
      // What counts is what had been acknowledged at the moment of death.
      killed = rng.chance(50);
      disk = killed ? disk.kill() : disk.crash();
      const atDeath = new Set(durable);
      await wal.close().catch(() => {}); // What a dead process still does nobody sees.
      durable = atDeath;
    }
  }
  if (SIM_SEED !== undefined) return;
  ok(passedOver > 20, `${passedOver} unfinished writes`);
  ok(stalled > 20, `${stalled} syncs without room`);
});
