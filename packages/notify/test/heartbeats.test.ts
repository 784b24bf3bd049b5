import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { OperatingError } from "@pharos/base";
import { MemoryDocumentStore, SimClock } from "@pharos/testing";
import {
  BEAT_INTERVAL_MS,
  Heartbeats,
  SERVER_COLLECTION,
  SILENT_MS_MAX,
} from "../src/dispatch/heartbeats.ts";
import { ProcessStore } from "./shared-store.ts";

/** Servers that say that they are at work, as long as they are told to. */
class World {
  readonly clock = new SimClock();
  readonly database = new MemoryDocumentStore();

  server(name: string, clock = this.clock): { store: ProcessStore; beats: Heartbeats } {
    const store = new ProcessStore(this.database, true);
    return { store, beats: new Heartbeats({ server: name, store, clock }) };
  }

  /** Each of these beats for so long. */
  async pass(ms: number, ...at: readonly Heartbeats[]): Promise<void> {
    for (let passedMs = 0; passedMs < ms; passedMs += BEAT_INTERVAL_MS) {
      for (const each of at) await each.beat();
      await this.clock.run(this.clock.sleep(BEAT_INTERVAL_MS, new AbortController().signal));
    }
    for (const each of at) await each.beat();
  }
}

test("a server that says nothing for 15 seconds is dead, and one that has ended is at once", async () => {
  const world = new World();
  const [a, b, c] = [world.server("a").beats, world.server("b").beats, world.server("c").beats];
  await world.pass(60_000, a, b, c);
  deepEqual(a.dead(), []);
  await world.pass(SILENT_MS_MAX - BEAT_INTERVAL_MS, a, c);
  equal(a.isDead("b"), false);
  await world.pass(BEAT_INTERVAL_MS, a, c);
  deepEqual([a.dead(), c.dead()], [["b"], ["b"]]);
  await b.beat();
  await a.beat();
  deepEqual(a.dead(), [], "it was only late");
  await c.end();
  await a.beat();
  deepEqual(a.dead(), ["c"]);
});

test("clocks that differ by hours make nobody dead", async () => {
  const world = new World();
  const a = world.server("a").beats;
  for (const jumpMs of [-3_600_000, 7_200_000, -3_600_000]) {
    const other = world.server("b").beats;
    world.clock.jumpWall(jumpMs);
    await world.pass(60_000, a, other);
    deepEqual([a.dead(), other.dead()], [[], []]);
  }
});

test("while the database is away nobody dies, and whoever cannot get at it does not believe to be heard", async () => {
  const world = new World();
  const [a, b] = [world.server("a"), world.server("b")];
  await world.pass(30_000, a.beats, b.beats);
  equal(a.beats.isHeard, true);
  const fail = (): void => {
    throw new OperatingError("database.unavailable", "no route to host");
  };
  a.store.beforeCommit = fail;
  b.store.beforeCommit = fail;
  await world.pass(600_000, a.beats, b.beats);
  deepEqual([a.beats.isHeard, b.beats.isHeard], [false, false]);
  a.store.beforeCommit = () => {};
  await a.beats.beat();
  deepEqual([a.beats.isHeard, a.beats.dead()], [true, []], "there has been no time to hear of b");
  await world.pass(SILENT_MS_MAX, a.beats, b.beats);
  deepEqual(a.beats.dead(), ["b"]);
});

test("documents of another version say nothing, and a buried server is forgotten", async () => {
  const world = new World();
  const a = world.server("a").beats;
  await world.database.transaction((tx) =>
    tx.put(SERVER_COLLECTION, { id: "new", body: { version: 99 }, sortKey: 0 }),
  );
  await world.pass(30_000, a);
  deepEqual(a.dead(), []);
  await world.server("b").beats.beat();
  await world.pass(30_000, a);
  deepEqual(a.dead(), ["b"]);
  await world.database.transaction((tx) => a.bury(tx, "b"));
  await a.beat();
  deepEqual(a.dead(), []);
});
