import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { MemoryDocumentStore } from "@pharos/testing";
import {
  followIncidents,
  type IncidentAction,
  IncidentArchive,
  IncidentBook,
  IncidentFollower,
} from "../src/index.ts";
import { ms, Scenario } from "./scenario.ts";

/** A dispatcher and the incidents that follow its groups, as the server connects them. */
async function connected() {
  const scenario = new Scenario();
  const { clock } = scenario;
  const store = new MemoryDocumentStore();
  const book = await IncidentBook.open({
    ...{ store, clock, currentAlerts: (groupId) => dispatcher.alertsOf(groupId) },
    onProblem: (error) => scenario.problems.push(error),
  });
  const dispatcher = await scenario.open(store, undefined, {
    observer: new IncidentFollower(book),
  });
  followIncidents(book, dispatcher);
  return {
    scenario,
    book,
    dispatcher,
    archive: new IncidentArchive({ store, onProblem: (error) => scenario.problems.push(error) }),
    fire: (...names: string[]) => scenario.fire(dispatcher, ...names),
    resolve: (...names: string[]) => scenario.resolve(dispatcher, ...names),
    wait: (text: string) => clock.advance(ms(text)),
    async act(kind: IncidentAction["kind"], lasting?: string) {
      await book.settled();
      const open = book.live().find(({ status }) => status !== "resolved");
      const said = { by: "ann", comment: "" };
      const untilMs = lasting === undefined ? null : clock.nowMs() + ms(lasting);
      await book.act(open?.id ?? "", { kind, untilMs, ...said });
    },
    async [Symbol.asyncDispose]() {
      await dispatcher[Symbol.asyncDispose]();
      await book[Symbol.asyncDispose]();
    },
  };
}

test("nobody is told of what is acknowledged, but that it is over", async () => {
  await using world = await connected();
  await world.fire("Down/a");
  await world.wait("1m");
  await world.act("acknowledge");
  await world.fire("Down/b");
  await world.wait("9h");
  await world.resolve("Down/a", "Down/b");
  await world.wait("10m");
  deepEqual(world.scenario.sent.slice(0, 1), ["30s first notification: +Down/a"]);
  equal(world.scenario.sent.length, 2);
  equal(world.scenario.sent[1]?.includes("all alerts resolved: -Down/a"), true);
  deepEqual(world.scenario.problems, []);
});

test("when an acknowledgement runs out, who was told is told again at once", async () => {
  await using world = await connected();
  await world.fire("Down/a");
  await world.wait("1m");
  await world.act("acknowledge", "1h");
  await world.wait("59m59s");
  equal(world.scenario.sent.length, 1, "not before");
  await world.wait("2m");
  deepEqual(world.scenario.sent, [
    "30s first notification: +Down/a",
    "1h1m repeat interval elapsed: +Down/a",
  ]);
});

test("an acknowledgement that is taken back has people told again, too", async () => {
  await using world = await connected();
  await world.fire("Down/a");
  await world.wait("1m");
  await world.act("acknowledge");
  await world.wait("9m");
  await world.act("unacknowledge");
  await world.wait("1m");
  equal(world.scenario.sent.at(-1), "10m repeat interval elapsed: +Down/a");
});

test("an incident that a person resolved is quiet until its alert fires anew", async () => {
  await using world = await connected();
  await world.fire("Down/a");
  await world.wait("1m");
  await world.act("resolve");
  await world.wait("9h");
  equal(world.scenario.sent.length, 1);
  await world.resolve("Down/a");
  await world.wait("10m");
  await world.fire("Down/a");
  await world.wait("10m");
  equal(world.scenario.sent.at(-1)?.endsWith("first notification: +Down/a"), true);
});

test("of a group's incidents, each has the notifications from its beginning to the next one's", async () => {
  await using world = await connected();
  for (const _ of ["first", "second"]) {
    await world.fire("Down/a");
    await world.wait("10m");
    await world.resolve("Down/a");
    await world.wait("9h");
  }
  const { archive, dispatcher } = world;
  const { items } = await archive.list({ minMs: 0, maxMs: Number.MAX_VALUE, limit: 10 });
  const [second, first, ...others] = items;
  if (second === undefined || first === undefined) throw new Error("there are not two incidents");
  deepEqual(others, []);
  const reasonsOf = async (incident: typeof first) => {
    const attempts = await archive.attemptsOf(incident);
    const found = await dispatcher.log.query({ ...attempts, limit: 100 });
    equal(
      found.every(({ atMs }) => atMs >= incident.openedAtMs),
      true,
    );
    return found.map(({ firing, resolved }) => [firing, resolved]).toReversed();
  };
  const told = [
    [1, 0],
    [0, 1],
  ];
  deepEqual([await reasonsOf(first), await reasonsOf(second)], [told, told]);

  const attempts = await dispatcher.log.query({ limit: 100 });
  const ids = [second.id, second.id, first.id, first.id];
  deepEqual(await archive.incidentsOf(attempts), ids, "and each notification its incident");
  deepEqual(await archive.incidentsOf(attempts.toReversed()), ids.toReversed());
  const before = attempts.map((attempt) => ({ ...attempt, atMs: first.openedAtMs - 1 }));
  deepEqual(
    await archive.incidentsOf(before),
    ids.map(() => undefined),
  );
  const page = attempts.slice(0, 1).map((attempt) => ({ ...attempt, incident: "of-a-page" }));
  deepEqual(await archive.incidentsOf(page), ["of-a-page"]);
});
