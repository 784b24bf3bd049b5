import { deepEqual } from "node:assert/strict";
import { test } from "node:test";
import { blockCacheShares } from "../src/block-cache-shares.ts";

const MIB = 1024 * 1024;

test("the query threads share what is kept of blocks", () => {
  deepEqual(blockCacheShares(256 * MIB, 2), { store: 32 * MIB, query: 128 * MIB });
  deepEqual(blockCacheShares(256 * MIB, 1), { store: 32 * MIB, query: 256 * MIB });
});

test("each of many threads gets enough for the index of a large block", () => {
  deepEqual(blockCacheShares(256 * MIB, 64), { store: 32 * MIB, query: 32 * MIB });
});

test("no thread gets more than there is", () => {
  deepEqual(blockCacheShares(4 * MIB, 8), { store: 4 * MIB, query: 4 * MIB });
  deepEqual(blockCacheShares(0, 8), { store: 0, query: 0 });
});
