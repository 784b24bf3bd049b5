import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { fingerprint, groupKey, type RouteParts } from "@pharos/alert";
import { createMatcher, labelsFrom, OperatingError, seededRng } from "@pharos/base";
import { MemoryDocumentStore } from "@pharos/testing";
import {
  DeliveryError,
  type DispatchObserver,
  type NotificationConfig,
  type PageRequest,
  type SeenAlert,
} from "../src/index.ts";
import {
  config,
  labelsOf,
  ms,
  nameOf,
  Scenario,
  START_MS,
  said,
  time,
  unavailable,
  webhook,
} from "./scenario.ts";
import { ProcessStore } from "./shared-store.ts";

/** Names another server than the scenario's own would. */
const OTHER_RNG = seededRng(2);

/** A tree over receivers that have a webhook each. */
function tree(
  routes: readonly RouteParts[],
  receivers: readonly string[],
  change: Partial<NotificationConfig> = {},
): NotificationConfig {
  const base = config({ routes });
  const others = receivers.map((name) => ({ name, labels: [], integrations: [webhook()] }));
  return { ...base, receivers: [...base.receivers, ...others], ...change };
}

const DOWN = createMatcher("=", "alertname", "Down");
const SLOW = createMatcher("=", "alertname", "Slow");

/** A scenario that names the receiver with what it was sent. */
class TreeScenario extends Scenario {
  readonly heard: string[] = [];

  constructor() {
    super();
    this.answer = async (outgoing) => {
      const { receiver, groupKey: key } = outgoing.notification;
      this.heard.push(`${time(this.clock.nowMs())} ${receiver} ${key}: ${said(outgoing)}`);
    };
  }
}

test("an alert goes to every route that the tree says, each with its own groups and times", async () => {
  const scenario = new TreeScenario();
  const notifications = tree(
    [
      { matchers: [DOWN], receiver: "first", groupWaitMs: 10_000, continues: true },
      { matchers: [DOWN], receiver: "second", groupBy: "all" },
      { matchers: [DOWN], receiver: "third" },
    ],
    ["first", "second", "third"],
  );
  await using dispatcher = await scenario.open(new MemoryDocumentStore(), notifications);
  await scenario.fire(dispatcher, "Down/a", "Down/b", "Slow/a");
  await scenario.clock.advance(ms("1m"));
  deepEqual(scenario.heard, [
    '10s first {}/{alertname="Down"}:{alertname="Down"}: +Down/a +Down/b',
    '30s second {}/{alertname="Down"}:{alertname="Down", instance="a"}: +Down/a',
    '30s second {}/{alertname="Down"}:{alertname="Down", instance="b"}: +Down/b',
    '30s team {}:{alertname="Slow"}: +Slow/a',
  ]);
  const [status] = dispatcher.alerts().filter(({ alert }) => nameOf(alert.labels) === "Down/a");
  deepEqual(status?.receivers, ["first", "second"]);
  equal(status?.state, "active");
  // As Alertmanager lists groups: those with fewer labels first.
  deepEqual(
    dispatcher.groups().map(({ labels }) => labels.map(([, value]) => value).join("/")),
    ["Down", "Slow", "Down/a", "Down/b"],
  );
});

test("two routes with the same key have groups and records of their own", async () => {
  const scenario = new TreeScenario();
  const twice = { matchers: [DOWN], receiver: "first" };
  const notifications = tree([{ ...twice, continues: true }, twice], ["first"]);
  await using dispatcher = await scenario.open(new MemoryDocumentStore(), notifications);
  await scenario.fire(dispatcher, "Down/a");
  await scenario.clock.advance(ms("20m"));
  equal(scenario.heard.length, 2);
  equal(dispatcher.groups().length, 2);
});

