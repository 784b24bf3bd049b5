// Started by documents.test.ts: opens the store that its arguments name, writes documents as alerting does, and prints a
// line for each transaction that was acknowledged. It goes on until it is killed.
import { writeSync } from "node:fs";
import { openPostgresDocumentStore } from "@pharos/adapters/postgres";
import { openSqliteDocumentStore } from "@pharos/adapters/sqlite";
import type { DocumentStore, DocumentTransaction } from "@pharos/ports";

const [place = "", ...firsts] = process.argv.slice(2);

await using store: DocumentStore = place.startsWith("postgresql:")
  ? await openPostgresDocumentStore({ url: place, waitMsMax: 20_000 })
  : await openSqliteDocumentStore(place);

/**
 * Transaction `round` of a lane: the state says that it was told, the outbox has what is to be sent, the log has one entry
 * more, and of the log the newest hundred stay.
 */
async function writeRound(tx: DocumentTransaction, lane: string, round: number): Promise<void> {
  const tags = [`lane=${lane}`];
  await tx.put("states", { id: lane, body: { round }, sortKey: round, tags });
  const entries = ["first", "second"].map((part) => ({
    id: `${lane}/${round}/${part}`,
    body: { lane, round, part },
    sortKey: round,
    tags: [...tags, `round=${round}`],
  }));
  await tx.putAll("outbox", entries);
  if (round > 0)
    for (const part of ["first", "second"])
      await tx.delete("outbox", `${lane}/${round - 1}/${part}`);
  await tx.put(`log of ${lane}`, { id: `${round}`, body: round, sortKey: round, tags });
  await tx.deleteOldest(`log of ${lane}`, { sortKeyMax: round - 100, limit: 10 });
}

async function runLane(lane: string, first: number): Promise<void> {
  for (let round = first; ; round++) {
    await store.transaction((tx) => writeRound(tx, lane, round));
    // At once, since what this process would still hold back dies with it.
    writeSync(1, `${lane} ${round}\n`);
  }
}

await Promise.all(
  firsts.map((first, lane) => runLane(`lane ${lane}`.replace(" ", "-"), Number(first))),
);
