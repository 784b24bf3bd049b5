import { deepEqual, equal, match } from "node:assert/strict";
import { test } from "node:test";
import { OperatingError } from "@pharos/base";
import { MemoryDocumentStore, SimClock } from "@pharos/testing";
import { addDatabaseMetrics, DatabaseWatch } from "../src/database-watch.ts";
import { createLogger } from "../src/log.ts";
import { OwnMetrics } from "../src/own-metrics.ts";

const AWAY = new OperatingError("database.unavailable", "db.test/pharos: connection refused");

/** A database that can be taken away, and what is heard of it. */
class WatchWorld implements AsyncDisposable {
  readonly clock = new SimClock(0);
  readonly #store = new MemoryDocumentStore();
  readonly changes: string[] = [];
  readonly lines: string[] = [];
  reads = 0;
  /** What each read waits for, and fails with. */
  answer: () => Promise<void> = async () => {};
  readonly watch = new DatabaseWatch({
    clock: this.clock,
    documents: {
      read: async (work) => {
        this.reads++;
        await this.answer();
        return this.#store.read(work);
      },
    },
    log: createLogger("info", "text", (line) => this.lines.push(line)),
    onChange: (isAway) => this.changes.push(`${this.clock.nowMs()} ${isAway ? "away" : "back"}`),
  });

  async [Symbol.asyncDispose](): Promise<void> {
    await this.watch[Symbol.asyncDispose]();
  }
}

test("a database that refuses is away with its own words, until it answers again", async () => {
  await using world = new WatchWorld();
  await world.clock.advance(10_000);
  deepEqual([world.watch.problem, world.changes], [undefined, []]);

  world.answer = () => Promise.reject(AWAY);
  await world.clock.advance(10_000);
  equal(world.watch.problem, AWAY.message);

  world.answer = async () => {};
  await world.clock.advance(10_000);
  equal(world.watch.problem, undefined);
  deepEqual(world.changes, ["12000 away", "22000 back"]);
  // Not a line for each question.
  equal(world.lines.length, 2);
  match(world.lines[0] ?? "", /ERROR the database is away: not ready .*connection refused/);
  match(world.lines[1] ?? "", /the database is back: ready/);
});

test("a database that says nothing is away after two seconds, and is asked nothing more meanwhile", async () => {
  await using world = new WatchWorld();
  const { promise, resolve } = Promise.withResolvers<void>();
  world.answer = () => promise;
  await world.clock.advance(3_999);
  deepEqual([world.watch.problem, world.reads], [undefined, 1]);
  await world.clock.advance(60_000);
  deepEqual([world.watch.problem, world.reads], ["nothing came back within 2 s", 1]);
  resolve();
  await world.clock.advance(1);
  deepEqual([world.watch.problem, world.changes], [undefined, ["4000 away", "63999 back"]]);
  await world.clock.advance(2_000);
  equal(world.reads, 2);
});

test("the metrics have whether the database answers, where there is one", async () => {
  await using world = new WatchWorld();
  const metrics = new OwnMetrics();
  addDatabaseMetrics(metrics, world.watch);
  match(await metrics.text(), /^pharos_database_up 1$/m);
  world.answer = () => Promise.reject(AWAY);
  await world.clock.advance(2_000);
  match(await metrics.text(), /^pharos_database_up 0$/m);

  const without = new OwnMetrics();
  addDatabaseMetrics(without, undefined);
  equal((await without.text()).includes("pharos_database_up"), false);
});