test("an inhibited alert is not told while its source fires, and is when that is over", async () => {
  const scenario = new TreeScenario();
  const rule = {
    name: "",
    sources: [{ matchers: [DOWN], equal: ["instance"] }],
    targetMatchers: [SLOW],
  };
  const notifications = tree([], [], { inhibitRules: [rule] });
  await using dispatcher = await scenario.open(new MemoryDocumentStore(), notifications);
  await scenario.fire(dispatcher, "Down/a", "Slow/a", "Slow/b");
  await scenario.clock.advance(ms("1m"));
  const slow = dispatcher.alerts().find(({ alert }) => nameOf(alert.labels) === "Slow/a");
  const down = dispatcher.alerts().find(({ alert }) => nameOf(alert.labels) === "Down/a");
  equal(slow?.state, "suppressed");
  deepEqual(slow?.inhibitedBy, [down?.fingerprint]);
  await scenario.resolve(dispatcher, "Down/a");
  await scenario.clock.advance(ms("5m"));
  deepEqual(
    scenario.heard.filter((line) => line.includes("Slow")),
    [
      '30s team {}:{alertname="Slow"}: +Slow/b',
      '5m30s team {}:{alertname="Slow"}: +Slow/a +Slow/b',
    ],
  );
});

test("a route at a muted time tells nothing, and what fires on is told afterwards", async () => {
  const scenario = new TreeScenario();
  const now = new Date(START_MS);
  const minute = now.getUTCHours() * 60 + now.getUTCMinutes();
  const times = [{ startMinute: minute, endMinute: minute + 12 }];
  const timeIntervals = new Map([["deploy", [{ times }]]]);
  const notifications = tree(
    [{ matchers: [DOWN], receiver: "first", muteTimeIntervals: ["deploy"] }],
    ["first"],
    { timeIntervals },
  );
  await using dispatcher = await scenario.open(new MemoryDocumentStore(), notifications);
  await scenario.fire(dispatcher, "Down/a", "Slow/a");
  await scenario.clock.advance(ms("1m"));
  deepEqual(
    dispatcher.groups().map(({ labels, mutedBy }) => [labels[0]?.[1], mutedBy]),
    [
      ["Down", ["deploy"]],
      ["Slow", []],
    ],
  );
  await scenario.clock.advance(ms("19m"));
  deepEqual(scenario.heard, [
    '30s team {}:{alertname="Slow"}: +Slow/a',
    '15m30s first {}/{alertname="Down"}:{alertname="Down"}: +Down/a',
  ]);
});

test("outside its active times a route tells nothing", async () => {
  const scenario = new TreeScenario();
  const timeIntervals = new Map([["never", [{ years: [{ begin: 1990, end: 1990 }] }]]]);
  const notifications = tree(
    [{ matchers: [DOWN], receiver: "first", activeTimeIntervals: ["never"] }],
    ["first"],
    { timeIntervals },
  );
  await using dispatcher = await scenario.open(new MemoryDocumentStore(), notifications);
  await scenario.fire(dispatcher, "Down/a");
  await scenario.clock.advance(ms("1h"));
  deepEqual(scenario.heard, []);
  deepEqual(dispatcher.alerts()[0]?.mutedBy, ["never"]);
});

test("a silenced alert is not told, nor its end; when it fires again without the silence, that is news", async () => {
  const scenario = new TreeScenario();
  const silenced = new Set<string>();
  await using dispatcher = await scenario.open(new MemoryDocumentStore(), config(), {
    silencedBy: (labels) => (silenced.has(nameOf(labels)) ? ["s1"] : []),
  });
  await scenario.fire(dispatcher, "Down/a");
  await scenario.clock.advance(ms("1m"));
  silenced.add("Down/a");
  deepEqual(dispatcher.alerts()[0]?.silencedBy, ["s1"]);
  await scenario.resolve(dispatcher, "Down/a");
  await scenario.clock.advance(ms("10m"));
  silenced.clear();
  await scenario.fire(dispatcher, "Down/a");
  await scenario.clock.advance(ms("10m"));
  deepEqual(scenario.heard, [
    '30s team {}:{alertname="Down"}: +Down/a',
    '11m30s team {}:{alertname="Down"}: +Down/a',
  ]);
});

