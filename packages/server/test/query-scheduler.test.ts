import { deepEqual, equal, rejects } from "node:assert/strict";
import { test } from "node:test";
import { SimClock } from "@pharos/testing";
import fc from "fast-check";
import {
  type Admission,
  QUERY_SOURCES,
  QueryScheduler,
  type QuerySource,
  type SchedulerLimits,
} from "../src/queries/query-scheduler.ts";

const never = new AbortController().signal;
const LIMITS: SchedulerLimits = { concurrentMax: 4, concurrentPerUserMax: 2, queuedMax: 10 };

/** A scheduler, and who began in which order. */
class Desk {
  readonly clock = new SimClock();
  readonly scheduler: QueryScheduler;
  readonly begun: string[] = [];
  readonly admissions: Admission[] = [];

  constructor(limits: Partial<SchedulerLimits> = {}) {
    this.scheduler = new QueryScheduler(this.clock, { ...LIMITS, ...limits });
  }

  /** Answers a promise of the admission, which is kept until the test releases it. */
  ask(
    user: string,
    { source = "ad-hoc" as QuerySource, waitMsMax = 1000, signal = never } = {},
  ): Promise<Admission> {
    const entering = this.scheduler.enter({ source, user, waitMsMax, signal });
    entering.then(
      (admission) => {
        this.begun.push(user);
        this.admissions.push(admission);
      },
      () => {},
    );
    return entering;
  }

  /** Ends the query that began first. */
  async end(): Promise<void> {
    this.admissions.shift()?.release();
    await this.clock.advance(0);
  }
}

test("a query begins at once where a place is free, and says that it did not wait", async () => {
  const desk = new Desk();
  equal((await desk.ask("ann")).waitedMs, 0);
  deepEqual(desk.scheduler.stats("ad-hoc"), { running: 1, waiting: 0, refused: 0, expired: 0 });
});

test("one user has so many queries at once and no more, while places are free for others", async () => {
  const desk = new Desk();
  for (let i = 0; i < 5; i++) void desk.ask("ann");
  void desk.ask("bob");
  await desk.clock.advance(0);
  deepEqual(desk.begun, ["ann", "ann", "bob"]);
  await desk.end();
  deepEqual(desk.begun, ["ann", "ann", "bob", "ann"]);
});

test("a user's limit counts the queries of all sources together", async () => {
  const desk = new Desk();
  void desk.ask("ann");
  void desk.ask("ann", { source: "dashboard" });
  void desk.ask("ann", { source: "dashboard" });
  await desk.clock.advance(0);
  equal(desk.scheduler.stats("dashboard").waiting, 1);
  await desk.end(); // That of the other source makes room.
  deepEqual(desk.scheduler.stats("dashboard"), {
    ...{ running: 2, waiting: 0, refused: 0, expired: 0 },
  });
});

test("users take turns: somebody with many queries delays the others by one", async () => {
  const desk = new Desk({ concurrentMax: 1, queuedMax: 100 });
  for (let i = 0; i < 6; i++) void desk.ask("ann");
  for (let i = 0; i < 2; i++) void desk.ask("bob");
  void desk.ask("eve");
  for (let i = 0; i < 9; i++) await desk.end();
  deepEqual(desk.begun, ["ann", "ann", "bob", "eve", "ann", "bob", "ann", "ann", "ann"]);
});

test("dashboards do not wait behind ad-hoc queries", async () => {
  const desk = new Desk({ concurrentMax: 1 });
  void desk.ask("ann");
  void desk.ask("bob");
  void desk.ask("eve", { source: "dashboard" });
  await desk.clock.advance(0);
  deepEqual(desk.begun, ["ann", "eve"]);
});

test("a query whose turn does not come in time ends with what it waited for, and leaves the queue", async () => {
  const desk = new Desk({ concurrentMax: 1 });
  void desk.ask("ann");
  const late = desk.ask("bob", { waitMsMax: 300 });
  const refused = rejects(late, {
    code: "query.timeout",
    message:
      "query timed out in query queue after 300 ms: 1 ad-hoc queries run at once at most (--query-max-concurrency)",
  });
  await desk.clock.advance(300);
  await refused;
  deepEqual(desk.scheduler.stats("ad-hoc"), { running: 1, waiting: 0, refused: 0, expired: 1 });
  const own = desk.ask("ann", { waitMsMax: 1 });
  const refusedOwn = rejects(own, { message: /1 ad-hoc queries run at once/ });
  await desk.clock.advance(1);
  await refusedOwn;
});

