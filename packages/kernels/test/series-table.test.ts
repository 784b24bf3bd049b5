import { deepEqual, equal, throws } from "node:assert/strict";
import { test } from "node:test";
import { AssertionFailure, seededRng } from "@pharos/base";
import fc from "fast-check";
import { HEAD_NAMESPACE, Kernels, SeriesTable, VALUE_DROPPED } from "../src/index.ts";
import { xxh64 } from "./oracle/xxh64.ts";

const kernels = await Kernels.load();
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

test("the hash is XXH64", () => {
  const block = kernels.allocate(256);
  const hash = (bytes: Uint8Array, seed: number): bigint => {
    kernels.bytes.set(bytes, block);
    kernels.call("hashInto", block, bytes.length, seed, block + 240);
    return new DataView(kernels.buffer).getBigUint64(block + 240, true);
  };
  // The value that the specification's own test program gives for no bytes.
  equal(hash(new Uint8Array(0), 0), 0xef46db3751d8e999n);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(), (bytes, seed) => {
      equal(hash(bytes, seed), xxh64(bytes, BigInt(seed)));
    }),
  );
});

test("what was inserted is found, in its own namespace only", () => {
  const table = new SeriesTable(kernels);
  const target = table.openNamespace();
  const up = table.insert(HEAD_NAMESPACE, bytesOf("up"), 7);
  equal(table.find(HEAD_NAMESPACE, bytesOf("up")), up);
  equal(table.find(target, bytesOf("up")), -1);
  equal(table.find(HEAD_NAMESPACE, bytesOf("u")), -1);
  equal(table.find(HEAD_NAMESPACE, bytesOf("")), -1);
  const dropped = table.insert(target, bytesOf("up"), VALUE_DROPPED);
  equal(table.valueOf(up), 7);
  equal(table.valueOf(dropped), VALUE_DROPPED);
  equal(textOf(table.bytesOf(dropped)), "up");
  table.setValue(dropped, 9);
  equal(table.valueOf(dropped), 9);
});

test("a series is inserted once, and only into an open namespace", () => {
  const table = new SeriesTable(kernels);
  table.insert(HEAD_NAMESPACE, bytesOf("up"), 1);
  throws(() => table.insert(HEAD_NAMESPACE, bytesOf("up"), 2), AssertionFailure);
  throws(() => table.insert(1, bytesOf("up"), 2), AssertionFailure);
  throws(() => table.valueOf(1), AssertionFailure);
  throws(() => table.closeNamespace(HEAD_NAMESPACE), AssertionFailure);
});

test("a closed namespace gives its memory back and its id comes again, empty", () => {
  const table = new SeriesTable(kernels);
  const kept = table.openNamespace();
  const first = table.openNamespace();
  const second = table.openNamespace();
  table.insert(kept, bytesOf("kept"), 3);
  const usedBefore = kernels.memoryUse().usedSize;
  for (let i = 0; i < 200; i++) table.insert(i % 2 === 0 ? first : second, bytesOf(`s${i}`), i);
  table.closeNamespace(first);
  table.closeNamespace(second);
  equal(kernels.memoryUse().usedSize, usedBefore);
  deepEqual(new Set([table.openNamespace(), table.openNamespace()]), new Set([first, second]));
  equal(table.sizeOf(first), 0);
  equal(table.find(first, bytesOf("s0")), -1);
  equal(table.size, 1);
  equal(table.openNamespace(), second + 1);
});

test("the table does not remember what is very long", () => {
  const table = new SeriesTable(kernels);
  equal(table.remember(HEAD_NAMESPACE, new Uint8Array(4096), VALUE_DROPPED) >= 0, true);
  equal(table.remember(HEAD_NAMESPACE, new Uint8Array(4097), VALUE_DROPPED), -1);
  equal(table.size, 1);
});

test("the table remembers no more than it may", () => {
  const table = new SeriesTable(kernels, { entriesMax: 2 });
  equal(table.remember(HEAD_NAMESPACE, bytesOf("a"), 1) >= 0, true);
  equal(table.remember(HEAD_NAMESPACE, bytesOf("b"), 2) >= 0, true);
  equal(table.remember(HEAD_NAMESPACE, bytesOf("c"), 3), -1);
  equal(table.insert(HEAD_NAMESPACE, bytesOf("c"), 3) >= 0, true);
});

