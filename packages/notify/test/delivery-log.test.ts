import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { NO_LABELS } from "@pharos/base";
import { MemoryDocumentStore } from "@pharos/testing";
import { DELIVERY_COLLECTION, DELIVERY_RETENTION_MS, DeliveryLog } from "../src/delivery-log.ts";
import type { Attempt } from "../src/delivery-loop.ts";
import type { OutboxEntry } from "../src/dispatch/outbox-entry.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const ENTRY: OutboxEntry = {
  id: "key",
  integration: "team/webhook[0]",
  receiver: "team",
  groupId: "group",
  groupKey: "{}:{}",
  groupLabels: NO_LABELS,
  routeLabels: NO_LABELS,
  reason: "first notification",
  alerts: [],
  recordBefore: undefined,
  followedGroups: [],
  createdAtMs: 0,
  leasedBy: "server-1",
  leasedUntilMs: 0,
};

function attemptAt(startedAtMs: number): Attempt {
  return { number: 1, startedAtMs, durationMs: 5, outcome: { kind: "delivered", receipt: {} } };
}

/** Keeps attempts that were made at these times. */
async function keep(
  log: DeliveryLog,
  store: MemoryDocumentStore,
  times: readonly number[],
): Promise<void> {
  const documents = times.flatMap((at) => log.write(ENTRY, attemptAt(at)).document ?? []);
  await store.transaction((tx) => tx.putAll(DELIVERY_COLLECTION, documents));
}

async function timesOf(log: DeliveryLog): Promise<number[]> {
  return (await log.query({ limit: 1000 })).map(({ atMs }) => atMs);
}

test("attempts go when they are too old, however few there are", async () => {
  const store = new MemoryDocumentStore();
  const log = new DeliveryLog(store, "server-1");
  await keep(log, store, [0, HOUR_MS, DAY_MS]);
  await log.prune(DELIVERY_RETENTION_MS - 1);
  deepEqual(await timesOf(log), [DAY_MS, HOUR_MS, 0]);
  // Looked for once an hour.
  await log.prune(DELIVERY_RETENTION_MS + 1);
  deepEqual(await timesOf(log), [DAY_MS, HOUR_MS, 0]);
  await log.prune(DELIVERY_RETENTION_MS + HOUR_MS);
  deepEqual(await timesOf(log), [DAY_MS]);
});

test("how long attempts are kept can be told", async () => {
  const store = new MemoryDocumentStore();
  const log = new DeliveryLog(store, "server-1", { retentionMs: DAY_MS });
  await keep(log, store, [0, HOUR_MS]);
  await log.prune(DAY_MS);
  deepEqual(await timesOf(log), [HOUR_MS]);
});

test("a clock that was set back does not keep old attempts for longer", async () => {
  const store = new MemoryDocumentStore();
  const log = new DeliveryLog(store, "server-1", { retentionMs: DAY_MS });
  await log.prune(1000 * DAY_MS); // The clock was wrong.
  await keep(log, store, [0, HOUR_MS]);
  await log.prune(DAY_MS);
  deepEqual(await timesOf(log), [HOUR_MS]);
});

test("nothing is written where nothing is to go", async () => {
  const store = new MemoryDocumentStore();
  const log = new DeliveryLog(store, "server-1");
  await keep(log, store, [0]);
  const { commitCount } = store;
  await log.prune(DELIVERY_RETENTION_MS - 1);
  equal(store.commitCount, commitCount);
});

test("more attempts than may be kept cost the oldest, a bounded number at a time", async () => {
  const store = new MemoryDocumentStore();
  const countMax = 2000;
  const log = new DeliveryLog(store, "server-1", { countMax });
  const surplus = 12_000;
  const count = countMax + surplus;
  await keep(
    log,
    store,
    Array.from({ length: count }, (_, i) => i),
  );
  const oldest = async (): Promise<number | undefined> => {
    const [first] = await store.read((tx) => tx.list(DELIVERY_COLLECTION, { limit: 1 }));
    return first?.sortKey;
  };
  await log.prune(count);
  equal(await oldest(), 10_000);
  await log.prune(count);
  equal(await oldest(), surplus);
  const { commitCount } = store;
  await log.prune(count);
  equal(store.commitCount, commitCount, "they are counted again after new ones only");
});
