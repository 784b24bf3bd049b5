import { deepEqual, equal, rejects } from "node:assert/strict";
import { describe, test } from "node:test";
import type { DocumentStore, Json, StoredDocument } from "@pharos/ports";

/** What `DocumentStore` promises, as tests. `open` gives an empty store each time. */
export function documentStoreConformance(name: string, open: () => Promise<DocumentStore>): void {
  const put = (store: DocumentStore, id: string, body: Json, sortKey = 0): Promise<void> =>
    store.transaction((tx) => tx.put("things", { id, body, sortKey }));
  const get = (store: DocumentStore, id: string): Promise<StoredDocument | undefined> =>
    store.transaction((tx) => tx.get("things", id));
  const ids = async (
    store: DocumentStore,
    options: { sortKeyMax?: number; limit: number } = { limit: 100 },
  ): Promise<string[]> => {
    const documents = await store.transaction((tx) => tx.list("things", options));
    return documents.map(({ id }) => id);
  };

  describe(`${name} keeps the DocumentStore contract`, () => {
    test("a document comes back as it was put", async () => {
      await using store = await open();
      const body = { text: "é\u0000\"'", list: [1, 2.5, null, true, { a: {} }], __proto__x: "" };
      await put(store, "a/b;c", body, 12.5);
      deepEqual(await get(store, "a/b;c"), { id: "a/b;c", body, sortKey: 12.5 });
    });

    test("a document that is not there is undefined, and may be deleted", async () => {
      await using store = await open();
      equal(await get(store, "a"), undefined);
      await store.transaction((tx) => tx.delete("things", "a"));
      deepEqual(await ids(store), []);
    });

    test("put replaces, body and sort key", async () => {
      await using store = await open();
      await put(store, "a", 1, 1);
      await put(store, "a", 2, 2);
      deepEqual(await get(store, "a"), { id: "a", body: 2, sortKey: 2 });
    });

    test("collections do not see each other", async () => {
      await using store = await open();
      await put(store, "a", 1);
      equal(await store.transaction((tx) => tx.get("others", "a")), undefined);
      await store.transaction((tx) => tx.delete("others", "a"));
      deepEqual(await ids(store), ["a"]);
    });

    test("a list comes by sort key, then id, and ends at the limit", async () => {
      await using store = await open();
      await put(store, "c", 0, 1);
      await put(store, "b", 0, 2);
      await put(store, "a", 0, 2);
      await put(store, "d", 0, -5);
      deepEqual(await ids(store), ["d", "c", "a", "b"]);
      deepEqual(await ids(store, { limit: 3 }), ["d", "c", "a"]);
    });

    test("a list up to a sort key includes it", async () => {
      await using store = await open();
      await put(store, "now", 0, 1_700_000_000_000);
      await put(store, "later", 0, 1_700_000_000_001);
      deepEqual(await ids(store, { sortKeyMax: 1_700_000_000_000, limit: 9 }), ["now"]);
    });

    test("a transaction reads what it wrote itself", async () => {
      await using store = await open();
      await store.transaction(async (tx) => {
        await tx.put("things", { id: "a", body: 1, sortKey: 0 });
        equal((await tx.get("things", "a"))?.body, 1);
        await tx.delete("things", "a");
        equal((await tx.list("things", { limit: 9 })).length, 0);
      });
    });

    test("a transaction that throws leaves nothing behind and passes its error on", async () => {
      await using store = await open();
      await put(store, "a", 1);
      const failed = store.transaction(async (tx) => {
        await tx.put("things", { id: "a", body: 2, sortKey: 0 });
        await tx.put("things", { id: "b", body: 2, sortKey: 0 });
        throw new RangeError("no");
      });
      await rejects(failed, { name: "RangeError", message: "no" });
      equal((await get(store, "a"))?.body, 1);
      deepEqual(await ids(store), ["a"]);
    });

    test("transactions run one after the other, in the order of the calls", async () => {
      await using store = await open();
      await put(store, "counter", 0);
      const increments = Array.from({ length: 20 }, () =>
        store.transaction(async (tx) => {
          const before = (await tx.get("things", "counter"))?.body;
          await Promise.resolve();
          const body = (typeof before === "number" ? before : 0) + 1;
          await tx.put("things", { id: "counter", body, sortKey: 0 });
          return body;
        }),
      );
      deepEqual(
        await Promise.all(increments),
        Array.from({ length: 20 }, (_, i) => i + 1),
      );
    });

    test("what a transaction returns is handed on", async () => {
      await using store = await open();
      equal(await store.transaction(async () => "answer"), "answer");
    });
  });
}