test("removeWhere takes the dead entries of every namespace and leaves the others", () => {
  const table = new SeriesTable(kernels);
  const target = table.openNamespace();
  for (let i = 0; i < 1000; i++) {
    table.insert(HEAD_NAMESPACE, bytesOf(`head ${i}`), i);
    table.insert(target, bytesOf(`text ${i}`), i);
  }
  equal(
    table.removeWhere((value) => value % 3 === 0),
    334 * 2,
  );
  for (let i = 0; i < 1000; i++) {
    equal(table.find(HEAD_NAMESPACE, bytesOf(`head ${i}`)) >= 0, i % 3 !== 0);
    equal(table.find(target, bytesOf(`text ${i}`)) >= 0, i % 3 !== 0);
  }
  const seen: number[] = [];
  table.forEach(target, (entry, value) => {
    seen.push(value);
    table.remove(entry);
  });
  equal(seen.length, 666);
  equal(table.sizeOf(target), 0);
  equal(table.size, 666);
});

test("removeSpellings takes what means a series in all namespaces, removeDropped what is not wanted", () => {
  const table = new SeriesTable(kernels);
  const target = table.openNamespace();
  for (let i = 0; i < 100; i++) {
    table.insert(HEAD_NAMESPACE, bytesOf(`head ${i}`), i);
    table.insert(target, bytesOf(`text ${i}`), i);
  }
  const dropped = table.insert(target, bytesOf("dropped"), VALUE_DROPPED);
  const changed = table.insert(target, bytesOf("changed"), VALUE_DROPPED);
  table.setValue(changed, 64);
  equal(table.removeSpellings(3), 2);
  equal(table.removeSpellings(64), 3);
  equal(table.removeSpellings(5000), 0);
  for (const i of [2, 3, 63, 64, 99]) {
    const there = i !== 3 && i !== 64;
    equal(table.find(HEAD_NAMESPACE, bytesOf(`head ${i}`)) >= 0, there);
    equal(table.find(target, bytesOf(`text ${i}`)) >= 0, there);
  }
  equal(table.find(target, bytesOf("changed")), -1);
  equal(table.valueOf(dropped), VALUE_DROPPED);
  for (let i = 0; i < 4; i++) table.insert(target, bytesOf(`unwanted ${i}`), VALUE_DROPPED);
  equal(table.removeDropped(3), 3);
  equal(table.removeDropped(3), 2);
  equal(table.removeDropped(), 0);
  equal(table.size, 196);
  const again = table.insert(target, bytesOf("text 3"), 7);
  equal(table.valueOf(again), 7);
});

test("any history of insertions and removals leaves what a Map would hold", () => {
  for (const seed of [1, 2, 3]) {
    const rng = seededRng(seed);
    const table = new SeriesTable(kernels, { seed });
    const namespaces = [HEAD_NAMESPACE, table.openNamespace()];
    const expected = new Map<string, { entry: number; value: number }>();
    for (let step = 0; step < 12_000; step++) {
      const namespace = namespaces[rng.below(2)] as number;
      const bytes = bytesOf(`${"x".repeat(rng.below(40))}${rng.below(1500)}`);
      const key = `${namespace} ${textOf(bytes)}`;
      const known = expected.get(key);
      const entry = table.find(namespace, bytes);
      equal(entry, known?.entry ?? -1);
      if (known === undefined) {
        const value = rng.below(2 ** 24);
        expected.set(key, { entry: table.insert(namespace, bytes, value), value });
      } else if (rng.chance(60)) {
        equal(table.valueOf(entry), known.value);
        table.remove(entry);
        expected.delete(key);
      }
    }
    equal(table.size, expected.size);
    const listed = namespaces.flatMap((namespace) => {
      const keys: string[] = [];
      table.forEach(namespace, (entry) => {
        keys.push(`${namespace} ${textOf(table.bytesOf(entry))}`);
      });
      return keys;
    });
    deepEqual(listed.sort(), [...expected.keys()].sort());
  }
});
