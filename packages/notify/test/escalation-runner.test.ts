import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { NO_ONCALL_PLAN, type OnCallPlan } from "@pharos/alert";
import { OperatingError } from "@pharos/base";
import type { DocumentStore, DocumentTransaction } from "@pharos/ports";
import { MemoryDocumentStore } from "@pharos/testing";
import {
  type Dispatcher,
  EscalationRunner,
  followIncidents,
  IncidentArchive,
  IncidentBook,
  IncidentFollower,
  type NotificationConfig,
} from "../src/index.ts";
import { config, ms, nameOf, Scenario, time, unavailable, webhook } from "./scenario.ts";
import { ProcessStore } from "./shared-store.ts";

const PEOPLE = ["ada", "lead", "vp"];

const PLAN: OnCallPlan = {
  ...NO_ONCALL_PLAN,
  contacts: new Map(PEOPLE.map((name) => [name, { name, receivers: [name] }])),
  policies: [
    {
      name: "all",
      matchers: [],
      steps: [
        { afterMs: 0, notify: [{ kind: "contact", name: "ada" }] },
        { afterMs: ms("10m"), notify: [{ kind: "contact", name: "lead" }] },
        { afterMs: ms("30m"), notify: [{ kind: "contact", name: "vp" }] },
      ],
    },
  ],
};

/** A route that tells a team, and a receiver for each person; the VP wants no resolved ones. */
function peopleConfig(): NotificationConfig {
  const base = config({ repeatIntervalMs: ms("24h") });
  const person = (name: string) => ({
    ...{ name, labels: [] },
    integrations: [webhook({ sendResolved: name !== "vp" })],
  });
  return { ...base, receivers: [...base.receivers, ...PEOPLE.map(person)] };
}

/** All of one server, as it is connected there. */
async function server(scenario: Scenario, store: DocumentStore, heard: string[]) {
  const { clock } = scenario;
  const onProblem = (error: OperatingError): void => void scenario.problems.push(error);
  let known: Dispatcher | undefined;
  const book = await IncidentBook.open({
    ...{ store, clock, currentAlerts: (groupId) => known?.alertsOf(groupId) },
    onProblem,
  });
  const dispatcher = await scenario.open(store, peopleConfig(), {
    observer: new IncidentFollower(book),
    createReceiver: (_, receiver) => ({
      send: async (outgoing, signal) => {
        await scenario.answer(outgoing, signal);
        const { alerts, context } = outgoing.notification;
        const names = alerts.map(
          ({ labels, endsAtMs }) => `${endsAtMs === null ? "+" : "-"}${nameOf(labels)}`,
        );
        const step = context?.escalation?.step;
        const how = step === undefined ? "" : ` (step ${step})`;
        heard.push(`${time(clock.nowMs())} ${receiver}: ${names.join(" ")}${how}`);
        return {};
      },
    }),
  });
  known = dispatcher;
  const following = followIncidents(book, dispatcher);
  const runner = await EscalationRunner.open({
    ...{ store, clock, book, dispatcher, onProblem },
    plan: () => PLAN,
    isReachable: (receiver) => PEOPLE.includes(receiver),
    contextOf: ({ id, status }) => ({ incident: { id, status, url: `http://x/${id}` } }),
  });
  return {
    book,
    dispatcher,
    runner,
    fire: (...names: string[]) => scenario.fire(dispatcher, ...names),
    resolve: (...names: string[]) => scenario.resolve(dispatcher, ...names),
    async acknowledge(lasting: string) {
      await book.settled();
      const id = book.live()[0]?.id ?? "";
      const untilMs = clock.nowMs() + ms(lasting);
      await book.act(id, { kind: "acknowledge", by: "ada", comment: "", untilMs });
    },
    async [Symbol.asyncDispose]() {
      following[Symbol.dispose]();
      await runner[Symbol.asyncDispose]();
      await dispatcher[Symbol.asyncDispose]();
      await book[Symbol.asyncDispose]();
    },
  };
}

const isPage = (line: string): boolean => !line.includes(" team:");

test("nobody acknowledges: each step is told in time, and who was told hears of the end", async () => {
  const scenario = new Scenario();
  const store = new MemoryDocumentStore();
  const heard: string[] = [];
  await using world = await server(scenario, store, heard);
  await world.fire("Down/a");
  await scenario.clock.advance(ms("2h"));
  await world.resolve("Down/a");
  await scenario.clock.advance(ms("1h"));
  deepEqual(heard.filter(isPage), [
    "0s ada: +Down/a (step 1)",
    "10m lead: +Down/a (step 2)",
    "30m vp: +Down/a (step 3)",
    "2h ada: -Down/a",
    "2h lead: -Down/a",
  ]);
  const archive = new IncidentArchive({ store, onProblem: () => {} });
  const id =
    (await archive.list({ minMs: 0, maxMs: 8.64e15, matcherLists: [], limit: 1 })).items[0]?.id ??
    "";
  const timeline = await archive.timeline(id, { limit: 100 });
  const told = timeline.items.filter(({ kind }) => kind === "escalated");
  deepEqual(told.map(({ detail }) => [detail["targets"], detail["reason"]]).sort(), [
    [["ada"], "not acknowledged"],
    [["lead"], "not acknowledged within 10m"],
    [["vp"], "not acknowledged within 30m"],
  ]);
  deepEqual(scenario.problems, []);
  deepEqual(world.runner.stats(), {
    ...{ moves: 4, pages: 3, failures: 0, oldestDueMs: undefined },
  });
});

