import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { OperatingError } from "@pharos/base";
import { MemoryDocumentStore } from "@pharos/testing";
import { type NotificationConfig, OUTBOX_PER_GROUP_MAX } from "../src/index.ts";
import {
  config,
  ms,
  rejected,
  Scenario,
  START_MS,
  time,
  unavailable,
  webhook,
} from "./scenario.ts";

/**
 * Plays a script, a line an event: `10s +Down/a -Down/b` (fires, resolves), until the time of the last line. Answers
 * what was sent and when.
 */
async function play(script: string, notificationConfig?: NotificationConfig): Promise<string[]> {
  const scenario = new Scenario();
  const { clock } = scenario;
  await using dispatcher = await scenario.open(new MemoryDocumentStore(), notificationConfig);
  for (const line of script.trim().split("\n")) {
    const [at = "", ...alerts] = line.trim().split(/\s+/);
    await clock.advance(START_MS + ms(at) - clock.nowMs());
    await dispatcher.update(
      alerts.map((alert) =>
        scenario.alert(alert.slice(1), alert.startsWith("+") ? "fires" : "resolves"),
      ),
    );
    await clock.advance(0);
  }
  deepEqual(scenario.problems, []);
  return scenario.sent;
}

test("the first notification of a group waits group_wait for more alerts", async () => {
  deepEqual(
    await play(`
      0s   +Down/a
      10s  +Down/b
      1m`),
    ["30s first notification: +Down/a +Down/b"],
  );
});

test("groups are notified apart, each at its own time", async () => {
  deepEqual(
    await play(`
      0s   +Down/a
      10s  +Slow/a
      1m`),
    ["30s first notification: +Down/a", "40s first notification: +Slow/a"],
  );
});

test("an alert that resolves within group_wait is never heard of", async () => {
  deepEqual(
    await play(`
      0s   +Down/a
      10s  -Down/a
      1h`),
    [],
  );
});

test("changes wait group_interval, and resolved alerts are told once", async () => {
  deepEqual(
    await play(`
      0s     +Down/a
      1m     +Down/b
      6m     -Down/a
      20m    -Down/b
      2h`),
    [
      "30s first notification: +Down/a",
      "5m30s new alerts added: +Down/a +Down/b",
      "10m30s some alerts resolved: -Down/a +Down/b",
      "20m30s all alerts resolved: -Down/b",
    ],
  );
});

test("an alert that comes back before anybody was told it was gone is no news", async () => {
  deepEqual(
    await play(`
      0s     +Down/a
      1m     -Down/a
      2m     +Down/a
      2h`),
    ["30s first notification: +Down/a"],
  );
});

test("firing alerts are told again after repeat_interval, at the next flush", async () => {
  deepEqual(
    await play(
      `
      0s  +Down/a
      2h30m`,
      config({ repeatIntervalMs: ms("1h") }),
    ),
    [
      "30s first notification: +Down/a",
      "1h5m30s repeat interval elapsed: +Down/a",
      "2h10m30s repeat interval elapsed: +Down/a",
    ],
  );
});

test("a receiver that wants no resolved alerts gets none, and hears when one fires again", async () => {
  deepEqual(
    await play(
      `
      0s   +Down/a
      1m   -Down/a
      10m  +Down/a
      1h`,
      config({}, [webhook({ sendResolved: false })]),
    ),
    ["30s first notification: +Down/a", "10m30s first notification: +Down/a"],
  );
});

test("with group_by ['...'] every alert is a group of its own", async () => {
  const sent = await play(
    `
      0s   +Down/a +Down/b
      1m`,
    config({ groupBy: "all" }),
  );
  deepEqual(sent, ["30s first notification: +Down/a", "30s first notification: +Down/b"]);
});

