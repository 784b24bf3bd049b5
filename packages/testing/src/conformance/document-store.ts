import { deepEqual, equal, rejects } from "node:assert/strict";
import { describe, test } from "node:test";
import {
  DOCUMENT_TAG_LENGTH_MAX,
  DOCUMENT_TAGS_MAX,
  type DocumentListOptions,
  type DocumentStore,
  type Json,
  type StoredDocument,
} from "@pharos/ports";

/** What `DocumentStore` promises, as tests. `open` gives an empty store each time. */
export function documentStoreConformance(name: string, open: () => Promise<DocumentStore>): void {
  const put = (store: DocumentStore, id: string, body: Json, sortKey = 0): Promise<void> =>
    store.transaction((tx) => tx.put("things", { id, body, sortKey }));
  const get = (store: DocumentStore, id: string): Promise<StoredDocument | undefined> =>
    store.transaction((tx) => tx.get("things", id));
  const ids = async (
    store: DocumentStore,
    options: Partial<DocumentListOptions> = {},
  ): Promise<string[]> => {
    const documents = await store.read((tx) => tx.list("things", { limit: 100, ...options }));
    return documents.map(({ id }) => id);
  };
  const putTagged = (
    store: DocumentStore,
    documents: Readonly<Record<string, readonly [sortKey: number, ...tags: string[]]>>,
  ): Promise<void> =>
    store.transaction((tx) =>
      tx.putAll(
        "things",
        Object.entries(documents).map(([id, [sortKey, ...tags]]) => ({
          id,
          body: 0,
          sortKey,
          tags,
        })),
      ),
    );
  /** Every id that the store gives page by page. */
  const paged = async (
    store: DocumentStore,
    options: DocumentListOptions,
  ): Promise<readonly string[]> => {
    const found: string[] = [];
    for (let after: DocumentListOptions["after"]; ; ) {
      const page = await store.read((tx) =>
        tx.list("things", { ...options, ...(after === undefined ? {} : { after }) }),
      );
      found.push(...page.map(({ id }) => id));
      after = page.at(-1);
      if (after === undefined) return found;
    }
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
      deepEqual(await ids(store, { sortKeyMax: 1_700_000_000_000 }), ["now"]);
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

    test("a transaction may ask for several things at once", async () => {
      await using store = await open();
      await store.transaction((tx) =>
        Promise.all(
          ["a", "b", "c"].map((id, at) => tx.put("things", { id, body: at, sortKey: at })),
        ),
      );
      const found = await store.read((tx) =>
        Promise.all(["c", "a"].map(async (id) => (await tx.get("things", id))?.body)),
      );
      deepEqual(found, [2, 0]);
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

    test("of transactions that wait together, those that throw leave nothing and the others are kept", async () => {
      await using store = await open();
      const outcomes = await Promise.allSettled(
        Array.from({ length: 120 }, (_, at) =>
          store.transaction(async (tx) => {
            const before = (await tx.get("things", "count"))?.body ?? 0;
            await tx.put("things", { id: "count", body: Number(before) + 1, sortKey: 0 });
            await tx.put("things", { id: `thing ${at}`, body: at, sortKey: at, tags: ["thing"] });
            if (at % 3 === 0) throw new RangeError(`no ${at}`);
            return before;
          }),
        ),
      );
      const kept = Array.from({ length: 120 }, (_, at) => at).filter((at) => at % 3 !== 0);
      deepEqual(
        outcomes.map((outcome) =>
          outcome.status === "fulfilled" ? outcome.value : String(outcome.reason),
        ),
        outcomes.map((_, at) => (at % 3 === 0 ? `RangeError: no ${at}` : kept.indexOf(at))),
      );
      const found = await store.read((tx) => tx.list("things", { tags: ["thing"], limit: 200 }));
      deepEqual(
        found.map(({ body }) => body),
        kept,
      );
      equal((await get(store, "count"))?.body, kept.length);
    });

    test("what a transaction returns is handed on", async () => {
      await using store = await open();
      equal(await store.transaction(async () => "answer"), "answer");
    });

    test("ids come back as they were put, whatever is in them and however long", async () => {
      await using store = await open();
      const strange = [
        "",
        "\0",
        "\u0001\u0100",
        "\u0002",
        "half \ud83d",
        "\udd14 half",
        "🤔",
        "é".repeat(3000),
        `${"é".repeat(2999)}e`,
      ];
      for (const [at, id] of strange.entries()) await put(store, id, at);
      for (const [at, id] of strange.entries())
        deepEqual(await get(store, id), { id, body: at, sortKey: 0 });
      deepEqual((await ids(store)).sort(), [...strange].sort());
      deepEqual((await paged(store, { limit: 2 })).toSorted(), [...strange].sort());
      await store.transaction((tx) => tx.delete("things", strange[7] ?? ""));
      equal((await ids(store)).length, strange.length - 1);
    });

    test("ids with one sort key come in the order of their bytes as UTF-8", async () => {
      await using store = await open();
      const ordered = ["A", "B", "a", "aB", "aa", "b", "ä", "\uffee", "🤔"];
      for (const id of ordered.toReversed()) await put(store, id, 0);
      deepEqual(await ids(store), ordered);
      deepEqual(await ids(store, { order: "desc" }), ordered.toReversed());
    });

    test("a list begins at the lower bound and ends at the upper one, both in it", async () => {
      await using store = await open();
      for (const sortKey of [-1, 0, 1, 2, 3]) await put(store, `at ${sortKey}`, 0, sortKey);
      deepEqual(await ids(store, { sortKeyMin: 0, sortKeyMax: 2 }), ["at 0", "at 1", "at 2"]);
      const backwards = { sortKeyMin: 0, sortKeyMax: 2, order: "desc", limit: 2 } as const;
      deepEqual(await ids(store, backwards), ["at 2", "at 1"]);
      deepEqual(await ids(store, { limit: 0 }), []);
    });

    test("pages go on behind a document in both directions, also where sort keys are equal", async () => {
      await using store = await open();
      const ordered = ["a0", "b0", "a1", "b1", "c1", "d1", "e1", "a2"];
      await putTagged(
        store,
        Object.fromEntries(ordered.map((id) => [id, [Number(id[1]), "all"] as const])),
      );
      for (const tags of [[], ["all"]])
        for (const limit of [1, 2, 3, 8]) {
          deepEqual(await paged(store, { tags, limit }), ordered);
          deepEqual(await paged(store, { tags, limit, order: "desc" }), ordered.toReversed());
        }
      await store.transaction((tx) => tx.delete("things", "c1"));
      const after = { sortKey: 1, id: "c1" };
      deepEqual(await ids(store, { after }), ["d1", "e1", "a2"]);
      deepEqual(await ids(store, { after, order: "desc" }), ["b1", "a1", "b0", "a0"]);
      deepEqual(await ids(store, { after, sortKeyMax: 1 }), ["d1", "e1"]);
    });

    test("a list by tags has the documents with all of them", async () => {
      await using store = await open();
      await putTagged(store, {
        a: [1, "rule=x", "team=1"],
        b: [2, "rule=x"],
        c: [3, "team=1", "rule=y"],
        d: [0, "team=1", "rule=x"],
        e: [5],
      });
      deepEqual(await ids(store, { tags: ["rule=x"] }), ["d", "a", "b"]);
      deepEqual(await ids(store, { tags: ["rule=x", "team=1"] }), ["d", "a"]);
      deepEqual(await ids(store, { tags: ["team=1", "rule=x"], order: "desc" }), ["a", "d"]);
      deepEqual(await ids(store, { tags: ["team=1"], sortKeyMin: 1, sortKeyMax: 3 }), ["a", "c"]);
      deepEqual(await ids(store, { tags: ["rule"] }), []);
      const others = await store.read((tx) => tx.list("others", { tags: ["rule=x"], limit: 9 }));
      deepEqual(others, []);
    });

    test("tags come back as they were put, and a put replaces them", async () => {
      await using store = await open();
      const put = (tags?: readonly string[], sortKey = 1): Promise<void> =>
        store.transaction((tx) =>
          tx.put("things", { id: "a", body: 0, sortKey, ...(tags && { tags }) }),
        );
      await put(["old", "both", "both", "é\0\ud83d"]);
      deepEqual((await get(store, "a"))?.tags, ["old", "both", "both", "é\0\ud83d"]);
      deepEqual(await ids(store, { tags: ["é\0\ud83d", "both"] }), ["a"]);
      await put(["both", "new"], 2);
      deepEqual(await get(store, "a"), { id: "a", body: 0, sortKey: 2, tags: ["both", "new"] });
      deepEqual(await ids(store, { tags: ["old"] }), []);
      deepEqual(await ids(store, { tags: ["new", "both"], sortKeyMin: 2 }), ["a"]);
      await put(["both", "new"], 3);
      deepEqual(await ids(store, { tags: ["new"], sortKeyMin: 3 }), ["a"]);
      deepEqual(await ids(store, { tags: ["new"], sortKeyMax: 2 }), []);
      await put([]);
      deepEqual((await get(store, "a"))?.tags, []);
      await put();
      deepEqual(await get(store, "a"), { id: "a", body: 0, sortKey: 1 });
      deepEqual(await ids(store, { tags: ["new"] }), []);
      await put(["new"]);
      await store.transaction((tx) => tx.delete("things", "a"));
      deepEqual(await ids(store, { tags: ["new"] }), []);
    });

    test("a document may have as many and as long tags as the contract says, and longer ones are cut", async () => {
      await using store = await open();
      const longest = Array.from({ length: DOCUMENT_TAGS_MAX }, (_, at) =>
        String.fromCharCode(0xd800 + at).repeat(DOCUMENT_TAG_LENGTH_MAX),
      );
      const id = "\u3042".repeat(166);
      const tags = longest.map((tag) => `${tag} and more`);
      await store.transaction((tx) => tx.put("things", { id, body: 0, sortKey: 0, tags }));
      deepEqual((await get(store, id))?.tags, longest);
      deepEqual(await ids(store, { tags: [longest[7] ?? ""] }), [id]);
      deepEqual(await ids(store, { tags: [`${longest[99]} or other`] }), [id]);
    });

    test("many documents are put at once, new ones and others", async () => {
      await using store = await open();
      await put(store, "thing 7", "old", 1);
      const documents = Array.from({ length: 2500 }, (_, at) => ({
        id: `thing ${at}`,
        body: { at },
        sortKey: at,
        ...(at % 100 === 0 ? { tags: ["round"] } : {}),
      }));
      await store.transaction((tx) => tx.putAll("things", documents));
      await store.transaction((tx) => tx.putAll("things", []));
      deepEqual(await store.read((tx) => tx.list("things", { limit: 3000 })), documents);
      equal((await ids(store, { tags: ["round"] })).length, 25);
    });

    test("the oldest documents go, up to a sort key and a number", async () => {
      await using store = await open();
      await putTagged(store, { a: [3, "x"], b: [1, "x"], c: [2], d: [2, "x"], e: [9] });
      const oldest = (sortKeyMax: number, limit: number): Promise<number> =>
        store.transaction((tx) => tx.deleteOldest("things", { sortKeyMax, limit }));
      equal(await oldest(3, 2), 2);
      deepEqual(await ids(store), ["d", "a", "e"]);
      equal(await oldest(3, 100), 2);
      equal(await oldest(3, 100), 0);
      deepEqual(await ids(store), ["e"]);
      deepEqual(await ids(store, { tags: ["x"] }), []);
    });

    test("a read sees no half of a transaction, and what was acknowledged before it", async () => {
      await using store = await open();
      const put = (body: number): Promise<void> =>
        store.transaction(async (tx) => {
          await tx.put("things", { id: "a", body, sortKey: 0, tags: [`body=${body}`] });
          await new Promise(setImmediate);
          await tx.put("things", { id: "b", body, sortKey: 0 });
        });
      await put(0);
      for (let body = 1; body <= 20; body++) {
        const writing = put(body);
        const seen = await store.read(async (tx) => {
          const a = (await tx.get("things", "a"))?.body;
          await new Promise(setImmediate);
          const b = (await tx.get("things", "b"))?.body;
          const tagged = await tx.list("things", { tags: [`body=${a}`], limit: 2 });
          deepEqual(
            tagged.map(({ id }) => id),
            ["a"],
          );
          return [a, b];
        });
        equal(seen[0], seen[1]);
        equal(seen[0] === body || seen[0] === body - 1, true);
        await writing;
        equal(await store.read(async (tx) => (await tx.get("things", "b"))?.body), body);
      }
    });

    test("a read that throws passes its error on, and the next one works", async () => {
      await using store = await open();
      const failed = store.read(async () => {
        throw new RangeError("no");
      });
      await rejects(failed, { name: "RangeError", message: "no" });
      deepEqual(await ids(store), []);
    });

    test("whoever watches a collection hears of its changes, and of none that failed", async () => {
      await using store = await open();
      const heard: string[] = [];
      const watching = store.watch("things", () => heard.push("things"));
      using _others = store.watch("others", () => heard.push("others"));
      await store
        .transaction(async (tx) => {
          await tx.put("things", { id: "a", body: 0, sortKey: 0 });
          throw new RangeError("no");
        })
        .catch(() => {});
      await store.read((tx) => tx.list("things", { limit: 1 }));
      deepEqual(heard, []);
      await put(store, "a", 1);
      deepEqual(heard, ["things"]);
      await store.transaction((tx) => tx.deleteOldest("others", { sortKeyMax: 0, limit: 1 }));
      deepEqual(heard, ["things", "others"]);
      watching[Symbol.dispose]();
      await put(store, "a", 2);
      deepEqual(heard, ["things", "others"]);
    });
  });
}
