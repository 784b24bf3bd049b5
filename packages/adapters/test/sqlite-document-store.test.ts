import { deepEqual, equal, rejects } from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { OperatingError } from "@pharos/base";
import { documentStoreConformance } from "@pharos/testing";
import { openSqliteDocumentStore } from "../src/sqlite/sqlite-document-store.ts";

const folders: string[] = [];
after(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))));

async function databasePath(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "pharos-sqlite-"));
  folders.push(folder);
  return join(folder, "pharos.db");
}

documentStoreConformance("SQLite", async () => openSqliteDocumentStore(await databasePath()));

test("documents are there after the store was closed and opened again", async () => {
  const path = await databasePath();
  {
    await using store = await openSqliteDocumentStore(path);
    await store.transaction((tx) =>
      tx.put("alerts", { id: "a", sortKey: 1, body: { phase: "firing" } }),
    );
  }
  await using store = await openSqliteDocumentStore(path);
  const found = await store.transaction((tx) => tx.get("alerts", "a"));
  deepEqual(found, { id: "a", sortKey: 1, body: { phase: "firing" } });
});

test("a data folder has one process at a time", async () => {
  const path = await databasePath();
  await using first = await openSqliteDocumentStore(path);
  await rejects(
    openSqliteDocumentStore(path),
    (error) =>
      error instanceof OperatingError &&
      /another process uses this data folder/.test(error.message),
  );
  equal(await first.transaction(async () => "still works"), "still works");
});

test("what is no database is refused with its path", async () => {
  await rejects(openSqliteDocumentStore("/proc/version"), OperatingError);
});