test("hearing the same again changes nothing", async () => {
  deepEqual(
    await play(`
      0s   +Down/a
      10s  +Down/a
      1m   +Down/a
      2m   -Down/a -Down/a
      3m   -Down/a
      10m  -Down/a
      1h`),
    ["30s first notification: +Down/a", "5m30s all alerts resolved: -Down/a"],
  );
});

test("an alert that began long ago is told at once", async () => {
  const scenario = new Scenario();
  await using dispatcher = await scenario.open(new MemoryDocumentStore());
  await dispatcher.update([scenario.alert("Down/a", "fires", START_MS - 60_000)]);
  await scenario.clock.advance(0);
  deepEqual(scenario.sent, ["0s first notification: +Down/a"]);
});

test("an alert from outside is over when its end has come, without a word", async () => {
  const scenario = new Scenario();
  await using dispatcher = await scenario.open(new MemoryDocumentStore());
  await dispatcher.update([
    { ...scenario.alert("Down/a", "fires"), endsAtMs: START_MS + ms("2m") },
  ]);
  await scenario.clock.advance(ms("1h"));
  deepEqual(scenario.sent, [
    "30s first notification: +Down/a",
    "5m30s all alerts resolved: -Down/a",
  ]);
});

test("a receiver that is down is tried again, under the same key, until it accepts", async () => {
  const scenario = new Scenario();
  await using dispatcher = await scenario.open(new MemoryDocumentStore());
  const keys = new Set<string>();
  const attemptsAt: string[] = [];
  scenario.answer = async ({ idempotencyKey }) => {
    keys.add(idempotencyKey);
    attemptsAt.push(time(scenario.clock.nowMs()));
    if (scenario.clock.nowMs() < START_MS + ms("10m")) throw unavailable();
  };
  await scenario.fire(dispatcher, "Down/a");
  await scenario.clock.advance(ms("1h"));
  equal(keys.size, 1);
  equal(attemptsAt[0], "30s");
  ok(attemptsAt.length > 8, "backs off to about a minute");
  ok(attemptsAt.length < 60, "does not hammer");
  equal(scenario.sent.length, 1);
  equal(dispatcher.stats().delivered, 1);
  equal(dispatcher.stats().outbox, 0);
});

test("while a receiver is down its notifications keep their order, and firing ones are not lost", async () => {
  const scenario = new Scenario();
  await using dispatcher = await scenario.open(new MemoryDocumentStore());
  scenario.answer = async () => {
    if (scenario.clock.nowMs() < START_MS + ms("20m")) throw unavailable();
  };
  await scenario.fire(dispatcher, "Down/a");
  await scenario.clock.advance(ms("2m"));
  await scenario.resolve(dispatcher, "Down/a");
  await scenario.clock.advance(ms("1h"));
  deepEqual(
    scenario.sent.map((line) => line.replace(/^\S+ /, "")),
    ["first notification: +Down/a", "all alerts resolved: -Down/a"],
  );
});

test("a receiver that is down does not hold up another one", async () => {
  const scenario = new Scenario();
  const heard: string[] = [];
  await using dispatcher = await scenario.open(
    new MemoryDocumentStore(),
    config({}, [webhook({ alertsMax: 1 }), webhook({ alertsMax: 2 })]),
    {
      createReceiver: ({ alertsMax }) => ({
        async send(_outgoing, signal) {
          // The first one never answers.
          if (alertsMax === 1) await scenario.clock.sleep(Number.POSITIVE_INFINITY, signal);
          heard.push(time(scenario.clock.nowMs()));
          return {};
        },
      }),
    },
  );
  await scenario.fire(dispatcher, "Down/a");
  await scenario.clock.advance(ms("1m"));
  deepEqual(heard, ["30s"]);
  equal(dispatcher.stats().outbox, 1);
});

