// A reader on another thread, while the writer appends, seals and moves chunks.
import { deepEqual, ok } from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { HeadChunks, IndexList } from "../src/head.ts";
import { Kernels } from "../src/kernels.ts";
import { SampleColumns } from "../src/sample-columns.ts";

const SERIES = 4;
const ROUNDS = 20_000;
/** Samples of each series that the writer keeps. */
const KEPT = 2000;

// The reader has an instance of its own on the same memory. Sample i of a series has time 10 i and value i: it reads up
// to the index it saw first, and finds exactly those, or is told to try again; in turns by index, and the newest ones by
// time. The writer frees what is older.
const READER = `
const { parentPort, workerData } = require("node:worker_threads");
const { readFileSync } = require("node:fs");
const { memory, path, head, out, stop, capacity } = workerData;
const { exports } = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(path)), { env: { memory } });
const t = new Float64Array(memory.buffer, out.timestampsMs, capacity);
const v = new Float64Array(memory.buffer, out.values, capacity);
let turn = 0;
const result = { reads: 0, again: 0, wrong: "" };
parentPort.postMessage("ready");
while (Atomics.load(stop, 0) === 0 && result.wrong === "") {
  for (let ref = 0; ref < ${SERIES}; ref++) {
    const total = exports.headTotal(head, ref) >>> 0;
    const byTime = turn++ % 2 === 0;
    const from = Math.max(0, total - (byTime ? 1 + (turn % 60) : 300));
    const minT = byTime ? from * 10 : -Infinity;
    const fromIndex = byTime ? Math.max(0, total - 300) : from;
    let count = -1;
    try {
      count = exports.headRead(head, ref, minT, Infinity, fromIndex, total, out.timestampsMs, out.values, out.stale);
    } catch (error) {
      if (!(error instanceof WebAssembly.RuntimeError)) throw error;
    }
    if (count > 300) result.wrong = count + " samples, more than there was room for";
    if (count < 0) { result.again++; continue; }
    // What it asks for would be held by a snapshot; here it may have been too slow.
    if (from < (exports.headFlushed(head, ref) >>> 0)) continue;
    result.reads++;
    if (count !== total - from) result.wrong = "series " + ref + ": " + count + " samples, not " + (total - from);
    for (let i = 0; i < count; i++)
      if (t[i] !== (from + i) * 10 || v[i] !== from + i) result.wrong = "series " + ref + ": sample " + (from + i) + " is " + t[i] + " " + v[i];
  }
}
parentPort.postMessage(result);
`;

test("a reader on another thread sees whole samples, up to what it was told", async () => {
  const kernels = await Kernels.load();
  const head = new HeadChunks(kernels);
  for (let ref = 0; ref < SERIES; ref++) head.open(ref, ref);
  const columns = new SampleColumns(kernels, 64);
  const rejects = new IndexList(kernels, 64);
  const capacity = 4096;
  const out = {
    timestampsMs: kernels.allocate(capacity * 8),
    values: kernels.allocate(capacity * 8),
    stale: kernels.allocate(capacity),
  };
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const path = new URL("../build/kernels.wasm", import.meta.url).pathname;
  const { memory } = kernels;
  const reader = new Worker(READER, {
    eval: true,
    workerData: { memory, path, head: head.pointer, out, stop, capacity },
  });
  await once(reader, "message");
  for (let round = 0; round < ROUNDS; round++) {
    columns.clear();
    for (let i = 0; i < 64; i++) {
      const index = round * (64 / SERIES) + Math.floor(i / SERIES);
      columns.push(i % SERIES, index * 10, index);
    }
    deepEqual(head.append(columns, rejects), 0);
    if (round % 8 !== 0) continue;
    for (let ref = 0; ref < SERIES; ref++) {
      head.markFlushed(ref, Number.MAX_SAFE_INTEGER, Math.max(0, head.total(ref) - KEPT));
      head.truncate(ref);
    }
  }
  Atomics.store(stop, 0, 1);
  const [result] = await once(reader, "message");
  deepEqual(result.wrong, "");
  ok(result.reads > 10, `${result.reads} reads`);
  await reader.terminate();
});
