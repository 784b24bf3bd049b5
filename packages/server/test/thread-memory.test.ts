import { equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { Kernels } from "@pharos/kernels";
import { threadMemory } from "../src/threads/thread-memory.ts";

const SIZE = 8 * 1024 * 1024;

test("what lies outside of the heap is counted as buffers", () => {
  const before = threadMemory();
  const buffer = new ArrayBuffer(SIZE);
  ok(threadMemory().buffers >= before.buffers + buffer.byteLength);
});

test("blocks of the kernels count while they are handed out, what was taken from the system for good", async () => {
  const kernels = await Kernels.load();
  const before = threadMemory(kernels);
  const pointer = kernels.allocate(SIZE);
  const during = threadMemory(kernels);
  kernels.release(pointer, SIZE);
  const after = threadMemory(kernels);
  equal(during.kernelsUsed - before.kernelsUsed, SIZE);
  equal(after.kernelsUsed, before.kernelsUsed);
  ok(during.kernels >= SIZE);
  equal(after.kernels, during.kernels);
});

test("a thread without kernels has no memory of theirs", () => {
  const { kernels, kernelsUsed } = threadMemory();
  equal(kernels, 0);
  equal(kernelsUsed, 0);
});
