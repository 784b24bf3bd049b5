// Whether what a server gives back is what it was sent.
import { nodeDisk, systemClock } from "@pharos/adapters/node";
import { createMatcher } from "@pharos/base";
import { Kernels, SeriesTable } from "@pharos/kernels";
import { openStore } from "@pharos/tsdb";
import { type SeriesSamples, STALE_NAN } from "./disk-data.ts";
import { queryRaw } from "./query.ts";
import type { ServerProcess } from "./server-process.ts";

export interface Difference {
  /** Samples sent that can be told apart here. */
  readonly compared: number;
  /** Those of them that are there with another value. */
  readonly changed: number;
  readonly missing: number;
  /** Samples that were not sent. */
  readonly added: number;
}

/**
 * Compares through the query API. It has no staleness markers, so they are not compared; one NaN is like another; but -0
 * is not 0.
 */
export async function differencesOverHttp(
  server: ServerProcess,
  series: readonly SeriesSamples[],
): Promise<Difference> {
  const groups = Map.groupBy(series, ({ labels }) =>
    JSON.stringify([labels["__name__"], labels["instance"]]),
  );
  const total = new Tally();
  for (const [key, members] of groups) {
    const [name, instance] = JSON.parse(key) as [string, string];
    const [firstMs, lastMs] = bounds(members);
    // A second more at both ends: where a range begins, servers differ.
    const spanSeconds = Math.ceil((lastMs - firstMs) / 1000) + 2;
    const selector = `{__name__="${name}",instance="${instance}"}[${spanSeconds}s]`;
    const found = new Map<string, readonly (readonly [number, string])[]>();
    for (const { metric, values } of await queryRaw(server, selector, lastMs + 1000))
      found.set(labelsKey(metric), values);
    for (const { labels, timestampsMs, values } of members) {
      const bits = bitsOf(values);
      const kept: number[] = [];
      const marked = new Set<number>();
      for (const [at, timestampMs] of timestampsMs.entries())
        if (bits[at] === STALE_NAN) marked.add(timestampMs);
        else kept.push(at);
      // Some servers show a marker as a NaN.
      const read = (found.get(labelsKey(labels)) ?? []).filter(
        ([seconds]) => marked.size === 0 || !marked.has(Math.round(seconds * 1000)),
      );
      total.add(
        kept.map((at) => timestampsMs[at] as number),
        read.map(([seconds]) => Math.round(seconds * 1000)),
        (sentAt, readAt) => {
          const sent = values[kept[sentAt] as number] as number;
          return Object.is(sent, parseValue(read[readAt]?.[1] ?? ""));
        },
      );
    }
  }
  return total;
}

/** Compares every bit of what lies in the data folder of ours, whose server has ended. */
export async function differencesOnDisk(
  folder: string,
  series: readonly SeriesSamples[],
): Promise<Difference> {
  const kernels = await Kernels.load();
  const table = new SeriesTable(kernels, { seed: 1 });
  await using store = await openStore({
    disk: nodeDisk(folder),
    clock: systemClock,
    kernels,
    table,
  });
  const sent = new Map(series.map((each) => [labelsKey(each.labels), each]));
  const total = new Tally();
  const [minMs, maxMs] = bounds(series);
  const any = createMatcher("!=", "job", "");
  const { signal } = new AbortController();
  const options = { samplesMax: Number.POSITIVE_INFINITY, signal };
  for await (const read of store.select({ minMs, maxMs }, [any], options)) {
    const key = labelsKey(Object.fromEntries(read.labels));
    const { timestampsMs = [], values } = sent.get(key) ?? {};
    sent.delete(key);
    const sentBits = values === undefined ? undefined : bitsOf(values);
    const readBits = bitsOf(read.values);
    total.add(timestampsMs, read.timestampsMs, (sentAt, readAt) => {
      const bits = read.stale?.[readAt] === 1 ? STALE_NAN : readBits[readAt];
      return bits === sentBits?.[sentAt];
    });
  }
  for (const { timestampsMs } of sent.values()) total.add(timestampsMs, [], () => false);
  return total;
}

class Tally implements Difference {
  compared = 0;
  changed = 0;
  missing = 0;
  added = 0;

  /** Walks both columns of increasing timestamps; `isSame` tells whether the values at two places are. */
  add(
    sentMs: ArrayLike<number>,
    readMs: ArrayLike<number>,
    isSame: (sentAt: number, readAt: number) => boolean,
  ): void {
    this.compared += sentMs.length;
    let readAt = 0;
    for (let sentAt = 0; sentAt < sentMs.length; sentAt++) {
      const timestampMs = sentMs[sentAt] as number;
      while (readAt < readMs.length && (readMs[readAt] as number) < timestampMs) {
        readAt++;
        this.added++;
      }
      if (readMs[readAt] !== timestampMs) this.missing++;
      else if (!isSame(sentAt, readAt++)) this.changed++;
    }
    this.added += readMs.length - readAt;
  }
}

function bounds(series: readonly SeriesSamples[]): readonly [firstMs: number, lastMs: number] {
  let [first, last] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { timestampsMs } of series) {
    first = Math.min(first, timestampsMs[0] ?? first);
    last = Math.max(last, timestampsMs.at(-1) ?? last);
  }
  return [first, last];
}

function bitsOf(values: Float64Array): BigUint64Array {
  return new BigUint64Array(values.buffer, values.byteOffset, values.length);
}

function labelsKey(labels: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function parseValue(text: string): number {
  if (text === "+Inf") return Number.POSITIVE_INFINITY;
  if (text === "-Inf") return Number.NEGATIVE_INFINITY;
  return Number(text);
}
