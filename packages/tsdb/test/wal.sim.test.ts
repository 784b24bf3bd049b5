// A failing run names its seed; `SIM_SEED=<seed> node --test <this file>` replays exactly that run.
import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { OperatingError, seededRng } from "@pharos/base";
import { SimClock, SimDisk } from "@pharos/testing";
import { Wal } from "../src/wal.ts";
import { readSeries, seriesPayload } from "../src/wal-payload.ts";
import { recordParts } from "../src/wal-record.ts";

const { SIM_SEED } = process.env;
const seeds =
  SIM_SEED === undefined ? Array.from({ length: 300 }, (_, i) => i) : [Number(SIM_SEED)];
const never = new AbortController().signal;

test("after any number of deaths the log holds what it acknowledged, in order, and nothing made up", async () => {
  for (const seed of seeds) {
    const rng = seededRng(seed);
    const clock = new SimClock();
    const sync = rng.chance(50) ? ("always" as const) : { intervalMs: 100 };
    const segmentSizeMax = 60 + rng.below(400);
    let disk = new SimDisk(rng);
    /** Every record that was appended, by its number and its bytes. */
    let written: Uint8Array[] = [];
    let durableCount = 0;
    let acknowledgedCount = 0;
    let killed = false;
    for (let life = 0; life < 10; life++) {
      const where = `seed ${seed}, life ${life}`;
      disk.makeDirectory("wal");
      await disk.syncDirectory("");
      const found: Uint8Array[] = [];
      const { wal } = await Wal.open(
        {
          disk,
          clock,
          sync,
          segmentSizeMax,
          repair: false,
          first: 1,
          syncedTo: { segment: 0, offset: 0 },
        },
        (kind, payload) => {
          if (kind !== "series") return undefined;
          for (const { ref, labelBytes } of readSeries(payload) ?? []) {
            equal(ref, found.length, where);
            found.push(labelBytes);
          }
          return undefined;
        },
      );
      const neededCount: number = killed ? acknowledgedCount : durableCount;
      ok(found.length >= neededCount, `${where}: ${found.length} records, not ${neededCount}`);
      deepEqual(found, written.slice(0, found.length), where);
      written = written.slice(0, found.length); // What did not survive never happened.
      acknowledgedCount = durableCount = found.length;

      for (let left = rng.below(8); left >= 0; left--) {
        const bytes = Uint8Array.from({ length: rng.below(60) }, () => rng.below(256));
        if (rng.chance(8)) disk.freeSize = rng.below(60);
        try {
          const parts = seriesPayload([{ ref: written.length, labelBytes: bytes }]);
          wal.append([recordParts("series", parts)], 0);
          written.push(bytes);
          acknowledgedCount = written.length;
        } catch (error) {
          ok(error instanceof OperatingError && error.code === "disk.full", `${where}: ${error}`);
        }
        disk.freeSize = Number.POSITIVE_INFINITY;
        const count = written.length;
        // Some are in flight when the end comes.
        const synced = wal.synced().then(() => {
          durableCount = Math.max(durableCount, count);
        });
        if (rng.chance(40)) await synced;
        else if (rng.chance(30)) await clock.run(clock.sleep(rng.below(150), never));
      }
      // What counts is what had been acknowledged at the moment of death.
      killed = rng.chance(50);
      disk = killed ? disk.kill() : disk.crash();
      const atDeath = durableCount;
      await wal.close();
      durableCount = atDeath;
    }
  }
});
