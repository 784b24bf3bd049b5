import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { createMatcher, labelsFrom } from "@pharos/base";
import { MemoryDocumentStore, SimClock } from "@pharos/testing";
import {
  ALERT_HISTORY_COLLECTION,
  AlertHistory,
  type AlertTransitionRecord,
} from "../src/incidents/alert-history.ts";
import { HistorySweeper, sweepStep } from "../src/incidents/counted-history.ts";
import { formatCursor, parseCursor } from "../src/incidents/newest-first.ts";

const EVER = { minMs: 0, maxMs: Number.MAX_SAFE_INTEGER, limit: 1000 };

function record(atMs: number, change: Partial<AlertTransitionRecord> = {}): AlertTransitionRecord {
  return {
    rule: "Down",
    ruleGroup: "rules.yml;api",
    labels: labelsFrom({ alertname: "Down", instance: `i${atMs % 3}` }),
    from: "pending",
    to: "firing",
    atMs,
    value: 0,
    ...change,
  };
}

async function storeWith(records: readonly AlertTransitionRecord[]): Promise<MemoryDocumentStore> {
  const store = new MemoryDocumentStore();
  await store.transaction((tx) => AlertHistory.append(tx, records));
  return store;
}

const times = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => record(from + i));

async function kept(store: MemoryDocumentStore): Promise<number[]> {
  const { items } = await new AlertHistory(store).list(EVER);
  return items.map(({ atMs }) => atMs);
}

test("transitions come back as they were, the newest first", async () => {
  const records = [
    record(1, { from: "inactive", to: "pending", value: Number.NaN }),
    record(2),
    record(3, { from: "firing", to: "resolved", value: undefined }),
  ];
  const history = new AlertHistory(await storeWith(records));
  deepEqual((await history.list(EVER)).items, records.toReversed());
});

test("history is found by rule, state, labels, alert and time", async () => {
  const history = new AlertHistory(
    await storeWith([
      ...times(10, 16),
      record(20, { rule: "Slow" }),
      record(21, { to: "resolved" }),
    ]),
  );
  const found = async (query: object): Promise<number[]> =>
    (await history.list({ ...EVER, ...query })).items.map(({ atMs }) => atMs);
  deepEqual(await found({ rule: "Slow" }), [20]);
  deepEqual(await found({ to: "resolved" }), [21]);
  deepEqual(await found({ minMs: 11, maxMs: 13 }), [13, 12, 11]);
  const matchers = [createMatcher("=~", "instance", "i[12]")];
  deepEqual(await found({ matcherLists: [matchers], maxMs: 16 }), [14, 13, 11, 10]);
  deepEqual(await found({ fingerprint: "0000000000000000" }), []);
});

test("pages follow each other without a gap or a double, also at one moment", async () => {
  const records = Array.from({ length: 25 }, (_, i) =>
    record(7, { labels: labelsFrom({ alertname: "Down", instance: `i${i}` }) }),
  );
  const history = new AlertHistory(await storeWith(records));
  const seen = new Set<string>();
  let after: ReturnType<typeof parseCursor> | undefined;
  let pages = 0;
  do {
    const page = await history.list({ ...EVER, limit: 10, ...(after && { after }) });
    for (const { labels } of page.items) seen.add(JSON.stringify(labels));
    after = page.next && parseCursor(formatCursor(page.next));
    pages++;
  } while (after !== undefined);
  equal(seen.size, 25);
  equal(pages, 3);
});

test("the same transition told by two servers is one entry", async () => {
  const store = await storeWith([record(5)]);
  await store.transaction((tx) => AlertHistory.append(tx, [record(5), record(5)]));
  deepEqual(await kept(store), [5]);
});

test("what is older than history is kept goes, and what is beyond its size, the oldest first", async () => {
  const store = await storeWith(times(0, 2500));
  const keep = { keepMs: 1000, entriesMax: 300 };
  equal(await sweepStep(store, ALERT_HISTORY_COLLECTION, keep, 2000), true, "a step is bounded");
  equal((await kept(store)).length, 1000, "limited by the page");
  for (let more = true; more; ) more = await sweepStep(store, ALERT_HISTORY_COLLECTION, keep, 2000);
  const left = await kept(store);
  equal(left.length, 300);
  equal(left.at(-1), 2200);
});

test("the sweeper works through all of it by itself", async () => {
  const clock = new SimClock(10_000_000);
  const store = await storeWith(times(0, 3500));
  await using _sweeper = new HistorySweeper({
    store,
    clock,
    collections: [ALERT_HISTORY_COLLECTION],
    retention: { keepMs: 1000, entriesMax: 100 },
    onProblem: () => {},
  });
  await clock.advance(11 * 60_000);
  deepEqual(await kept(store), []);
});