test("a query that is given up while it waits leaves the queue with the reason", async () => {
  const desk = new Desk({ concurrentMax: 1 });
  void desk.ask("ann");
  const gaveUp = new AbortController();
  const waiting = desk.ask("bob", { signal: gaveUp.signal });
  void desk.ask("eve");
  gaveUp.abort(new Error("went away"));
  await rejects(waiting, { message: "went away" });
  equal(desk.scheduler.stats("ad-hoc").waiting, 1);
  await desk.end();
  deepEqual(desk.begun, ["ann", "eve"]);
});

test("a full queue refuses with the setting that changes it; one user fills half of it", async () => {
  const desk = new Desk({ concurrentMax: 1, queuedMax: 4 });
  void desk.ask("ann");
  void desk.ask("bob");
  void desk.ask("bob");
  await rejects(desk.ask("bob"), {
    code: "query.too_many",
    message:
      "too many queries: bob has 2 ad-hoc queries waiting already, which is half of the queue; try again shortly, or raise --query-max-queued (4)",
  });
  void desk.ask("eve");
  void desk.ask("eve");
  await rejects(desk.ask("joe"), { message: /^too many queries: 4 ad-hoc queries wait already/ });
  equal(desk.scheduler.stats("ad-hoc").refused, 2);
});

test("how long a query waited is told with its turn", async () => {
  const desk = new Desk({ concurrentMax: 1 });
  void desk.ask("ann");
  const second = desk.ask("bob");
  await desk.clock.advance(250);
  await desk.end();
  equal((await second).waitedMs, 250);
});

test("whatever comes and goes, no limit is passed, no place stays empty while somebody may take it, and none is lost", async () => {
  const step = fc.oneof(
    fc.record({
      do: fc.constant("ask" as const),
      user: fc.constantFrom("ann", "bob", "eve"),
      source: fc.constantFrom(...QUERY_SOURCES),
    }),
    fc.record({ do: fc.constant("end" as const), which: fc.nat(20) }),
    fc.record({ do: fc.constant("wait" as const), ms: fc.nat(600) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const desk = new Desk();
      const waiting = new Set<{ readonly user: string; readonly source: QuerySource }>();
      const running: { user: string; source: QuerySource; admission: Admission }[] = [];
      for (const each of steps) {
        if (each.do === "ask") {
          const { user, source } = each;
          const query = { user, source };
          waiting.add(query);
          desk.ask(user, { source }).then(
            (admission) => {
              waiting.delete(query);
              running.push({ user, source, admission });
            },
            () => waiting.delete(query),
          );
          await desk.clock.advance(0);
        } else if (each.do === "wait") await desk.clock.advance(each.ms);
        else {
          const [ended] = running.splice(each.which % Math.max(1, running.length), 1);
          ended?.admission.release();
          ended?.admission.release(); // Counts once.
          await desk.clock.advance(0);
        }
        for (const source of QUERY_SOURCES) {
          const stats = desk.scheduler.stats(source);
          const here = running.filter((one) => one.source === source);
          equal(stats.running, here.length);
          if (here.length > LIMITS.concurrentMax) throw new Error("too many at once");
          const able = [...waiting].some(
            (query) =>
              query.source === source &&
              running.filter(({ user }) => user === query.user).length <
                LIMITS.concurrentPerUserMax,
          );
          if (able && here.length < LIMITS.concurrentMax) throw new Error("a place stays empty");
        }
        for (const user of ["ann", "bob", "eve"]) {
          const count = running.filter((one) => one.user === user).length;
          if (count > LIMITS.concurrentPerUserMax) throw new Error(`too many of ${user}`);
        }
      }
      for (let i = 0; running.length > 0 && i < 1000; i++) {
        running.shift()?.admission.release();
        await desk.clock.advance(0);
      }
      for (const source of QUERY_SOURCES) {
        const { running: left, waiting } = desk.scheduler.stats(source);
        deepEqual([left, waiting], [0, 0]);
      }
    }),
    { numRuns: 60 },
  );
});
