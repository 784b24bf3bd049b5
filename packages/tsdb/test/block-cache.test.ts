import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { BlockCache } from "../src/block/block-cache.ts";

test("a cache that is cleared keeps nothing, and goes on as a new one", () => {
  const cache = new BlockCache(10_000);
  const [pages, series] = [cache.space<string>(), cache.space<string>()];
  pages.put(1, "page", 100);
  series.put(1, "series", 100);
  let dropped = 0;
  cache.hold({ dropPages: () => dropped++ });
  cache.clear();
  deepEqual([pages.get(1), series.get(1)], [undefined, undefined]);
  const { usedSize, entries } = cache.stats;
  deepEqual([usedSize, entries, dropped], [0, 0, 1]);
  pages.put(1, "again", 100);
  equal(pages.get(1), "again");
  equal(cache.stats.entries, 1);
});