test("an acknowledgement stops it, also a page that is on its way; when it runs out, it begins anew", async () => {
  const scenario = new Scenario();
  const heard: string[] = [];
  await using world = await server(scenario, new MemoryDocumentStore(), heard);
  await world.fire("Down/a");
  await scenario.clock.advance(ms("9m"));
  scenario.answer = async () => {
    throw unavailable();
  };
  await scenario.clock.advance(ms("1m30s"));
  await world.acknowledge("1h");
  scenario.answer = async () => {};
  await scenario.clock.advance(ms("59m"));
  deepEqual(heard.filter(isPage), ["0s ada: +Down/a (step 1)"]);
  await scenario.clock.advance(ms("12m"));
  deepEqual(heard.filter(isPage).slice(1), [
    "1h10m30s ada: +Down/a (step 1)",
    "1h20m30s lead: +Down/a (step 2)",
  ]);
});

test("a page that is tried again is not sent any more once all that it tells is over", async () => {
  const scenario = new Scenario();
  const heard: string[] = [];
  await using world = await server(scenario, new MemoryDocumentStore(), heard);
  scenario.answer = async () => {
    throw unavailable();
  };
  await world.fire("Down/a");
  await scenario.clock.advance(ms("2s"));
  await world.resolve("Down/a");
  scenario.answer = async () => {};
  await scenario.clock.advance(ms("2h"));
  deepEqual(
    heard.filter((line) => line.includes("+")),
    [],
  );
});

test("after a crash no step is left out and none is told twice", async () => {
  const scenario = new Scenario();
  const heard: string[] = [];
  const store = new MemoryDocumentStore();
  let dying: MemoryDocumentStore | undefined;
  {
    await using world = await server(scenario, store, heard);
    await world.fire("Down/a");
    await scenario.clock.advance(ms("10m"));
    dying = store.kill();
  }
  await scenario.clock.advance(ms("15m"));
  await using world = await server(scenario, dying, heard);
  await world.fire("Down/a");
  await scenario.clock.advance(ms("30m"));
  deepEqual(heard.filter(isPage), [
    "0s ada: +Down/a (step 1)",
    "10m lead: +Down/a (step 2)",
    "30m vp: +Down/a (step 3)",
  ]);
});

test("those who were called hear of the end also where the process died before it told them", async () => {
  const scenario = new Scenario();
  const heard: string[] = [];
  const store = new MemoryDocumentStore();
  let next: MemoryDocumentStore | undefined;
  {
    await using world = await server(scenario, store, heard);
    await world.fire("Down/a");
    await scenario.clock.advance(ms("1m"));
    scenario.answer = async () => {
      throw unavailable();
    };
    await world.resolve("Down/a");
    await world.book.settled();
    next = store.kill();
  }
  scenario.answer = async () => {};
  await using _world = await server(scenario, next, heard);
  await scenario.clock.advance(ms("10m"));
  equal(heard.filter((line) => line.endsWith("ada: -Down/a")).length, 1);
});

test("of several servers on one store one takes each step", async () => {
  const scenario = new Scenario();
  const heard: string[] = [];
  const database = new MemoryDocumentStore();
  await using one = await server(scenario, new ProcessStore(database, true), heard);
  await using other = await server(scenario, new ProcessStore(database, true), heard);
  for (let minutes = 0; minutes < 45; minutes++) {
    // As rules do on each of them.
    for (const { dispatcher } of [one, other])
      await dispatcher.update([scenario.alert("Down/a", "fires", 1_700_000_000_000)]);
    await scenario.clock.advance(ms("1m"));
  }
  const pages = heard.filter(isPage).map((line) => line.split(" ")[1]);
  deepEqual(pages, ["ada:", "lead:", "vp:"]);
});

test("in a storm the escalations of many incidents are kept together, each page once", async () => {
  const scenario = new Scenario();
  const store = new CountingStore();
  const heard: string[] = [];
  await using world = await server(scenario, store, heard);
  const names = Array.from({ length: 70 }, (_, i) => `Down${i}/a`);
  await world.fire(...names);
  await scenario.clock.advance(ms("1s"));
  deepEqual(heard.sort(), names.map((name) => `0s ada: +${name} (step 1)`).sort());
  ok(store.togetherMax >= 20, `${store.togetherMax} at the same time`);
  heard.length = 0;
  store.togetherMax = 0;
  await world.resolve(...names);
  await scenario.clock.advance(ms("1s"));
  deepEqual(heard.sort(), names.map((name) => `1s ada: -${name}`).sort());
  ok(store.togetherMax >= 20, `${store.togetherMax} at the same time`);
  deepEqual(scenario.problems, []);
});

/** Counts transactions that are under way at the same time. */
class CountingStore extends MemoryDocumentStore {
  togetherMax = 0;
  #together = 0;

  override async transaction<T>(work: (tx: DocumentTransaction) => Promise<T>): Promise<T> {
    this.togetherMax = Math.max(this.togetherMax, ++this.#together);
    try {
      return await super.transaction(work);
    } finally {
      this.#together--;
    }
  }
}

test("where the store fails, people are called all the same", async () => {
  const scenario = new Scenario();
  const heard: string[] = [];
  const store = new ProcessStore(new MemoryDocumentStore(), false);
  await using world = await server(scenario, store, heard);
  store.beforeCommit = () => {
    throw new OperatingError("disk.full", "no space left");
  };
  await world.fire("Down/a");
  await scenario.clock.advance(ms("45m"));
  deepEqual(
    heard.filter(isPage).map((line) => line.split(" ")[1]),
    ["ada:", "lead:", "vp:"],
  );
  ok(scenario.problems.length > 0);
  const { pages, failures } = world.runner.stats();
  equal(pages, 3);
  ok(failures > 0, "that the first move could not be kept");
  store.beforeCommit = () => {};
});
