import { deepEqual, equal, rejects } from "node:assert/strict";
import { describe, test } from "node:test";
import { AssertionFailure, OperatingError } from "@pharos/base";
import type { BlobStore } from "@pharos/ports";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (content: Uint8Array): string => new TextDecoder().decode(content);
const { signal } = new AbortController();

const isNotFound = (error: unknown): boolean =>
  error instanceof OperatingError && error.code === "not_found";

async function put(store: BlobStore, key: string, ...parts: string[]): Promise<void> {
  await store.put(key, parts.map(bytes), signal);
}

async function keys(
  store: BlobStore,
  prefix: string,
  options: { after?: string; limit: number } = { limit: 100 },
): Promise<string> {
  const { blobs, more } = await store.list(prefix, options, signal);
  return blobs.map(({ key }) => key).join(" ") + (more ? " …" : "");
}

/** What `BlobStore` promises, as tests. `open` gives an empty store each time. */
export function blobStoreConformance(name: string, open: () => Promise<BlobStore>): void {
  describe(`${name} keeps the BlobStore contract`, () => {
    test("a blob comes back as its pieces were put", async () => {
      const store = await open();
      deepEqual(await store.put("a/b/c.parquet", [bytes("ab"), bytes(""), bytes("cde")], signal), {
        key: "a/b/c.parquet",
        size: 5,
      });
      equal(text(await store.get("a/b/c.parquet", null, signal)), "abcde");
      deepEqual(await store.head("a/b/c.parquet", signal), { key: "a/b/c.parquet", size: 5 });
    });

    test("a blob may be empty, and its bytes may be any", async () => {
      const store = await open();
      await put(store, "empty");
      equal((await store.get("empty", null, signal)).length, 0);
      const all = Uint8Array.from({ length: 256 }, (_, i) => i);
      await store.put("all", [all], signal);
      deepEqual(await store.get("all", null, signal), all);
    });

    test("pieces may come over time, and their memory may be used again", async () => {
      const store = await open();
      const piece = new Uint8Array(3);
      async function* pieces(): AsyncGenerator<Uint8Array> {
        for (let i = 1; i <= 4; i++) {
          await Promise.resolve();
          yield piece.fill(48 + i);
        }
      }
      await store.put("streamed", pieces(), signal);
      equal(text(await store.get("streamed", null, signal)), "111222333444");
    });

    test("a range gives those bytes, fewer at the end", async () => {
      const store = await open();
      await put(store, "blob", "0123456789");
      equal(text(await store.get("blob", { offset: 3, length: 4 }, signal)), "3456");
      equal(text(await store.get("blob", { offset: 8, length: 4 }, signal)), "89");
      equal((await store.get("blob", { offset: 20, length: 4 }, signal)).length, 0);
      equal((await store.get("blob", { offset: 2, length: 0 }, signal)).length, 0);
    });

    test("what was read belongs to the reader", async () => {
      const store = await open();
      await put(store, "blob", "abc");
      (await store.get("blob", null, signal)).fill(0);
      equal(text(await store.get("blob", null, signal)), "abc");
    });

    test("put replaces as a whole", async () => {
      const store = await open();
      await put(store, "blob", "a longer one");
      await put(store, "blob", "short");
      equal(text(await store.get("blob", null, signal)), "short");
    });

    test("a put whose source fails leaves what was there before", async () => {
      const store = await open();
      await put(store, "kept", "before");
      function* failing(): Generator<Uint8Array> {
        yield bytes("half");
        throw new RangeError("no more");
      }
      await rejects(store.put("kept", failing(), signal), /no more/);
      await rejects(store.put("fresh", failing(), signal), /no more/);
      equal(text(await store.get("kept", null, signal)), "before");
      equal(await store.head("fresh", signal), undefined);
      equal(await keys(store, ""), "kept");
    });

    test("a put that is aborted leaves what was there before", async () => {
      const store = await open();
      await put(store, "kept", "before");
      const stop = new AbortController();
      function* aborted(): Generator<Uint8Array> {
        yield bytes("half");
        stop.abort(new RangeError("stopped"));
        yield bytes("more");
      }
      await rejects(store.put("kept", aborted(), stop.signal), /stopped/);
      equal(text(await store.get("kept", null, signal)), "before");
    });

    test("an aborted signal ends every call", async () => {
      const store = await open();
      await put(store, "a", "1");
      const stopped = AbortSignal.abort(new RangeError("stopped"));
      await rejects(store.put("a", [bytes("2")], stopped), /stopped/);
      await rejects(store.get("a", null, stopped), /stopped/);
      await rejects(store.head("a", stopped), /stopped/);
      await rejects(store.list("", { limit: 1 }, stopped), /stopped/);
      await rejects(store.delete("a", stopped), /stopped/);
      equal(text(await store.get("a", null, signal)), "1");
    });

    test("a blob that is not there is not found", async () => {
      const store = await open();
      await put(store, "folder/blob", "x");
      await rejects(store.get("none", null, signal), isNotFound);
      await rejects(store.get("folder", { offset: 0, length: 1 }, signal), isNotFound);
      equal(await store.head("none", signal), undefined);
      equal(await store.head("folder", signal), undefined);
      equal(await keys(store, "none/"), "");
    });

    test("a deleted blob is gone, its neighbours are not, and deleting again does nothing", async () => {
      const store = await open();
      await put(store, "a/b/1", "1");
      await put(store, "a/c", "2");
      await store.delete("a/b/1", signal);
      await store.delete("a/b/1", signal);
      await store.delete("a/b", signal);
      equal(await store.head("a/b/1", signal), undefined);
      equal(await keys(store, ""), "a/c");
      await put(store, "a/b/1", "again");
      equal(text(await store.get("a/b/1", null, signal)), "again");
    });

    test("a list is by key, as bytes sort, through all folders", async () => {
      const store = await open();
      for (const key of ["b", "a/b", "a-b", "a.b", "a/a/a", "A", "a0"]) await put(store, key, key);
      equal(await keys(store, ""), "A a-b a.b a/a/a a/b a0 b");
      const { blobs } = await store.list("a/a", { limit: 9 }, signal);
      deepEqual(blobs, [{ key: "a/a/a", size: 5 }]);
    });

    test("a prefix is any beginning of a key", async () => {
      const store = await open();
      for (const key of ["ab/1", "ab/2", "abc", "b"]) await put(store, key, "");
      equal(await keys(store, "ab"), "ab/1 ab/2 abc");
      equal(await keys(store, "ab/"), "ab/1 ab/2");
      equal(await keys(store, "ab/2"), "ab/2");
      equal(await keys(store, "c"), "");
    });

    test("a long list comes in pages", async () => {
      const store = await open();
      for (const key of ["p/1", "p/2/x", "p/2/y", "p/3", "q"]) await put(store, key, "");
      equal(await keys(store, "p/", { limit: 2 }), "p/1 p/2/x …");
      equal(await keys(store, "p/", { limit: 2, after: "p/2/x" }), "p/2/y p/3");
      equal(await keys(store, "p/", { limit: 2, after: "p/3" }), "");
      equal(await keys(store, "", { limit: 4 }), "p/1 p/2/x p/2/y p/3 …");
    });

    test("a key that some store could not keep is a bug of the caller", async () => {
      const store = await open();
      for (const key of ["", "/a", "a/", "a//b", "../a", "a/..", ".hidden", "a b", "ä", "a\\b"])
        await rejects(store.put(key, [], signal), AssertionFailure, key);
    });
  });
}
