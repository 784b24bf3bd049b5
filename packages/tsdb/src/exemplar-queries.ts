import { compareLabels, type Labels, labelsKey, type Matcher, OperatingError } from "@pharos/base";
import { decodeLabels } from "@pharos/kernels";
import type { Exemplar, SeriesExemplars, TimeRange } from "@pharos/ports";
import { type AttachedList, AttachedListBuilder, pieceAt } from "./attached-list.ts";
import type { Block, OnDamage } from "./block/block.ts";
import type { ColumnDecoder } from "./block/column-decoder.ts";
import type { ColumnSet } from "./block/column-set.ts";
import { ColumnSetBuffer, sliceBytes } from "./block/column-set-buffer.ts";
import type { Head } from "./head.ts";
import { type LabelList, LabelListBuilder, labelsAt } from "./label-list.ts";
import type { MatcherLists } from "./label-queries.ts";
import type { Pause } from "./slices.ts";

/** Exemplars in one answer; a question that finds more must ask for less time or fewer series. */
const EXEMPLARS_ANSWERED_MAX = 500_000;

/** What the head has for a question about exemplars; can be sent to another thread. */
export interface HeadExemplars {
  readonly labels: LabelList;
  readonly exemplars: AttachedList;
}

/** Of the series in any of the lists; all of one moment. */
export function headExemplars(
  head: Head,
  { minMs, maxMs }: TimeRange,
  lists: readonly Uint32Array[],
): HeadExemplars {
  const found = new Set<number>();
  if (head.exemplars.count > 0)
    for (const list of lists) for (const ref of list) if (head.exemplars.has(ref)) found.add(ref);
  const labels = new LabelListBuilder(found.size);
  const exemplars = new AttachedListBuilder();
  let position = 0;
  for (const ref of found)
    if (exemplars.add(position, head.exemplars, ref, minMs, maxMs)) {
      labels.add(head.labelBytesOf(ref));
      position++;
    }
  return { labels: labels.list(), exemplars: exemplars.list() };
}

/** Puts the answer to a question about exemplars together, from places in the order in which they stand. */
export class ExemplarAnswer {
  readonly #series = new Map<
    string,
    { readonly labels: Labels; readonly columns: ColumnSetBuffer }
  >();
  #count = 0;

  /** @throws OperatingError `query.too_many_samples`. */
  add(labels: Labels, columns: ColumnSet): void {
    const series = this.#series.getOrInsertComputed(labelsKey(labels), () => ({
      labels,
      columns: new ColumnSetBuffer("exemplars", 8),
    }));
    series.columns.add(columns);
    this.#count += columns.timestampsMs.length;
    if (this.#count > EXEMPLARS_ANSWERED_MAX)
      throw new OperatingError(
        "query.too_many_samples",
        `more than ${EXEMPLARS_ANSWERED_MAX} exemplars; ask for less time or fewer series`,
      );
  }

  addHead({ labels, exemplars }: HeadExemplars): void {
    for (const [at, position] of exemplars.positions.entries()) {
      const columns = pieceAt(exemplars, at);
      if (columns !== undefined) this.add(labelsAt(labels, position), columns);
    }
  }

  /** Without what is damaged, which is reported. @throws OperatingError `disk.failed`, `query.too_many_samples`. */
  async addBlock(
    block: Block,
    decoder: ColumnDecoder,
    { minMs, maxMs }: TimeRange,
    matcherLists: MatcherLists,
    pause: Pause,
    damaged: OnDamage,
  ): Promise<void> {
    const read = async (matchers: readonly Matcher[], done: Set<number>): Promise<void> => {
      for (const series of block.select(matchers)) {
        if (done.has(series)) continue;
        done.add(series);
        const add = (columns: ColumnSet): void => this.add(block.labelsOf(series), columns);
        block.read(series, "exemplars", minMs, maxMs, decoder, add, damaged);
        await pause();
      }
    };
    const done = new Set<number>();
    for (const matchers of matcherLists)
      try {
        await read(matchers, done);
      } catch (error) {
        if (!(error instanceof OperatingError) || error.code !== "disk.corrupt") throw error;
        damaged(error);
      }
  }

  /** Sorted by labels. */
  series(): SeriesExemplars[] {
    return [...this.#series.values()]
      .sort((a, b) => compareLabels(a.labels, b.labels))
      .map(({ labels, columns }) => ({ labels, exemplars: exemplarsOf(columns.columns) }));
  }
}

function exemplarsOf({ timestampsMs, floats, bytes }: ColumnSet): Exemplar[] {
  const [bits, labels] = [floats[0] as Uint32Array, bytes[0] as ColumnSet["bytes"][number]];
  const values = new Float64Array(bits.slice().buffer);
  return Array.from(timestampsMs, (timestampMs, at) => ({
    labels: decodeLabels(sliceBytes(labels, at, at + 1).bytes),
    timestampMs,
    value: values[at] as number,
  }));
}