/** An observer that writes down what it sees, and holds what is told to. */
class Watcher implements DispatchObserver {
  readonly seen: string[] = [];
  readonly held = new Set<string>();

  alertsSeen(group: { readonly key: string }, alerts: readonly SeenAlert[]): readonly [] {
    const texts = alerts.map(({ alert, suppressedBy }) => {
      const state = alert.endsAtMs === null ? "+" : "-";
      return `${state}${nameOf(alert.labels)}${suppressedBy === undefined ? "" : `(${suppressedBy})`}`;
    });
    this.seen.push(`${group.key} ${texts.join(" ")}`);
    return [];
  }

  attempted(_groupId: string, { outcome }: { readonly outcome: string }): readonly [] {
    this.seen.push(outcome);
    return [];
  }

  regrouped(groupIds: readonly string[]): readonly [] {
    this.seen.push(`${groupIds.length} gone`);
    return [];
  }

  heldBecause(
    _groupId: string,
    _fingerprint: string,
    labels: Parameters<DispatchObserver["heldBecause"]>[2],
  ): "acknowledged" | undefined {
    return this.held.has(nameOf(labels)) ? "acknowledged" : undefined;
  }
}

test("an acknowledged alert is not told again, what resolves beside it waits, and the end is told", async () => {
  const scenario = new TreeScenario();
  const observer = new Watcher();
  const notifications = config({ repeatIntervalMs: ms("10m") });
  await using dispatcher = await scenario.open(new MemoryDocumentStore(), notifications, {
    observer,
  });
  await scenario.fire(dispatcher, "Down/a", "Down/b");
  await scenario.clock.advance(ms("1m"));
  observer.held.add("Down/a").add("Down/b");
  await scenario.resolve(dispatcher, "Down/b");
  await scenario.clock.advance(ms("1h"));
  equal(scenario.heard.length, 1);
  await scenario.resolve(dispatcher, "Down/a");
  await scenario.clock.advance(ms("5m"));
  deepEqual(scenario.heard.slice(1), ['1h5m30s team {}:{alertname="Down"}: -Down/a -Down/b']);
});

test("an alert that nobody has acknowledged is told without those that somebody has", async () => {
  const scenario = new TreeScenario();
  const observer = new Watcher();
  await using dispatcher = await scenario.open(new MemoryDocumentStore(), config(), { observer });
  await scenario.fire(dispatcher, "Down/a");
  await scenario.clock.advance(ms("1m"));
  observer.held.add("Down/a");
  await scenario.fire(dispatcher, "Down/b");
  await scenario.clock.advance(ms("5m"));
  deepEqual(scenario.heard.slice(1), ['5m30s team {}:{alertname="Down"}: +Down/b']);
});

test("what is acknowledged between two attempts is not sent any more", async () => {
  const scenario = new TreeScenario();
  const observer = new Watcher();
  let attemptCount = 0;
  scenario.answer = async () => {
    attemptCount++;
    observer.held.add("Down/a");
    throw unavailable();
  };
  await using dispatcher = await scenario.open(new MemoryDocumentStore(), config(), { observer });
  await scenario.fire(dispatcher, "Down/a");
  await scenario.clock.advance(ms("20m"));
  equal(attemptCount, 1);
  equal(dispatcher.stats().outbox, 0);
});

test("whoever follows groups hears of alerts as they change, of flushes, and of attempts", async () => {
  const scenario = new TreeScenario();
  const observer = new Watcher();
  await using dispatcher = await scenario.open(new MemoryDocumentStore(), config(), { observer });
  await scenario.fire(dispatcher, "Down/a");
  await scenario.clock.advance(ms("1m"));
  await scenario.resolve(dispatcher, "Down/a");
  await dispatcher.apply(config({ groupBy: ["instance"] }));
  deepEqual(observer.seen, [
    '{}:{alertname="Down"} +Down/a',
    '{}:{alertname="Down"} +Down/a()',
    "delivered",
    '{}:{alertname="Down"} -Down/a',
    "1 gone",
    '{}:{instance="a"} -Down/a',
    '{}:{instance="a"} -Down/a()',
  ]);
});

