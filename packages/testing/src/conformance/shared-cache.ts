import { deepEqual, equal } from "node:assert/strict";
import { describe, test } from "node:test";
import { CACHE_KEY_SIZE_MAX, type SharedCache } from "@pharos/ports";

const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
const text = (value: Uint8Array | undefined): string | undefined =>
  value && new TextDecoder().decode(value);

/** An empty cache, and a way to let time pass for it. */
export interface OpenedSharedCache {
  readonly cache: SharedCache;
  pass(ms: number): Promise<void>;
}

const MINUTE_MS = 60_000;

/** What `SharedCache` promises, as tests. `open` gives an empty cache each time. */
export function sharedCacheConformance(
  name: string,
  open: () => OpenedSharedCache | Promise<OpenedSharedCache>,
): void {
  describe(`${name} keeps the SharedCache contract`, () => {
    test("what was set is found under its key, and nothing under others", async () => {
      const { cache } = await open();
      await cache.set("answer:a", bytes("one"), MINUTE_MS);
      await cache.set("answer:b", bytes(""), MINUTE_MS);
      equal(text(await cache.get("answer:a")), "one");
      equal(text(await cache.get("answer:b")), "");
      equal(await cache.get("answer:c"), undefined);
    });

    test("a new value takes the place of the old one, and its time begins anew", async () => {
      const { cache, pass } = await open();
      await cache.set("k", bytes("old"), MINUTE_MS);
      await pass(MINUTE_MS - 1000);
      await cache.set("k", bytes("new"), MINUTE_MS);
      await pass(MINUTE_MS - 1000);
      equal(text(await cache.get("k")), "new");
    });

    test("a value is gone when its time is over, however often it was asked for", async () => {
      const { cache, pass } = await open();
      await cache.set("short", bytes("x"), MINUTE_MS);
      await cache.set("long", bytes("y"), 60 * MINUTE_MS);
      await pass(MINUTE_MS - 1000);
      equal(text(await cache.get("short")), "x");
      await pass(1000);
      equal(await cache.get("short"), undefined);
      equal(text(await cache.get("long")), "y");
    });

    test("what is deleted is gone, and deleting nothing is no failure", async () => {
      const { cache } = await open();
      await cache.set("k", bytes("x"), MINUTE_MS);
      await cache.delete("k");
      await cache.delete("k");
      equal(await cache.get("k"), undefined);
    });

    test("neither who set a value nor who got it changes what is kept", async () => {
      const { cache } = await open();
      const value = bytes("abc");
      await cache.set("k", value, MINUTE_MS);
      value.fill(0);
      (await cache.get("k"))?.fill(0);
      deepEqual(text(await cache.get("k")), "abc");
    });

    test("keys may have any characters, and be as long as they may be", async () => {
      const { cache } = await open();
      const keys = ["a b\n{c}", "é😀", "x".repeat(CACHE_KEY_SIZE_MAX), "__proto__"];
      for (const key of keys) await cache.set(key, bytes(key), MINUTE_MS);
      for (const key of keys) equal(text(await cache.get(key)), key);
    });
  });
}
