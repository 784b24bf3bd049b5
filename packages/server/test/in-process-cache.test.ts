import { equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { SimClock, sharedCacheConformance } from "@pharos/testing";
import { InProcessCache } from "../src/queries/in-process-cache.ts";

sharedCacheConformance("the cache in the process", () => {
  const clock = new SimClock();
  return {
    cache: new InProcessCache(clock, 1024 ** 2),
    pass: (ms) => clock.advance(ms),
  };
});

test("what was used longest ago makes room", async () => {
  const cache = new InProcessCache(new SimClock(), 10_000);
  for (let at = 0; at < 9; at++) await cache.set(`k${at}`, new Uint8Array(800), 1000);
  await cache.get("k0");
  for (let at = 9; at < 12; at++) await cache.set(`k${at}`, new Uint8Array(800), 1000);
  ok(cache.size <= 10_000);
  ok((await cache.get("k0")) !== undefined);
  equal(await cache.get("k1"), undefined);
  equal(cache.count, 9);
});

test("a value that would take more than a quarter of the cache is not kept, and the one before it is gone", async () => {
  const cache = new InProcessCache(new SimClock(), 10_000);
  await cache.set("k", new Uint8Array(10), 1000);
  await cache.set("k", new Uint8Array(3000), 1000);
  equal(await cache.get("k"), undefined);
  equal(cache.size, 0);
});
