import { deepEqual, equal, rejects } from "node:assert/strict";
import { describe, test } from "node:test";
import {
  assert,
  createMatcher,
  formatLabels,
  formatValue,
  type Labels,
  labelsFrom,
  type Matcher,
  METRIC_NAME,
} from "@pharos/base";
import {
  inLots,
  type SampleBatch,
  type Selection,
  type SeriesColumns,
  type SeriesStore,
} from "@pharos/ports";

/** Times in the notation below count from here, in seconds. */
const EPOCH_MS = 1_700_000_000_000;
const EVERYTHING = { minMs: EPOCH_MS - 3_600_000, maxMs: EPOCH_MS + 3_600_000 };

/** What `SeriesStore` promises, as tests. Every implementation runs all of it, and nothing is skipped. */
export function seriesStoreConformance(name: string, open: () => Promise<SeriesStore>): void {
  describe(`${name} keeps the SeriesStore contract`, () => {
    test("what was appended is read back, by time", async () => {
      await using store = await open();
      await store.append(batch('cpu{host="a"} 10:1 20:2.5 30:-Inf'));
      deepEqual(await read(store, { matchers: "cpu" }), ['cpu{host="a"} 10:1 20:2.5 30:-Inf']);
    });

    test("both ends of a range are included, and nothing beyond them", async () => {
      await using store = await open();
      await store.append(batch("cpu 10:1 20:2 30:3 40:4"));
      deepEqual(await read(store, { matchers: "cpu", from: 20, to: 30 }), ["cpu 20:2 30:3"]);
    });

    test("series come sorted by labels, and those without samples in the range stay out", async () => {
      await using store = await open();
      await store.append(batch('cpu{host="b"} 10:1', 'cpu{host="a"} 10:2', 'cpu{host="c"} 99:3'));
      deepEqual(await read(store, { matchers: "cpu", from: 0, to: 50 }), [
        'cpu{host="a"} 10:2',
        'cpu{host="b"} 10:1',
      ]);
    });

    test("labels sort by UTF-8 bytes, where an emoji comes after a private-use character", async () => {
      await using store = await open();
      await store.append(batch('cpu{host="😀"} 10:1', 'cpu{host="\ue000"} 10:2'));
      deepEqual(await read(store, { matchers: "cpu" }), [
        'cpu{host="\ue000"} 10:2',
        'cpu{host="😀"} 10:1',
      ]);
    });

    test("all matchers must match, and an absent label has the value ''", async () => {
      await using store = await open();
      await store.append(batch('cpu{host="a"} 10:1', "cpu 10:2", 'mem{host="a"} 10:3'));
      deepEqual(await read(store, { matchers: 'host="a"' }), [
        'cpu{host="a"} 10:1',
        'mem{host="a"} 10:3',
      ]);
      deepEqual(await read(store, { matchers: 'cpu host=""' }), ["cpu 10:2"]);
      deepEqual(await read(store, { matchers: 'cpu host!="a"' }), ["cpu 10:2"]);
      deepEqual(await read(store, { matchers: '__name__=~"c.u|x" host=~"a|b"' }), [
        'cpu{host="a"} 10:1',
      ]);
      deepEqual(await read(store, { matchers: 'host="a" __name__!~"c.*"' }), [
        'mem{host="a"} 10:3',
      ]);
    });

    test("appending the same samples again changes nothing and counts them as duplicates", async () => {
      await using store = await open();
      const samples = ["cpu 10:1 20:NaN 30:stale"];
      deepEqual(await store.append(batch(...samples)), result({ appended: 3 }));
      deepEqual(await store.append(batch(...samples)), result({ duplicate: 3 }));
      deepEqual(await read(store, { matchers: "cpu" }), samples);
    });

    test("the first value at a timestamp stands; another one is counted as conflicting", async () => {
      await using store = await open();
      await store.append(batch("cpu 10:1 20:2"));
      deepEqual(await store.append(batch("cpu 20:3")), result({ conflicting: 1 }));
      deepEqual(await store.append(batch("cpu 20:stale")), result({ conflicting: 1 }));
      deepEqual(await read(store, { matchers: "cpu" }), ["cpu 10:1 20:2"]);
    });

    test("a batch that holds a sample twice counts it once as appended, once as duplicate", async () => {
      await using store = await open();
      deepEqual(await store.append(batch("cpu 10:1 10:1")), result({ appended: 1, duplicate: 1 }));
    });

    test("an empty batch appends nothing", async () => {
      await using store = await open();
      deepEqual(await store.append(batch()), result({}));
      deepEqual(await read(store, { matchers: 'host=""' }), []);
    });

    test("a staleness marker is no ordinary NaN", async () => {
      await using store = await open();
      await store.append(batch("cpu 10:NaN 20:stale 30:3", "mem 10:NaN"));
      deepEqual(await read(store, { matchers: '__name__=~".+"' }), [
        "cpu 10:NaN 20:stale 30:3",
        "mem 10:NaN",
      ]);
    });

    test("the batch may be reused once the append has resolved", async () => {
      await using store = await open();
      const samples = batch("cpu 10:1 20:stale");
      await store.append(samples);
      samples.timestampsMs.fill(EPOCH_MS);
      samples.values.fill(99);
      samples.stale?.fill(0);
      deepEqual(await read(store, { matchers: "cpu" }), ["cpu 10:1 20:stale"]);
    });

    test("later appends continue a series", async () => {
      await using store = await open();
      await store.append(batch("cpu 10:1"));
      await store.append(batch("cpu 20:2", 'cpu{host="a"} 20:5'));
      deepEqual(await read(store, { matchers: "cpu" }), ["cpu 10:1 20:2", 'cpu{host="a"} 20:5']);
    });

    test("a select is a snapshot: appends after the call are not seen", async () => {
      await using store = await open();
      await store.append(batch("cpu 10:1", "mem 10:1"));
      const selection = store.select(EVERYTHING, [createMatcher("=~", METRIC_NAME, ".+")], {
        samplesMax: Number.POSITIVE_INFINITY,
        signal: new AbortController().signal,
      });
      await store.append(batch("cpu 20:2", "disk 10:1", "mem 20:2"));
      deepEqual(await collect(selection), ["cpu 10:1", "mem 10:1"]);
    });

    test("a select of more samples than allowed ends with query.too_many_samples", async () => {
      await using store = await open();
      await store.append(batch("cpu 10:1 20:2 30:3", "mem 10:1 20:2"));
      equal((await read(store, { matchers: '__name__=~".+"', samplesMax: 5 })).length, 2);
      await rejects(read(store, { matchers: '__name__=~".+"', samplesMax: 4 }), {
        code: "query.too_many_samples",
      });
    });

    test("an aborted select throws the signal's reason", async () => {
      await using store = await open();
      await store.append(batch("cpu 10:1", "mem 10:1"));
      const controller = new AbortController();
      controller.abort(new Error("the reader left"));
      await rejects(read(store, { matchers: "cpu", signal: controller.signal }), {
        message: "the reader left",
      });
    });

    test("a reader may stop in the middle of a select", async () => {
      await using store = await open();
      await store.append(batch("cpu 10:1", "mem 10:1"));
      const selection = store.select(EVERYTHING, [createMatcher("=~", METRIC_NAME, ".+")], {
        samplesMax: Number.POSITIVE_INFINITY,
        signal: new AbortController().signal,
      });
      for await (const { labels } of selection) {
        equal(formatLabels(labels), "cpu");
        break;
      }
      deepEqual(await read(store, { matchers: "mem" }), ["mem 10:1"]);
    });

    test("series lists the label sets that match any of the lists, sorted, each once", async () => {
      await using store = await open();
      await store.append(
        batch('cpu{host="b"} 10:1', 'cpu{host="a"} 10:1', "mem 10:1", "disk 10:1"),
      );
      const labelSets = await store.series(EVERYTHING, [
        matchersOf("mem"),
        matchersOf("cpu"),
        matchersOf('cpu host="a"'),
      ]);
      deepEqual(labelSets.map(formatLabels), ['cpu{host="a"}', 'cpu{host="b"}', "mem"]);
    });

    test("series leaves out what has no samples in the range", async () => {
      await using store = await open();
      await store.append(batch('cpu{host="a"} 10:1', 'cpu{host="b"} 50:1'));
      const labelSets = await store.series(rangeOf(0, 49), [matchersOf("cpu")]);
      deepEqual(labelSets.map(formatLabels), ['cpu{host="a"}']);
    });

    test("label names come sorted, of the series that match any of the lists, or of all", async () => {
      await using store = await open();
      await store.append(batch('cpu{host="a",core="0"} 10:1', 'mem{zone="x"} 10:1'));
      deepEqual(await store.labelNames(EVERYTHING, []), [METRIC_NAME, "core", "host", "zone"]);
      deepEqual(await store.labelNames(EVERYTHING, [matchersOf("mem")]), [METRIC_NAME, "zone"]);
      deepEqual(await store.labelNames(rangeOf(20, 30), [matchersOf("mem")]), []);
    });

    test("label values come sorted, of the series that match any of the lists, or of all", async () => {
      await using store = await open();
      await store.append(batch('cpu{host="b"} 10:1', 'cpu{host="a"} 10:1', 'mem{host="c"} 10:1'));
      deepEqual(await store.labelValues("host", EVERYTHING, []), ["a", "b", "c"]);
      deepEqual(await store.labelValues("host", EVERYTHING, [matchersOf("cpu")]), ["a", "b"]);
      deepEqual(await store.labelValues("zone", EVERYTHING, []), []);
      deepEqual(await store.labelValues(METRIC_NAME, EVERYTHING, []), ["cpu", "mem"]);
    });

    test("many series with many samples come back whole", async () => {
      await using store = await open();
      const lines = Array.from({ length: 50 }, (_, i) => {
        const samples = Array.from({ length: 300 }, (_, j) => `${j * 5}:${i * j}`);
        return `cpu{core="${String(i).padStart(3, "0")}"} ${samples.join(" ")}`;
      });
      for (let from = 0; from < 300; from += 60)
        await store.append(
          batch(
            ...lines.map((line) => {
              const [series, ...samples] = line.split(" ");
              return [series, ...samples.slice(from, from + 60)].join(" ");
            }),
          ),
        );
      deepEqual(await read(store, { matchers: "cpu" }), lines);
    });
  });
}

