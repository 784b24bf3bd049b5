import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { Kysely } from "kysely";
import { ChangeWatchers } from "../src/sql/change-watchers.ts";
import type { DocumentTables } from "../src/sql/document-tables.ts";
import { SqlDocumentStore } from "../src/sql/sql-document-store.ts";
import { nodeSqliteDialect } from "../src/sqlite/node-sqlite-dialect.ts";
import { migrateSqlite } from "../src/sqlite/sqlite-schema.ts";

const BUG = new Error("a bug of whoever watches");

test("a watcher that throws keeps no transaction from its end, nor other watchers from hearing of it", async () => {
  const bugs: unknown[] = [];
  const db = new Kysely<DocumentTables>({ dialect: nodeSqliteDialect(":memory:") });
  await migrateSqlite(db, ":memory:");
  await using store = new SqlDocumentStore({
    ...{ db, shared: false, begin: "BEGIN IMMEDIATE", beginRead: "BEGIN" },
    readsBesideWrites: false,
    togetherMsMax: 30,
    watchers: new ChangeWatchers((error) => bugs.push(error)),
    [Symbol.asyncDispose]: () => db.destroy(),
  });
  let heard = 0;
  using _throwing = store.watch("c", () => {
    throw BUG;
  });
  using _other = store.watch("c", () => void heard++);
  const write = (id: string): Promise<string> =>
    store.transaction(async (tx) => {
      await tx.put("c", { id, body: null, sortKey: 0 });
      return id;
    });
  deepEqual(await Promise.all([write("a"), write("b")]), ["a", "b"]);
  equal(await write("c"), "c");
  equal((await store.read((reader) => reader.list("c", { limit: 9 }))).length, 3);
  ok(heard > 0);
  equal(heard, bugs.length);
  deepEqual(new Set(bugs), new Set([BUG]));
});

test("transactions that would be committed together are kept all the same where that takes too long", async () => {
  const db = new Kysely<DocumentTables>({ dialect: nodeSqliteDialect(":memory:") });
  await migrateSqlite(db, ":memory:");
  await using store = new SqlDocumentStore({
    ...{ db, shared: false, begin: "BEGIN IMMEDIATE", beginRead: "BEGIN" },
    readsBesideWrites: false,
    togetherMsMax: 0,
    watchers: new ChangeWatchers(),
    [Symbol.asyncDispose]: () => db.destroy(),
  });
  const order: number[] = [];
  const writes = Array.from({ length: 20 }, (_, at) =>
    store.transaction(async (tx) => {
      order.push(at);
      await tx.put("c", { id: `${at}`, body: null, sortKey: at });
      if (at % 5 === 0) throw BUG;
    }),
  );
  const results = await Promise.allSettled(writes);
  deepEqual(order, [...writes.keys()]);
  const kept = await store.read((reader) => reader.list("c", { limit: 99 }));
  for (const [at, { status }] of results.entries()) {
    equal(status, at % 5 === 0 ? "rejected" : "fulfilled");
    equal(
      kept.some(({ id }) => id === `${at}`),
      at % 5 !== 0,
    );
  }
});

test("after a gap every watcher is told, whatever the one before it throws", () => {
  const bugs: unknown[] = [];
  const watchers = new ChangeWatchers((error) => bugs.push(error));
  const heard: string[] = [];
  watchers.add("a", () => {
    throw BUG;
  });
  watchers.add("b", () => heard.push("b"));
  watchers.allMayHaveChanged();
  deepEqual([heard, bugs], [["b"], [BUG]]);
});