test("after a reload that groups otherwise, whoever heard that an alert fires hears that it is over", async () => {
  const scenario = new TreeScenario();
  await using dispatcher = await scenario.open(new MemoryDocumentStore());
  await scenario.fire(dispatcher, "Down/a");
  await scenario.clock.advance(ms("1m"));
  await scenario.resolve(dispatcher, "Down/a");
  await dispatcher.apply(config({ groupBy: ["instance"] }));
  await scenario.clock.advance(ms("5m"));
  deepEqual(scenario.heard.slice(1), ['1m team {}:{instance="a"}: -Down/a']);
});

const PAGE: PageRequest = {
  id: "incident 1, step 1",
  receivers: ["team"],
  groupKey: groupKey({ key: "{}" }, labelsFrom({ alertname: "Down" })),
  groupLabels: labelsFrom({ alertname: "Down" }),
  routeLabels: [],
  reason: "first notification",
  alerts: [
    {
      labels: labelsOf("Down/a"),
      annotations: [],
      startsAtMs: START_MS,
      endsAtMs: null,
      generatorUrl: "",
    },
  ],
  contextFor: () => ({
    escalation: { policy: "ops", step: 1, reason: "not acknowledged within 10m" },
  }),
  followedGroup: "a group",
  giveUpAtMs: START_MS + ms("30m"),
};

test("a page is sent once however often it is asked for, also after a crash, together with what is kept beside it", async () => {
  const scenario = new Scenario();
  const store = new MemoryDocumentStore();
  const keys: string[] = [];
  scenario.answer = async ({ idempotencyKey }) => {
    keys.push(idempotencyKey);
  };
  const dead = await scenario.open(store);
  const beside = { collection: "beside", id: "1", document: { id: "1", body: "kept", sortKey: 0 } };
  await dead.page(PAGE, async () => [beside]);
  equal((await store.read((reader) => reader.get("beside", "1")))?.body, "kept");
  const next = store.kill(); // Before it is known that it was sent.
  await dead[Symbol.asyncDispose]();
  await using dispatcher = await scenario.open(next);
  await dispatcher.page(PAGE);
  await scenario.clock.advance(ms("1h"));
  deepEqual(keys, [keys[0], keys[0]]);
  const [delivery] = await dispatcher.log.query({ group: "a group", limit: 10 });
  equal(delivery?.outcome, "delivered");
  await rejects(dispatcher.page({ ...PAGE, id: "2", receivers: ["nobody"] }), {
    code: "not_found",
  });
});

test("a page that could not be kept is sent all the same, and outlives a crash once the store works again", async () => {
  const scenario = new Scenario();
  const store = new MemoryDocumentStore();
  const keys: string[] = [];
  scenario.answer = async ({ idempotencyKey }) => {
    keys.push(idempotencyKey);
    throw unavailable();
  };
  const dead = await scenario.open(store);
  store.beforeCommit = () => {
    throw new OperatingError("disk.full", "no space left");
  };
  await dead.page(PAGE);
  await scenario.clock.advance(0);
  equal(keys.length, 1);
  store.beforeCommit = () => {};
  await scenario.fire(dead, "Slow/a");
  const next = store.kill();
  await dead[Symbol.asyncDispose]();
  await using _ = await scenario.open(next);
  await scenario.clock.advance(0);
  deepEqual(keys, [keys[0], keys[0]]);
});