function result(counts: { appended?: number; duplicate?: number; conflicting?: number }) {
  return { appended: 0, duplicate: 0, tooOld: 0, tooNew: 0, conflicting: 0, ...counts };
}

/** Both ends in seconds. */
function rangeOf(from: number, to: number): { minMs: number; maxMs: number } {
  return { minMs: EPOCH_MS + from * 1000, maxMs: EPOCH_MS + to * 1000 };
}

/** A batch from lines such as `cpu{host="a"} 10:1 20:stale`: seconds and value of each sample. */
function batch(...lines: readonly string[]): SampleBatch {
  const labelSets: Labels[] = [];
  const samples: { series: number; timestampMs: number; value: number; stale: boolean }[] = [];
  for (const line of lines) {
    const match = /^([^ {]+)(?:\{(.*)\})?((?: \S+)*)$/.exec(line);
    assert(match !== null, () => `series line ${line}`);
    const [, name = "", labels = "", points = ""] = match;
    const pairs = [...labels.matchAll(/([^,=]+)="([^"]*)"/g)].map(
      ([, label = "", value = ""]) => [label, value] as const,
    );
    labelSets.push(labelsFrom([[METRIC_NAME, name], ...pairs]));
    for (const point of points.split(" ").filter((text) => text !== "")) {
      const [second = "", value = ""] = point.split(":");
      samples.push({
        series: labelSets.length - 1,
        timestampMs: EPOCH_MS + Number(second) * 1000,
        value: value === "stale" ? Number.NaN : parseValue(value),
        stale: value === "stale",
      });
    }
  }
  return {
    labelSets,
    series: Uint32Array.from(samples, ({ series }) => series),
    timestampsMs: Float64Array.from(samples, ({ timestampMs }) => timestampMs),
    values: Float64Array.from(samples, ({ value }) => value),
    stale: samples.some(({ stale }) => stale)
      ? Uint8Array.from(samples, ({ stale }) => (stale ? 1 : 0))
      : null,
  };
}

