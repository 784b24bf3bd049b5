import { equal, rejects } from "node:assert/strict";
import { test } from "node:test";
import { documentStoreConformance, MemoryDocumentStore } from "../src/index.ts";

documentStoreConformance("MemoryDocumentStore", async () => new MemoryDocumentStore());

test("after a kill the next process finds what was committed and nothing else", async () => {
  const store = new MemoryDocumentStore();
  await store.transaction((tx) => tx.put("things", { id: "a", body: 1, sortKey: 0 }));
  const late = store.transaction((tx) => tx.put("things", { id: "a", body: 2, sortKey: 0 }));
  const next = store.kill();
  await rejects(late, /dead/);
  equal((await next.transaction((tx) => tx.get("things", "a")))?.body, 1);
});
