import { deepEqual, rejects } from "node:assert/strict";
import { test } from "node:test";
import { createMatcher, formatLabels, labelsFrom, OperatingError } from "@pharos/base";
import type { ExemplarReader, SeriesStore } from "@pharos/ports";
import { MemoryStore } from "@pharos/testing";
import { FanOutReader, type RemoteSelection } from "../src/remote-read/fan-out-reader.ts";

const RANGE = { minMs: 0, maxMs: 100 };
const ANY = [createMatcher("=~", "__name__", ".+")];
const NO_EXEMPLARS: ExemplarReader = { exemplars: async () => [] };

/** A store with series such as `a 1:10 2:20` (`x` for a staleness marker). */
async function storeOf(...lines: readonly string[]): Promise<SeriesStore & ExemplarReader> {
  const store: SeriesStore = new MemoryStore();
  for (const line of lines) {
    const [name = "", ...points] = line.split(" ");
    const pairs = points.map((point) => point.split(":"));
    await store.append({
      labelSets: [labelsFrom({ __name__: name })],
      series: new Uint32Array(pairs.length),
      timestampsMs: Float64Array.from(pairs, ([at]) => Number(at)),
      values: Float64Array.from(pairs, ([, value]) => Number(value)),
      stale: Uint8Array.from(pairs, ([, value]) => Number(value === "x")),
    });
  }
  return Object.assign(store, NO_EXEMPLARS);
}

const broken: RemoteSelection = {
  // biome-ignore lint/correctness/useYield: it fails before there is anything.
  async *select() {
    throw new OperatingError("http.failed", "remote_read: connection refused");
  },
};

async function select(reader: FanOutReader, warnings: string[] = []): Promise<readonly string[]> {
  const { signal } = new AbortController();
  const options = { samplesMax: 1000, signal, warn: (text: string) => warnings.push(text) };
  const list: string[] = [];
  for await (const { labels, timestampsMs, values, stale } of reader.select(RANGE, ANY, options)) {
    const points = Array.from(
      timestampsMs,
      (at, i) => `${at}:${stale?.[i] === 1 ? "x" : values[i]}`,
    );
    list.push(`${formatLabels(labels)} ${points.join(" ")}`);
  }
  return list;
}

test("series of all systems come in order, each once, with the samples of all", async () => {
  const own = await storeOf("b 3:3 4:4", "c 5:5");
  const remotes = [
    await storeOf("a 1:1", "b 1:100 3:300 4:x"),
    await storeOf("b 2:200 3:7", "d 1:1"),
  ];
  deepEqual(await select(new FanOutReader(own, remotes)), [
    "a 1:1",
    "b 1:100 2:200 3:3 4:4",
    "c 5:5",
    "d 1:1",
  ]);
});

test("staleness markers are merged like samples", async () => {
  const own = await storeOf("a 1:1 3:x");
  const remote = await storeOf("a 2:x 4:4");
  deepEqual(await select(new FanOutReader(own, [remote])), ["a 1:1 2:x 3:x 4:4"]);
});

test("a system that fails is a warning, and the others answer", async () => {
  const warnings: string[] = [];
  const reader = new FanOutReader(await storeOf("a 1:1"), [broken, await storeOf("b 1:1")]);
  deepEqual(await select(reader, warnings), ["a 1:1", "b 1:1"]);
  deepEqual(warnings, ["remote_read: connection refused"]);
});

test("more samples than a query may read are no warning", async () => {
  const own = await storeOf("a 1:1");
  const remote = await storeOf("b 1:1 2:2 3:3");
  const { signal } = new AbortController();
  const reading = Array.fromAsync(
    new FanOutReader(own, [remote]).select(RANGE, ANY, { samplesMax: 2, signal }),
  );
  await rejects(reading, { code: "query.too_many_samples" });
});

test("series are those of all systems, and an estimate says that it is of the own store alone", async () => {
  const reader = new FanOutReader(await storeOf("b 1:1"), [
    await storeOf("a 1:1", "b 1:1"),
    broken,
  ]);
  deepEqual((await reader.series(RANGE, [ANY])).map(formatLabels), ["a", "b"]);
  deepEqual((await reader.estimate(RANGE, ANY)).isPartial, true);
});