test("what a receiver refuses is not repeated, but decided anew with the next flush", async () => {
  const scenario = new Scenario();
  await using dispatcher = await scenario.open(new MemoryDocumentStore());
  let attemptCount = 0;
  scenario.answer = async () => {
    attemptCount++;
    if (attemptCount <= 2) throw rejected();
  };
  await scenario.fire(dispatcher, "Down/a");
  await scenario.clock.advance(ms("11m"));
  deepEqual(scenario.sent, ["10m30s first notification: +Down/a"]);
  deepEqual(
    scenario.problems.map(({ code }) => code),
    ["notify.rejected", "notify.rejected"],
  );
});

test("a refused resolution is told at the next flush", async () => {
  const scenario = new Scenario();
  await using dispatcher = await scenario.open(new MemoryDocumentStore());
  await scenario.fire(dispatcher, "Down/a");
  await scenario.clock.advance(ms("1m"));
  await scenario.resolve(dispatcher, "Down/a");
  scenario.answer = async () => {
    if (scenario.clock.nowMs() < START_MS + ms("6m")) throw rejected();
  };
  await scenario.clock.advance(ms("1h"));
  deepEqual(scenario.sent.slice(1), ["10m30s all alerts resolved: -Down/a"]);
  equal(dispatcher.stats().groups, 0);
});

test("a receiver that refuses everything is left alone once all has been over for long", async () => {
  const scenario = new Scenario();
  await using dispatcher = await scenario.open(new MemoryDocumentStore());
  await scenario.fire(dispatcher, "Down/a");
  await scenario.clock.advance(ms("1m"));
  await scenario.resolve(dispatcher, "Down/a");
  scenario.answer = async () => {
    throw rejected();
  };
  await scenario.clock.advance(ms("10h"));
  equal(dispatcher.stats().groups, 0);
  equal(dispatcher.stats().outbox, 0);
});

test("more waiting notifications than the limit are taken together, and nothing resolved is lost", async () => {
  const scenario = new Scenario();
  await using dispatcher = await scenario.open(new MemoryDocumentStore());
  let down = true;
  scenario.answer = async () => {
    if (down) throw unavailable();
  };
  await scenario.fire(dispatcher, "Down/always");
  const flushCount = OUTBOX_PER_GROUP_MAX + 4;
  for (let i = 0; i < flushCount; i++) {
    await scenario.clock.advance(ms("1m"));
    await scenario.fire(dispatcher, `Down/x${i}`);
    if (i > 0) await scenario.resolve(dispatcher, `Down/x${i - 1}`);
    await scenario.clock.advance(ms("4m"));
  }
  ok(dispatcher.stats().outbox <= OUTBOX_PER_GROUP_MAX);
  down = false;
  await scenario.clock.advance(ms("10m"));
  const all = scenario.sent.join("\n");
  for (let i = 0; i < flushCount - 1; i++) ok(all.includes(`-Down/x${i}`), `x${i} resolved`);
});

test("after a kill -9 within group_wait the alert is told at its original time", async () => {
  const scenario = new Scenario();
  const store = new MemoryDocumentStore();
  const dead = await scenario.open(store);
  await scenario.fire(dead, "Down/a");
  await scenario.clock.advance(ms("10s"));
  const next = store.kill();
  await dead[Symbol.asyncDispose]();
  await using _dispatcher = await scenario.open(next);
  await scenario.clock.advance(ms("1m"));
  deepEqual(scenario.sent, ["30s first notification: +Down/a"]);
});

test("after a longer outage the alert is told at once, and not again", async () => {
  const scenario = new Scenario();
  const store = new MemoryDocumentStore();
  const dead = await scenario.open(store);
  await scenario.fire(dead, "Down/a");
  const next = store.kill();
  await dead[Symbol.asyncDispose]();
  await scenario.clock.advance(ms("20m"));
  await using dispatcher = await scenario.open(next);
  await scenario.clock.advance(ms("1h"));
  deepEqual(scenario.sent, ["20m first notification: +Down/a"]);
  await scenario.resolve(dispatcher, "Down/a");
  await scenario.clock.advance(ms("6m"));
  equal(scenario.sent.length, 2);
});

