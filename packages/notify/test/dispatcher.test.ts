import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { OperatingError } from "@pharos/base";
import { MemoryDocumentStore } from "@pharos/testing";
import { DeliveryError, type NotificationConfig, type PostedAlert } from "../src/index.ts";
import {
  config,
  labelsOf,
  ms,
  nameOf,
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

function posted(name: string, change: Partial<PostedAlert> = {}): PostedAlert {
  return { labels: labelsOf(name), annotations: [], generatorUrl: "", ...change };
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

test("a posted alert is over when its end has come, without a word", async () => {
  const scenario = new Scenario();
  await using dispatcher = await scenario.open(new MemoryDocumentStore());
  await dispatcher.post([posted("Down/a", { endsAtMs: START_MS + ms("2m") })]);
  await scenario.clock.advance(ms("1h"));
  deepEqual(scenario.sent, [
    "30s first notification: +Down/a",
    "5m30s all alerts resolved: -Down/a",
  ]);
});

test("a posted alert of whose end nothing is said is over resolve_timeout after it was heard of last", async () => {
  const scenario = new Scenario();
  await using dispatcher = await scenario.open(new MemoryDocumentStore());
  for (let minute = 0; minute < 20; minute++) {
    await dispatcher.post([posted("Down/a")]);
    await scenario.clock.advance(ms("1m"));
  }
  equal(dispatcher.alerts()[0]?.alert.endsAtMs, START_MS + ms("24m"));
  await scenario.clock.advance(ms("1h"));
  deepEqual(scenario.sent, [
    "30s first notification: +Down/a",
    "25m30s all alerts resolved: -Down/a",
  ]);
});

test("of posted alerts those that are right are taken, and what is wrong with the others is said", async () => {
  const scenario = new Scenario();
  await using dispatcher = await scenario.open(new MemoryDocumentStore());
  const nowMs = START_MS;
  const empty = { labels: [["team", ""]], annotations: [], generatorUrl: "" } as const;
  const problems = await dispatcher.post([
    { ...empty },
    posted("Down/a", { startsAtMs: nowMs, endsAtMs: nowMs - 1 }),
    // A clock that goes wrong keeps nobody from being told.
    posted("Down/c", { startsAtMs: nowMs + ms("6m") }),
    { ...empty, labels: [["", "x"]] },
    {
      ...empty,
      labels: [
        ["a", "1"],
        ["a", "2"],
      ],
    },
    posted("Down/b"),
  ]);
  deepEqual(problems, [
    "at least one label pair required",
    "start time must be before end time",
    'invalid label set: invalid name ""',
    'invalid label set: name "a" is there twice',
  ]);
  deepEqual(
    new Set(dispatcher.alerts().map(({ alert }) => nameOf(alert.labels))),
    new Set(["Down/b", "Down/c"]),
  );
});

test("posted alerts outlive a restart, and are believed for another resolve_timeout", async () => {
  const scenario = new Scenario();
  const store = new MemoryDocumentStore();
  const dead = await scenario.open(store);
  await dead.post([posted("Down/a")]);
  await scenario.clock.advance(ms("1m"));
  const next = store.kill();
  await dead[Symbol.asyncDispose]();
  await scenario.clock.advance(ms("20m"));
  await using dispatcher = await scenario.open(next);
  equal(dispatcher.alerts().length, 1);
  await scenario.clock.advance(ms("4m"));
  equal(scenario.sent.length, 1, "not told to be over");
  await scenario.clock.advance(ms("10m"));
  deepEqual(
    scenario.sent.slice(1).map((line) => line.replace(/^\S+ /, "")),
    ["all alerts resolved: -Down/a"],
  );
});

test("of one alertname no more alerts are taken than the limit says, and those that are known go on", async () => {
  const scenario = new Scenario();
  await using dispatcher = await scenario.open(new MemoryDocumentStore(), config(), {
    perAlertnameMax: 2,
  });
  await scenario.fire(dispatcher, "Down/a", "Down/b", "Down/c", "Slow/a");
  equal(dispatcher.stats().refusedAlerts, 1);
  deepEqual(
    scenario.problems.map(({ code, message }) => [code, message]),
    [["queue.full", "there are as many alerts Down as may be already: 1 more are refused"]],
  );
  await scenario.clock.advance(ms("1m"));
  await scenario.resolve(dispatcher, "Down/a");
  await scenario.clock.advance(ms("1h"));
  await scenario.fire(dispatcher, "Down/c");
  equal(dispatcher.stats().refusedAlerts, 1, "there is room again");
});

test("a receiver that is away is tried again after 1, 2 and 4 s, under the same key", async () => {
  const scenario = new Scenario();
  await using dispatcher = await scenario.open(new MemoryDocumentStore());
  const keys = new Set<string>();
  const attemptsAtMs: number[] = [];
  scenario.answer = async ({ idempotencyKey }) => {
    keys.add(idempotencyKey);
    attemptsAtMs.push(scenario.clock.nowMs() - START_MS);
    if (attemptsAtMs.length < 4) throw unavailable();
  };
  await scenario.fire(dispatcher, "Down/a");
  await scenario.clock.advance(ms("5m"));
  equal(keys.size, 1);
  equal(attemptsAtMs[0], 30_000);
  const waits = attemptsAtMs.slice(1).map((atMs, i) => atMs - (attemptsAtMs[i] as number));
  for (const [i, wantMs] of [1000, 2000, 4000].entries()) {
    const waitedMs = waits[i] as number;
    ok(waitedMs >= wantMs && waitedMs <= wantMs * 1.1, `${waitedMs} ms for ${wantMs} ms`);
  }
  equal(scenario.sent.length, 1);
  equal(dispatcher.stats().delivered, 1);
  equal(dispatcher.stats().retried, 3);
  equal(dispatcher.stats().outbox, 0);
});

test("when the retries are used up it is decided anew at the next flush, under another key", async () => {
  const scenario = new Scenario();
  await using dispatcher = await scenario.open(new MemoryDocumentStore());
  const keys = new Set<string>();
  scenario.answer = async ({ idempotencyKey }) => {
    keys.add(idempotencyKey);
    if (scenario.clock.nowMs() < START_MS + ms("2m")) throw unavailable();
  };
  await scenario.fire(dispatcher, "Down/a");
  await scenario.clock.advance(ms("1h"));
  deepEqual(scenario.sent, ["5m30s first notification: +Down/a"]);
  equal(keys.size, 2);
  equal(dispatcher.stats().failed, 1);
});

test("of an alert that was over before a receiver was back, it hears both at once", async () => {
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
    ["all alerts resolved: -Down/a"],
  );
  equal(dispatcher.stats().groups, 0);
});

test("a receiver that says when to come back is left alone until then", async () => {
  const scenario = new Scenario();
  await using dispatcher = await scenario.open(new MemoryDocumentStore());
  let isFirst = true;
  scenario.answer = async () => {
    if (!isFirst) return;
    isFirst = false;
    throw new DeliveryError("notify.unavailable", "status 429", { retryAfterMs: 90_000 });
  };
  await scenario.fire(dispatcher, "Down/a");
  await scenario.clock.advance(ms("10s"));
  await scenario.fire(dispatcher, "Slow/a");
  await scenario.clock.advance(ms("10m"));
  deepEqual(
    scenario.sent.toSorted(),
    ["2m first notification: +Down/a", "2m first notification: +Slow/a"],
    "of another group neither",
  );
});

test("a receiver that is down does not hold up another one", async () => {
  const scenario = new Scenario();
  const heard: string[] = [];
  await using dispatcher = await scenario.open(
    new MemoryDocumentStore(),
    config({}, [webhook(), webhook()]),
    {
      createReceiver: ({ index }) => ({
        async send(_outgoing, signal) {
          // The first one never answers.
          if (index === 0) await scenario.clock.sleep(Number.POSITIVE_INFINITY, signal);
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

test("while a circuit is open a group has one notification waiting, which speaks for all before it", async () => {
  const scenario = new Scenario();
  const store = new MemoryDocumentStore();
  const keptCount = async (): Promise<number> =>
    (await store.read((reader) => reader.list("notification_outbox", { limit: 100 }))).length;
  await using dispatcher = await scenario.open(store, config(), {
    circuit: { failuresMax: 1, openMs: ms("1h") },
  });
  const isDown = (): boolean => scenario.clock.nowMs() < START_MS + ms("50m");
  scenario.answer = async () => {
    if (isDown()) throw unavailable();
  };
  await scenario.fire(dispatcher, "Down/always");
  for (let i = 0; i < 8; i++) {
    await scenario.clock.advance(ms("1m"));
    await scenario.fire(dispatcher, `Down/x${i}`);
    if (i > 0) await scenario.resolve(dispatcher, `Down/x${i - 1}`);
    await scenario.clock.advance(ms("4m"));
    equal(dispatcher.stats().outbox, 1);
    equal(await keptCount(), 1, "in the store too");
    equal(dispatcher.integrations().get("team/webhook[0]")?.circuit, "open");
  }
  await scenario.clock.advance(ms("40m"));
  equal(dispatcher.integrations().get("team/webhook[0]")?.circuit, "closed");
  equal(scenario.sent.length, 1);
  equal(await keptCount(), 0);
  equal(
    scenario.sent[0]?.replace(/^\S+ /, ""),
    "first notification: +Down/always -Down/x0 -Down/x1 -Down/x2 -Down/x3 -Down/x4 -Down/x5 -Down/x6 +Down/x7",
  );
});

test("what changes while a group is being told is told when that is over, in order", async () => {
  const scenario = new Scenario();
  const notifications = config({ groupIntervalMs: ms("20s") });
  scenario.answer = (_outgoing, signal) => scenario.clock.sleep(ms("50s"), signal);
  await using dispatcher = await scenario.open(new MemoryDocumentStore(), notifications);
  await scenario.fire(dispatcher, "Down/a");
  await scenario.clock.advance(ms("35s"));
  await scenario.fire(dispatcher, "Down/b");
  await scenario.clock.advance(ms("10s"));
  await scenario.resolve(dispatcher, "Down/a");
  await scenario.clock.advance(ms("10m"));
  deepEqual(scenario.sent, [
    "1m20s first notification: +Down/a",
    "2m10s new alerts added: -Down/a +Down/b",
  ]);
});

test("a circuit that is open lets one attempt through after its time, and holds up no other integration", async () => {
  const scenario = new Scenario();
  const attempts: string[] = [];
  await using dispatcher = await scenario.open(
    new MemoryDocumentStore(),
    config({ groupBy: ["instance"] }, [webhook(), webhook()]),
    {
      createReceiver: ({ index }) => ({
        async send() {
          attempts.push(`${index} ${time(scenario.clock.nowMs())}`);
          if (index === 0) throw unavailable();
          return {};
        },
      }),
    },
  );
  const names = Array.from({ length: 20 }, (_, i) => `Down/${i}`);
  await scenario.fire(dispatcher, ...names);
  await scenario.clock.advance(ms("30s"));
  equal(attempts.filter((line) => line === "1 30s").length, 20, "the other one has heard all");
  const failed = attempts.filter((line) => line.startsWith("0 ")).length;
  ok(failed >= 5 && failed < 20, "the first few have found out");
  await scenario.clock.advance(ms("29s"));
  equal(attempts.length, 20 + failed, "nothing is tried while it is open");
  await scenario.clock.advance(ms("10s"));
  equal(attempts.length, 20 + failed + 1, "one finds out how it stands");
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
  await dispatcher.update([scenario.alert("Down/a", "fires", START_MS)]);
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
  await scenario.clock.advance(ms("31s"));
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
  await using after = await scenario.open(next);
  await scenario.fire(after, "Down/a", "Down/b");
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
    await tx.put("notification_outbox", { id: "newer", body: { version: 99 }, sortKey: 0 });
  });
  await using _dispatcher = await scenario.open(next);
  deepEqual(
    scenario.problems.map(({ code }) => code),
    ["disk.corrupt", "disk.corrupt"],
  );
  await scenario.clock.advance(ms("1m"));
  equal(scenario.sent.length, 1);
});

test("a notification that not everybody was told is reported, kept as such and not told again", async () => {
  const scenario = new Scenario();
  await using dispatcher = await scenario.open(new MemoryDocumentStore());
  scenario.receipt = { shortfall: "the server refused b@example.org" };
  await scenario.fire(dispatcher, "Down/a");
  await scenario.clock.advance(ms("1h"));
  equal(scenario.sent.length, 1);
  deepEqual(
    scenario.problems.map(({ message }) => message),
    ["the server refused b@example.org"],
  );
  const [kept] = await dispatcher.log.query({ limit: 10 });
  deepEqual([kept?.outcome, kept?.error], ["delivered", "the server refused b@example.org"]);
});

test("every attempt is kept, and found by what it was about", async () => {
  const scenario = new Scenario();
  await using dispatcher = await scenario.open(new MemoryDocumentStore());
  let isFirst = true;
  scenario.answer = async () => {
    if (isFirst) {
      isFirst = false;
      throw unavailable();
    }
  };
  await scenario.fire(dispatcher, "Down/a");
  await scenario.clock.advance(ms("1m"));
  const [delivered, retried, ...others] = await dispatcher.log.query({ limit: 10 });
  deepEqual(others, []);
  ok(delivered !== undefined && retried !== undefined);
  const { id, server, groupId, key, followedGroups, atMs, ...rest } = retried;
  deepEqual(rest, {
    integration: "team/webhook[0]",
    receiver: "team",
    groupKey: '{}:{alertname="Down"}',
    incident: undefined,
    reason: "first notification",
    firing: 1,
    resolved: 0,
    outcome: "retrying",
    error: "status 503",
    attempt: 1,
    durationMs: 0,
  });
  equal(atMs, START_MS + 30_000);
  deepEqual(followedGroups, [groupId]);
  equal(delivered.key, key, "of one notification");
  equal(delivered.outcome, "delivered");
  equal(delivered.attempt, 2);
  equal(delivered.server, server);
  const found = await dispatcher.log.query({ outcome: "retrying", group: groupId, limit: 10 });
  deepEqual(
    found.map((each) => each.id),
    [id],
  );
  deepEqual(await dispatcher.log.query({ receiver: "nobody", limit: 10 }), []);
  const older = await dispatcher.log.query({
    after: { sortKey: delivered.atMs, id: delivered.id },
    limit: 10,
  });
  deepEqual(
    older.map((each) => each.id),
    [id],
  );
});
