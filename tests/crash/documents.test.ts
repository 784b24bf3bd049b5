import { deepEqual, equal, ok } from "node:assert/strict";
import { resolve } from "node:path";
import { type TestContext, test } from "node:test";
import { openPostgresDocumentStore } from "@pharos/adapters/postgres";
import { openSqliteDocumentStore } from "@pharos/adapters/sqlite";
import { type Rng, seededRng } from "@pharos/base";
import type { DocumentStore } from "@pharos/ports";
import { Child, eventually } from "../harness/child.ts";
import { temporaryFolder } from "../harness/pharos-process.ts";
import { PostgresProcess, skipWithoutPostgres } from "../harness/postgres-process.ts";

const LIVES = 15;
const LANES = 3;

/** A seed of its own for each run, printed, so that a failing run can be looked at again. */
const seed = Number(process.env["CRASH_SEED"] ?? Date.now() % 1_000_000);

test("kill -9 at random moments leaves whole transactions in SQLite, every acknowledged one", async (t) => {
  await using folder = await temporaryFolder();
  const path = `${folder.path}/pharos.db`;
  await liveAndDie(t, path, () => openSqliteDocumentStore(path));
});

test("kill -9 at random moments leaves whole transactions in PostgreSQL, every acknowledged one", {
  skip: skipWithoutPostgres(),
}, async (t) => {
  await using folder = await temporaryFolder();
  await using postgres = await PostgresProcess.start(folder.path);
  const url = postgres.url();
  await liveAndDie(t, url, () => openPostgresDocumentStore({ url, waitMsMax: 10_000 }));
});

test("a crash of PostgreSQL itself leaves whole transactions, every acknowledged one", {
  skip: skipWithoutPostgres(),
}, async (t) => {
  await using folder = await temporaryFolder();
  await using postgres = await PostgresProcess.start(folder.path);
  const url = postgres.url();
  const crash = async (child: Child): Promise<void> => {
    await postgres.stop("SIGQUIT");
    // Its transactions fail with it, and the writer ends at the first that does.
    await eventually("the writer ends", async () => child.ended);
    await postgres.restart();
  };
  const open = (): Promise<DocumentStore> => openPostgresDocumentStore({ url, waitMsMax: 10_000 });
  await liveAndDie(t, url, open, crash, 4);
});

async function liveAndDie(
  t: TestContext,
  place: string,
  open: () => Promise<DocumentStore>,
  die: (child: Child) => Promise<unknown> = (child) => child.stop("SIGKILL"),
  lives = LIVES,
): Promise<void> {
  t.diagnostic(`CRASH_SEED=${seed}`);
  const rng = seededRng(seed);
  const acknowledged = Array.from({ length: LANES }, () => -1);
  for (let life = 1; life <= lives; life++) {
    await liveOnce(place, acknowledged, rng, die);
    await using store = await open();
    for (const [lane, round] of acknowledged.entries())
      acknowledged[lane] = await checkLane(store, lane, round, `life ${life}`);
  }
  const rounds = acknowledged.reduce((sum, round) => sum + round + 1, 0);
  t.diagnostic(`${rounds} transactions in ${lives} lives`);
  ok(rounds >= lives * LANES, "something was written");
}

/** A process writes until it has acknowledged a random number of transactions, and a random bit longer. */
async function liveOnce(
  place: string,
  acknowledged: number[],
  rng: Rng,
  die: (child: Child) => Promise<unknown>,
): Promise<void> {
  const firsts = acknowledged.map((round) => String(round + 1));
  const writer = resolve(import.meta.dirname, "document-writer.ts");
  const args = ["--disable-warning=ExperimentalWarning", writer, place, ...firsts];
  await using child = new Child(process.execPath, args);
  const wanted = 1 + rng.below(150);
  await eventually("enough was acknowledged", async () => {
    if (child.ended) throw new Error(`the writer ended:\n${child.output}`);
    return child.output.split("\n").length > wanted;
  });
  for (let turns = rng.below(50); turns > 0; turns--) await new Promise(setImmediate);
  await die(child);
  for (const line of child.output.split("\n").slice(0, -1)) {
    const [, lane, round] = /^lane-(\d) (\d+)$/.exec(line) ?? [];
    if (lane !== undefined) acknowledged[Number(lane)] = Number(round);
  }
}

/** All parts of the last acknowledged round are there, or all of the one that was under way; gives which round it is. */
async function checkLane(
  store: DocumentStore,
  at: number,
  acknowledged: number,
  life: string,
): Promise<number> {
  const lane = `lane-${at}`;
  const what = `${life}, ${lane}`;
  const tags = [`lane=${lane}`];
  const [state, outbox, newest, oldest, log] = await store.read((tx) =>
    Promise.all([
      tx.get("states", lane),
      tx.list("outbox", { tags, limit: 10 }),
      tx.list(`log of ${lane}`, { tags, order: "desc", limit: 1 }),
      tx.list(`log of ${lane}`, { tags, limit: 1 }),
      tx.list(`log of ${lane}`, { tags, limit: 1000 }),
    ]),
  );
  if (state === undefined) {
    deepEqual([acknowledged, outbox, log], [-1, [], []], what);
    return -1;
  }
  const { round } = state.body as { round: number };
  ok(
    round === acknowledged || round === acknowledged + 1,
    `${what}: round ${round} is there and ${acknowledged} was acknowledged`,
  );
  deepEqual(
    outbox.map(({ id }) => id),
    [`${lane}/${round}/first`, `${lane}/${round}/second`],
    what,
  );
  equal(newest[0]?.body, round, what);
  const kept = Array.from({ length: log.length }, (_, back) => round - log.length + 1 + back);
  deepEqual(
    log.map(({ body }) => body),
    kept,
    what,
  );
  equal(oldest[0]?.body, kept[0], what);
  equal(log.length, Math.min(100, round + 1), what);
  return round;
}
