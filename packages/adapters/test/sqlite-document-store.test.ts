import { deepEqual, equal, rejects } from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
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

test("a file from before tags is brought up to date and keeps its documents", async () => {
  const path = await databasePath();
  {
    using old = new DatabaseSync(path);
    old.exec(`
      CREATE TABLE documents (collection text not null, id text not null, sort_key real not null, body text not null,
        constraint documents_key primary key (collection, id));
      CREATE INDEX documents_by_sort_key ON documents (collection, sort_key, id);
      INSERT INTO documents VALUES ('alerts', 'a', 1.5, '{"phase":"firing"}');
    `);
  }
  for (let opened = 1; opened <= 2; opened++) {
    await using store = await openSqliteDocumentStore(path);
    const found = await store.read((tx) => tx.get("alerts", "a"));
    deepEqual(found, { id: "a", sortKey: 1.5, body: { phase: "firing" } });
    await store.transaction((tx) =>
      tx.put("alerts", { id: "b", sortKey: 2, body: opened, tags: ["new"] }),
    );
    const tagged = await store.read((tx) => tx.list("alerts", { tags: ["new"], limit: 9 }));
    deepEqual(tagged, [{ id: "b", sortKey: 2, body: opened, tags: ["new"] }]);
  }
});

test("a file of a newer Pharos is refused and left as it is", async () => {
  const path = await databasePath();
  {
    using newer = new DatabaseSync(path);
    newer.exec("CREATE TABLE documents (everything blob); PRAGMA user_version = 99");
  }
  await rejects(openSqliteDocumentStore(path), {
    code: "disk.corrupt",
    message: /its tables are of version 99 .* newer Pharos/,
  });
  using after = new DatabaseSync(path);
  deepEqual(after.prepare("SELECT name FROM sqlite_schema").all().length, 1);
});
