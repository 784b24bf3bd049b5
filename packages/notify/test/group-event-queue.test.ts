import { deepEqual } from "node:assert/strict";
import { test } from "node:test";
import { labelsFrom } from "@pharos/base";
import fc from "fast-check";
import { type GroupEvent, GroupEventQueue } from "../src/incidents/group-event-queue.ts";

function alerts(groupId: string, names: readonly string[], atMs = 0): GroupEvent {
  const group = { id: groupId, key: groupId, receiver: "team", labels: [] };
  const observed = names.map((name) => ({
    alert: {
      labels: labelsFrom({ alertname: name }),
      annotations: [],
      startsAtMs: atMs,
      endsAtMs: null,
      generatorUrl: "",
    },
  }));
  return { groupId, atMs, event: { kind: "alerts", group, alerts: observed } };
}

/** What waits: group, then the names of its alerts or the kind of the event. */
function taken(queue: GroupEventQueue): string[] {
  return queue.take(queue.length).map(({ groupId, event }) => `${groupId}:${namesOf(event)}`);
}

function namesOf(event: GroupEvent["event"]): string {
  if (event.kind !== "alerts") return event.kind;
  return event.alerts.map(({ alert }) => alert.labels[0]?.[1]).join("+");
}

function enqueue(queue: GroupEventQueue, event: GroupEvent): void {
  if (!queue.addsTo(event)) queue.push(event);
}

test("alerts of a group that come in pieces are kept together", () => {
  const queue = new GroupEventQueue();
  enqueue(queue, alerts("db", ["A"]));
  enqueue(queue, alerts("web", ["X"]));
  enqueue(queue, alerts("db", ["B", "C"], 5));
  deepEqual(taken(queue), ["db:A+B+C", "web:X"]);
});

test("what happened to one alert stays step by step", () => {
  const queue = new GroupEventQueue();
  enqueue(queue, alerts("db", ["A"]));
  enqueue(queue, alerts("db", ["A"], 5));
  enqueue(queue, alerts("db", ["B"], 6));
  deepEqual(taken(queue), ["db:A", "db:A+B"]);
});

test("alerts wait behind the end of the group that they may have left", () => {
  const queue = new GroupEventQueue();
  enqueue(queue, alerts("new", ["A"]));
  enqueue(queue, { groupId: "old", atMs: 1, event: { kind: "regrouped" } });
  enqueue(queue, alerts("new", ["B"]));
  deepEqual(taken(queue), ["new:A", "old:regrouped", "new:B"]);
});

test("nothing is added to what is being kept", () => {
  const queue = new GroupEventQueue();
  enqueue(queue, alerts("db", ["A"]));
  const batch = queue.take(10);
  enqueue(queue, alerts("db", ["B"]));
  queue.putBack(batch);
  enqueue(queue, alerts("db", ["C"]));
  deepEqual(taken(queue), ["db:A", "db:B+C"]);
});

test("large incidents are kept a few at a time, and one that is larger still by itself", () => {
  const queue = new GroupEventQueue();
  for (const group of ["a", "b", "c", "d"]) enqueue(queue, alerts(group, ["A"]));
  const sizes = new Map([
    ["a", 4],
    ["b", 4],
    ["c", 100],
  ]);
  const next = (): string[] =>
    queue.take(10, 10, (group) => sizes.get(group) ?? 0).map(({ groupId }) => groupId);
  deepEqual([next(), next(), next(), next()], [["a", "b"], ["c"], ["d"], []]);
});

test("of each group every alert comes out, in the order in which it went in", () => {
  const step = fc.tuple(
    fc.constantFrom("a", "b"),
    fc.array(fc.constantFrom("X", "Y", "Z"), { minLength: 1, maxLength: 3 }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
      const queue = new GroupEventQueue();
      const expected: Record<string, string[]> = { a: [], b: [] };
      for (const [groupId, names] of steps) {
        enqueue(queue, alerts(groupId, names));
        expected[groupId]?.push(...names);
      }
      const found: Record<string, string[]> = { a: [], b: [] };
      for (const { groupId, event } of queue.take(queue.length))
        if (event.kind === "alerts") found[groupId]?.push(...namesOf(event).split("+"));
      deepEqual(found, expected);
    }),
  );
});