test("a page is tried until it is given up, and not any more once somebody is at it", async () => {
  const scenario = new TreeScenario();
  const observer = new Watcher();
  const attemptsAtMs: number[] = [];
  scenario.answer = async () => {
    attemptsAtMs.push(scenario.clock.nowMs());
    throw unavailable();
  };
  const circuit = { failuresMax: 1000, openMs: 1 };
  await using dispatcher = await scenario.open(new MemoryDocumentStore(), config(), {
    observer,
    circuit,
  });
  await dispatcher.page(PAGE);
  await dispatcher.page({ ...PAGE, id: "another" });
  scenario.clock.jumpWall(ms("2h")); // Gives up nobody.
  await scenario.clock.advance(ms("10m"));
  ok(attemptsAtMs.length > 24, "about once a minute, each");
  observer.held.add("Down/a");
  const before = attemptsAtMs.length;
  await scenario.clock.advance(ms("1h"));
  equal(attemptsAtMs.length, before);
  equal(dispatcher.stats().outbox, 0);
});

test("what helps is found out before the first attempt, and a notification goes out without it where that takes too long", async () => {
  const scenario = new Scenario();
  const contexts: unknown[] = [];
  scenario.answer = async ({ notification }) => {
    contexts.push(notification.context);
  };
  await using dispatcher = await scenario.open(new MemoryDocumentStore(), config(), {
    enrich: async ({ labels }, alerts, signal) => {
      if (labels.some(([, value]) => value === "Slow"))
        await scenario.clock.sleep(Number.POSITIVE_INFINITY, signal);
      return { population: { affected: alerts.length, total: 9, label: "hosts" } };
    },
  });
  await scenario.fire(dispatcher, "Down/a", "Slow/a");
  await scenario.clock.advance(ms("1m"));
  deepEqual(contexts, [{ population: { affected: 1, total: 9, label: "hosts" } }, undefined]);
  deepEqual(scenario.sent.length, 2);
  equal(scenario.sent[1]?.slice(0, 3), "32s");
});

test("what a receipt keeps comes with the group's next notification, after a restart too", async () => {
  const scenario = new Scenario();
  const states: unknown[] = [];
  scenario.answer = async ({ state }) => {
    states.push(state);
  };
  scenario.receipt = { state: { thread: "1700.1" } };
  const store = new MemoryDocumentStore();
  const dead = await scenario.open(store);
  await scenario.fire(dead, "Down/a");
  await scenario.clock.advance(ms("1m"));
  const next = store.kill();
  await dead[Symbol.asyncDispose]();
  await using dispatcher = await scenario.open(next);
  await scenario.fire(dispatcher, "Down/a", "Down/b");
  await scenario.clock.advance(ms("10m"));
  deepEqual(states, [undefined, { thread: "1700.1" }]);
});

test("of two servers on one store one tells, and what a dead one has leased the other sends under the same key", async () => {
  const scenario = new Scenario();
  const keys: string[] = [];
  let isFirst = true;
  scenario.answer = async ({ idempotencyKey }, signal) => {
    keys.push(idempotencyKey);
    if (!isFirst) return;
    isFirst = false;
    await scenario.clock.sleep(Number.POSITIVE_INFINITY, signal); // Until its server is dead.
  };
  const database = new MemoryDocumentStore();
  const stores = [new ProcessStore(database, true), new ProcessStore(database, true)] as const;
  const dead = await scenario.open(stores[0], config());
  await using alive = await scenario.open(stores[1], config(), {
    rng: OTHER_RNG,
  });
  for (const dispatcher of [dead, alive]) await scenario.fire(dispatcher, "Down/a");
  await scenario.clock.advance(ms("31s"));
  equal(keys.length, 1);
  stores[0].kill();
  await dead[Symbol.asyncDispose]();
  await scenario.clock.advance(ms("20s"));
  equal(keys.length, 2);
  equal(keys[0], keys[1]);
  equal(scenario.sent.length, 1);
  await scenario.clock.advance(ms("1h"));
  equal(scenario.sent.length, 1, "and nobody tells it again");
});

