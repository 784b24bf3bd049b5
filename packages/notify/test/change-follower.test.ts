import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { OperatingError } from "@pharos/base";
import { MemoryDocumentStore, SimClock } from "@pharos/testing";
import { ChangeFollower } from "../src/change-follower.ts";

const COLLECTION = "things";

/** A follower of a store whose readings the test ends one by one. */
class FollowedStore {
  readonly clock = new SimClock();
  readonly store = new MemoryDocumentStore();
  readonly problems: string[] = [];
  readonly #ends: PromiseWithResolvers<void>[] = [];
  begun = 0;
  readonly follower = new ChangeFollower({
    ...{ store: this.store, clock: this.clock, collection: COLLECTION },
    read: () => {
      this.begun++;
      const end = Promise.withResolvers<void>();
      this.#ends.push(end);
      return end.promise;
    },
    onProblem: ({ message }) => this.problems.push(message),
  });

  async change(collection = COLLECTION): Promise<void> {
    await this.store.transaction((tx) => tx.put(collection, { id: "a", body: {}, sortKey: 0 }));
  }

  /** Ends the reading that runs, and lets all that follows from it happen. */
  async end(error?: Error): Promise<void> {
    const end = this.#ends.shift();
    if (error === undefined) end?.resolve();
    else end?.reject(error);
    await this.clock.run(Promise.resolve());
  }
}

test("what changes during a reading is read once after it, however often it changed", async () => {
  const world = new FollowedStore();
  await world.change();
  equal(world.begun, 1);
  await world.change();
  await world.change();
  equal(world.begun, 1, "one reading at a time");
  await world.end();
  equal(world.begun, 2);
  await world.end();
  equal(world.begun, 2, "nothing has changed since the second one began");
  await world.follower[Symbol.asyncDispose]();
});

test("changes of other collections are not read", async () => {
  const world = new FollowedStore();
  await world.change("others");
  equal(world.begun, 0);
  await world.follower[Symbol.asyncDispose]();
});

test("a reading that fails is told and made again after five seconds, without another change", async () => {
  const world = new FollowedStore();
  await world.change();
  await world.end(new OperatingError("disk.failed", "the database is away"));
  deepEqual(world.problems, ["the database is away"]);
  equal(world.begun, 1);
  const startMs = world.clock.monotonicMs();
  await world.clock.run(world.clock.sleep(5001, AbortSignal.any([])));
  equal(world.clock.monotonicMs() - startMs, 5001);
  equal(world.begun, 2);
  await world.end();
  await world.follower[Symbol.asyncDispose]();
});

test("closing waits for the reading that has begun, and none begins after it", async () => {
  const world = new FollowedStore();
  await world.change();
  await world.change();
  const closed = { is: false };
  const closing = world.follower[Symbol.asyncDispose]().then(() => {
    closed.is = true;
  });
  await world.change();
  equal(closed.is, false);
  await world.end();
  await closing;
  equal(world.begun, 1);
});

test("closing ends the wait after a failure", async () => {
  const world = new FollowedStore();
  await world.change();
  await world.end(new OperatingError("disk.failed", "the database is away"));
  await world.follower[Symbol.asyncDispose]();
  await world.clock.run(world.clock.sleep(60_000, AbortSignal.any([])));
  equal(world.begun, 1);
});