test("with another group_by alerts are grouped anew, and those of groups that stay are not told twice", async () => {
  const scenario = new Scenario();
  const store = new MemoryDocumentStore();
  await using dispatcher = await scenario.open(store);
  await scenario.fire(dispatcher, "Down/a", "Down/b");
  await scenario.clock.advance(ms("1m"));
  await dispatcher.apply(config({ repeatIntervalMs: ms("100h") }));
  await scenario.clock.advance(ms("1h"));
  equal(scenario.sent.length, 1);
  await dispatcher.apply(config({ groupBy: ["instance"] }));
  await scenario.clock.advance(ms("1h"));
  deepEqual(
    scenario.sent.slice(1).map((line) => line.replace(/^\S+ /, "")),
    ["first notification: +Down/a", "first notification: +Down/b"],
  );
});

test("notifications for a receiver that is no longer configured are dropped and reported", async () => {
  const scenario = new Scenario();
  const store = new MemoryDocumentStore();
  await using dispatcher = await scenario.open(store);
  scenario.answer = async () => {
    throw unavailable();
  };
  await scenario.fire(dispatcher, "Down/a");
  await scenario.clock.advance(ms("1m"));
  scenario.problems.length = 0;
  await dispatcher.apply({ ...config(), receivers: [] });
  deepEqual(
    scenario.problems.map(({ message }) => message),
    ["team/webhook[0] is no longer configured"],
  );
  equal(dispatcher.stats().outbox, 0);
});

test("a store that fails keeps nobody from being told, and is written when it works again", async () => {
  const scenario = new Scenario();
  const store = new MemoryDocumentStore();
  const dispatcher = await scenario.open(store);
  store.beforeCommit = () => {
    throw new OperatingError("disk.full", "no space left");
  };
  await scenario.fire(dispatcher, "Down/a");
  await scenario.clock.advance(ms("1m"));
  deepEqual(scenario.sent, ["30s first notification: +Down/a"]);
  ok(scenario.problems.length > 0);
  store.beforeCommit = () => {};
  await scenario.fire(dispatcher, "Down/b");
  const next = store.kill();
  await dispatcher[Symbol.asyncDispose]();
  await using _after = await scenario.open(next);
  await scenario.clock.advance(ms("10m"));
  deepEqual(scenario.sent.slice(1), ["5m30s new alerts added: +Down/a +Down/b"]);
});

test("damaged documents are reported and the others are taken up", async () => {
  const scenario = new Scenario();
  const store = new MemoryDocumentStore();
  const dead = await scenario.open(store);
  await scenario.fire(dead, "Down/a");
  const next = store.kill();
  await dead[Symbol.asyncDispose]();
  await next.transaction(async (tx) => {
    await tx.put("alert_groups", { id: "broken", body: { version: 1 }, sortKey: 0 });
    await tx.put("notification_outbox", { id: "newer", body: { version: 2 }, sortKey: 0 });
  });
  await using _dispatcher = await scenario.open(next);
  deepEqual(
    scenario.problems.map(({ code }) => code),
    ["disk.corrupt", "disk.corrupt"],
  );
  await scenario.clock.advance(ms("1m"));
  equal(scenario.sent.length, 1);
});

test("what became of each notification is kept", async () => {
  const scenario = new Scenario();
  const store = new MemoryDocumentStore();
  await using dispatcher = await scenario.open(store);
  await scenario.fire(dispatcher, "Down/a");
  await scenario.clock.advance(ms("1m"));
  const [entry] = await store.transaction((tx) => tx.list("notification_log", { limit: 10 }));
  deepEqual(entry?.body, {
    integration: "team/webhook[0]",
    groupKey: '{}:{alertname="Down"}',
    reason: "first notification",
    outcome: "delivered",
    attempts: 1,
    error: null,
    createdAtMs: START_MS + 30_000,
    settledAtMs: START_MS + 30_000,
  });
});
