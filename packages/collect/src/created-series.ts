import { type Labels, labelsKey, labelValue, METRIC_NAME } from "@pharos/base";
import type { SampleColumns } from "@pharos/kernels";
import type { StartEntries } from "./column-sink.ts";

const CREATED = "_created";
/** What the series of a counter, histogram or summary that count up end in. */
const COUNTING = ["_total", "_bucket", "_count", "_sum"];

/**
 * Finds, for the series of one target, the series `…_created` of OpenMetrics that say when their counting began. Which
 * belong together is decided once a series, by the name of their family and the labels that they were scraped with.
 */
export class CreatedSeries {
  /** By reference, the family and labels of what counts up, and of what says since when. */
  readonly #counting = new Map<number, string>();
  readonly #created = new Map<number, string>();

  /** @param scraped the labels in the body of a series that is stored under a reference. */
  note(ref: number, scraped: Labels): void {
    this.#counting.delete(ref);
    this.#created.delete(ref);
    const name = labelValue(scraped, METRIC_NAME);
    if (name.endsWith(CREATED)) this.#created.set(ref, familyKey(scraped, name, CREATED));
    const suffix = COUNTING.find((one) => name.endsWith(one));
    if (suffix !== undefined) this.#counting.set(ref, familyKey(scraped, name, suffix));
  }

  /** When the counting of the samples in the columns began; undefined where that is known of none. */
  startsOf(columns: SampleColumns): StartEntries | undefined {
    if (this.#created.size === 0) return undefined;
    const { length, series, timestampsMs, values } = columns;
    const startMs = new Map<string, number>();
    for (let at = 0; at < length; at++) {
      const family = this.#created.get(series[at] as number);
      const createdMs = Math.round((values[at] as number) * 1000);
      // 0 is what a library says that does not know it.
      if (family !== undefined && createdMs > 0) startMs.set(family, createdMs);
    }
    if (startMs.size === 0) return undefined;
    const places: number[] = [];
    for (let at = 0; at < length; at++)
      if (this.#counting.has(series[at] as number)) places.push(at);
    const startAt = (at: number): number =>
      startMs.get(this.#counting.get(series[at] as number) ?? "") ?? Number.NaN;
    return {
      refs: Uint32Array.from(places, (at) => series[at] as number),
      timestampsMs: Float64Array.from(places, (at) => timestampsMs[at] as number),
      startsMs: Float64Array.from(places, startAt),
    };
  }

  /** Forgets series that a target has no more. */
  keepOnly(refs: ReadonlySet<number>): void {
    for (const map of [this.#counting, this.#created])
      for (const ref of map.keys()) if (!refs.has(ref)) map.delete(ref);
  }
}

function familyKey(scraped: Labels, name: string, suffix: string): string {
  const family = name.slice(0, -suffix.length);
  return labelsKey(
    scraped.flatMap(([label, value]) => {
      if (label === METRIC_NAME) return [[label, family] as const];
      return label === "le" ? [] : [[label, value] as const];
    }),
  );
}