test("a server whose lease ran out while it waited does not send what another has sent meanwhile", async () => {
  const scenario = new Scenario();
  const attempts: string[] = [];
  let isFirst = true;
  scenario.answer = async ({ idempotencyKey }) => {
    attempts.push(`${time(scenario.clock.nowMs())} ${idempotencyKey}`);
    if (!isFirst) return;
    isFirst = false;
    throw new DeliveryError("notify.unavailable", "status 429", { retryAfterMs: ms("4m") });
  };
  const database = new MemoryDocumentStore();
  const notifications = config({ groupIntervalMs: ms("1h") });
  const stores = [new ProcessStore(database, true), new ProcessStore(database, true)] as const;
  await using one = await scenario.open(stores[0], notifications);
  await using other = await scenario.open(stores[1], notifications, { rng: OTHER_RNG });
  for (const dispatcher of [one, other]) await scenario.fire(dispatcher, "Down/a");
  await scenario.clock.advance(ms("1m"));
  // The first one does not get at the store for a while.
  stores[0].beforeCommit = () => {
    if (scenario.clock.nowMs() < START_MS + ms("4m"))
      throw new OperatingError("database.unavailable", "no route to host");
  };
  await scenario.clock.advance(ms("49m"));
  equal(attempts.length, 2, "one before, and one by whoever took it over");
  equal(new Set(attempts.map((line) => line.split(" ")[1])).size, 1);
  equal(one.stats().outbox + other.stats().outbox, 0);
});

test("an alert that was posted to one server is known to the other, and outlives the first", async () => {
  const scenario = new Scenario();
  const database = new MemoryDocumentStore();
  const stores = [new ProcessStore(database, true), new ProcessStore(database, true)] as const;
  const dead = await scenario.open(stores[0]);
  await using alive = await scenario.open(stores[1], config(), {
    rng: OTHER_RNG,
  });
  const posted = { labels: labelsOf("Down/a"), annotations: [], generatorUrl: "" };
  await dead.post([posted]);
  await scenario.clock.advance(ms("1s"));
  equal(alive.alerts().length, 1);
  stores[0].kill();
  await dead[Symbol.asyncDispose]();
  await scenario.clock.advance(ms("20m"));
  deepEqual(scenario.sent, [
    "30s first notification: +Down/a",
    "5m30s all alerts resolved: -Down/a",
  ]);
});

test("documents of the first version are read: alerts, what was told, and what waits", async () => {
  const scenario = new Scenario();
  const store = new MemoryDocumentStore();
  const labels = [["alertname", "Down"]] as const;
  const alert = (name: string) => ({
    labels: labelsOf(name),
    annotations: [],
    startsAtMs: START_MS - 60_000,
    endsAtMs: null,
    generatorUrl: "",
  });
  const id = '{}:{alertname="Down"}';
  const told = {
    integration: "team/webhook[0]",
    firing: [fingerprint(labelsOf("Down/a"))],
    resolved: [],
    timestampMs: START_MS - 1000,
  };
  await store.transaction(async (tx) => {
    await tx.put("alert_groups", {
      id,
      body: {
        version: 1,
        labels,
        flushed: true,
        nextFlushMs: START_MS + 60_000,
        alerts: [alert("Down/a")],
        records: [told],
      },
      sortKey: 0,
    });
    await tx.put("notification_outbox", {
      id: "old key",
      body: {
        version: 1,
        integration: "team/webhook[0]",
        receiver: "team",
        groupKey: id,
        groupLabels: labels,
        reason: "first notification",
        alerts: [alert("Down/a")],
        recordBefore: null,
        createdAtMs: START_MS,
      },
      sortKey: START_MS,
    });
  });
  await using dispatcher = await scenario.open(store);
  deepEqual(scenario.problems, []);
  await scenario.clock.advance(ms("2m"));
  deepEqual(
    scenario.sent.map((line) => line.split(":")[0]),
    ["0s first notification"],
  );
  equal(await store.read((reader) => reader.get("alert_groups", id)), undefined);
  equal(dispatcher.groups().length, 1);
});
