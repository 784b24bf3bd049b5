// What keeping documents costs, on SQLite and on PostgreSQL: a person's acknowledgements through the API, and the
// transactions of the store by themselves.
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openPostgresDocumentStore } from "@pharos/adapters/postgres";
import { openSqliteDocumentStore } from "@pharos/adapters/sqlite";
import type { DocumentStore } from "@pharos/ports";
import { PostgresProcess, skipWithoutPostgres } from "../tests/harness/postgres-process.ts";
import { ALERT_CONTENDERS } from "./alert-contenders.ts";
import { alertBodies, jsonSender, NotedReceiver, routing } from "./alert-load.ts";
import { percentile } from "./comparison.ts";
import { ServerProcess, temporaryFolder } from "./server-process.ts";

/** Who waits at the same time where many do. */
const WAITING = 50;
const INCIDENTS_WITHIN_MS = 60_000;
/** The most that a page of incidents shows. */
const INCIDENTS_MAX = 1000;

export interface Database {
  readonly name: "sqlite" | "postgresql";
}

export const DATABASES: readonly Database[] = [{ name: "sqlite" }, { name: "postgresql" }];

export interface Pace {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface DocumentCosts {
  /** One after another, and with fifty that wait. */
  readonly single: Pace;
  readonly together: Pace;
}

/** Transactions that put two documents of 300 bytes, each with a tag; undefined where the database is missing. */
export async function measureTransactions(
  database: Database,
  durationMs: number,
): Promise<DocumentCosts | undefined> {
  return withDatabase(database, async ({ url, folder }) => {
    await using store =
      url === undefined
        ? await openSqliteDocumentStore(join(folder, "pharos.db"))
        : await openPostgresDocumentStore({ url, waitMsMax: 0 });
    let sequence = 0;
    const put = (): Promise<void> => putTwo(store, sequence++);
    await paceOf(put, 1, untilMs(durationMs / 10)); // Statements are prepared, pages are there.
    const single = await paceOf(put, 1, untilMs(durationMs));
    const together = await paceOf(put, WAITING, untilMs(durationMs));
    return { single, together };
  });
}

function putTwo(store: DocumentStore, sequence: number): Promise<void> {
  return store.transaction(async (tx) => {
    for (const collection of ["record", "entry"]) {
      const body = { sequence, text: "x".repeat(270) };
      const tags = [`kind=${sequence % 10}`];
      await tx.put(collection, { id: `${sequence}`, body, sortKey: sequence, tags });
    }
  });
}

/** Acknowledges so many incidents, half of them one after another; undefined where the database is missing. */
export async function measureAcknowledgements(
  database: Database,
  count: number,
  where: { readonly core?: number },
): Promise<(DocumentCosts & { readonly cpuMsEach: number }) | undefined> {
  if (count > INCIDENTS_MAX) throw new RangeError(`at most ${INCIDENTS_MAX} incidents`);
  const [pharos] = ALERT_CONTENDERS;
  if (pharos === undefined) throw new Error("ours is the first one");
  return withDatabase(database, async ({ url }) => {
    await using receiver = await NotedReceiver.start();
    const config = routing({
      receivers: [receiver],
      ...{ groupBy: "alertname, instance", groupWait: "0s", groupInterval: "5m" },
    });
    const flags = url === undefined ? [] : ["--database-url", url];
    await using server = await ServerProcess.start(pharos, { ...where, config, flags });
    if (server === undefined) return undefined;
    using sender = jsonSender(server.url + pharos.alertsPath);
    await sender.send(alertBodies({ from: 0, count, services: 50 }));
    await receiver.heardOf(count, INCIDENTS_WITHIN_MS);
    const ids = await openIncidents(server, count);
    await server.quiet();
    const body = JSON.stringify({ by: "somebody", comment: "looking", expires_in: "1h" });
    const headers = { "content-type": "application/json" };
    const acknowledge = async (): Promise<void> => {
      const path = `/api/v1/incidents/${ids.pop()}/acknowledge`;
      await server.ask(path, { method: "POST", headers, body });
    };
    const cpuBeforeMs = server.cpuMs();
    const single = await paceOf(acknowledge, 1, () => ids.length > count / 2);
    const together = await paceOf(acknowledge, WAITING, () => ids.length > 0);
    return { single, together, cpuMsEach: (server.cpuMs() - cpuBeforeMs) / count };
  });
}

async function openIncidents(server: ServerProcess, count: number): Promise<string[]> {
  const givesUpMs = performance.now() + INCIDENTS_WITHIN_MS;
  for (;;) {
    const text = await server.ask(`/api/v1/incidents?status=firing&limit=${INCIDENTS_MAX}`);
    const { data } = JSON.parse(text) as { data: { incidents: { id: string }[] } };
    if (data.incidents.length === count) return data.incidents.map(({ id }) => id);
    if (performance.now() > givesUpMs) throw new Error(`${data.incidents.length} incidents`);
    await sleep(100);
  }
}

interface DatabasePlace {
  /** For SQLite there is none. */
  readonly url: string | undefined;
  readonly folder: string;
}

async function withDatabase<T>(
  { name }: Database,
  work: (place: DatabasePlace) => Promise<T>,
): Promise<T | undefined> {
  if (name === "postgresql" && skipWithoutPostgres() !== false) return undefined;
  const folder = await temporaryFolder(name);
  try {
    if (name === "sqlite") return await work({ url: undefined, folder });
    await using postgres = await PostgresProcess.start(folder);
    return await work({ url: postgres.url(), folder });
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

function untilMs(durationMs: number): () => boolean {
  const endMs = performance.now() + durationMs;
  return () => performance.now() < endMs;
}

/** Does it over and over, so many times at once. */
async function paceOf(
  work: () => Promise<void>,
  atOnce: number,
  goesOn: () => boolean,
): Promise<Pace> {
  const timesMs: number[] = [];
  const startMs = performance.now();
  const lane = async (): Promise<void> => {
    while (goesOn()) {
      const beganMs = performance.now();
      await work();
      timesMs.push(performance.now() - beganMs);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return {
    perSecond: (1000 * timesMs.length) / (performance.now() - startMs),
    p50Ms: percentile(timesMs, 50),
    p99Ms: percentile(timesMs, 99),
  };
}
