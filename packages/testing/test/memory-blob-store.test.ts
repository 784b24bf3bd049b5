import { equal, rejects } from "node:assert/strict";
import { test } from "node:test";
import { OperatingError } from "@pharos/base";
import { blobStoreConformance } from "../src/conformance/blob-store.ts";
import { MemoryBlobStore } from "../src/memory-blob-store.ts";

blobStoreConformance("MemoryBlobStore", async () => new MemoryBlobStore());

const { signal } = new AbortController();

test("a store that cannot be reached fails until it can", async () => {
  const store = new MemoryBlobStore();
  await store.put("a", [new Uint8Array(3)], signal);
  store.unreachable();
  await rejects(
    store.get("a", null, signal),
    (error) => error instanceof OperatingError && error.code === "blob.unavailable",
  );
  store.reachable();
  equal((await store.get("a", null, signal)).length, 3);
});

test("bytes read are counted", async () => {
  const store = new MemoryBlobStore();
  await store.put("a", [new Uint8Array(10)], signal);
  await store.get("a", { offset: 8, length: 5 }, signal);
  await store.get("a", null, signal);
  equal(store.takeReadSize(), 12);
  equal(store.takeReadSize(), 0);
});