function parseValue(text: string): number {
  return text.endsWith("Inf")
    ? Number(text.replace("Inf", "Infinity"))
    : text === "NaN"
      ? Number.NaN
      : Number(text);
}

/** Matchers from text such as `cpu host="a"`: a bare word is the metric name. */
function matchersOf(text: string): readonly Matcher[] {
  return text.split(" ").map((part) => {
    const match = /^(\w+)(=~|!~|!=|=)"(.*)"$/.exec(part);
    if (match === null) return createMatcher("=", METRIC_NAME, part);
    const [, name = "", type = "=", value = ""] = match;
    return createMatcher(type as Matcher["type"], name, value);
  });
}

/** The selected series, each as a line in the notation of `batch`. */
async function read(
  store: SeriesStore,
  query: {
    matchers: string;
    from?: number;
    to?: number;
    samplesMax?: number;
    signal?: AbortSignal;
  },
): Promise<readonly string[]> {
  const { from = -3600, to = 3600, samplesMax = Number.POSITIVE_INFINITY } = query;
  const signal = query.signal ?? new AbortController().signal;
  const select = () =>
    store.select(rangeOf(from, to), matchersOf(query.matchers), { samplesMax, signal });
  const lines = await collect(select());
  deepEqual(await collect(oneByOne(select())), lines, "the series in lots are the same");
  return lines;
}

async function* oneByOne(selection: Selection): AsyncGenerator<SeriesColumns> {
  for await (const lot of inLots(selection)) yield* lot;
}

async function collect(selection: AsyncIterable<SeriesColumns>): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const { labels, timestampsMs, values, stale } of selection) {
    equal(timestampsMs.length, values.length);
    if (stale !== null) equal(stale.length, values.length);
    const points = Array.from(values, (value, i) => {
      const second = ((timestampsMs[i] as number) - EPOCH_MS) / 1000;
      return `${second}:${stale?.[i] === 1 ? "stale" : formatValue(value)}`;
    });
    lines.push([formatLabels(labels), ...points].join(" "));
  }
  return lines;
}
