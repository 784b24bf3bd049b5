import type { Labels, Matcher } from "@pharos/base";
import type { HeadReader } from "@pharos/kernels";
import type { SelectOptions, TimeRange } from "@pharos/ports";
import {
  type AttachedList,
  AttachedListBuilder,
  pieceAt,
  piecesByPosition,
} from "./attached-list.ts";
import type { ColumnSetBuffer } from "./block/column-set-buffer.ts";
import { ColumnBuffer } from "./column-buffer.ts";
import type { Head } from "./head.ts";
import { selectSeries, selectSeriesInSlices } from "./label-index.ts";
import { type LabelList, LabelListBuilder, type SortedSeries } from "./label-list.ts";
import type { SelectionSource } from "./selection.ts";
import type { Pause } from "./slices.ts";
import type { StartColumns } from "./start-columns.ts";

/**
 * The head's part of a selection, as it is at one moment: columns, one entry a series, that can be sent to another
 * thread. A series' samples are those in the head's chunks with an index from `fromIndexes` to below `toIndexes`, and
 * copies of those that came late.
 */
export interface HeadSelection {
  readonly refs: Uint32Array;
  readonly fromIndexes: Uint32Array;
  readonly toIndexes: Uint32Array;
  readonly late: LateColumns;
  /** Native histograms; undefined where they were not asked for. */
  readonly histograms: AttachedList | undefined;
  /** When the counting of samples began; undefined where it was not asked for or is not known of any. */
  readonly starts: StartLists | undefined;
  /** How many series had ended at that moment: while it stays the same, references keep their meaning. */
  readonly seriesEnded: number;
}

/** The late samples of the series that have some, by time within each. */
export interface LateColumns {
  /** Where each series is in the selection, rising. */
  readonly positions: Uint32Array;
  /** Where each series' samples end. */
  readonly ends: Uint32Array;
  readonly timestampsMs: Float64Array;
  readonly bits: Uint32Array;
}

/** The runs of starts of the series that have some, as `HeadStarts.addWithin` gives them. */
export interface StartLists {
  /** Where each series is in the selection, rising. */
  readonly positions: Uint32Array;
  /** Where each series' numbers end. */
  readonly ends: Uint32Array;
  readonly runs: Float64Array;
}

/** What a selection asks for beside float samples. */
export type SelectionWishes = Pick<SelectOptions, "histograms" | "starts">;

/** How often matchers are looked at again, since references came to mean others meanwhile, before it is in one go. */
const ATTEMPTS_MAX = 3;

/**
 * Hands the series that match each list of matchers to `use`, which sees the head in the moment for which they are right.
 * Finding them gives others their turn where it is more than a little work, and is done before the first wait where it
 * is not: series that begin meanwhile may be among them or not.
 */
export async function useMatching<T>(
  head: Head,
  matcherLists: readonly (readonly Matcher[])[],
  pause: Pause,
  use: (lists: readonly Uint32Array[]) => T,
): Promise<Awaited<T>> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const { endedCount, referenceEpoch } = head;
    const lists: Uint32Array[] = [];
    for (const matchers of matcherLists) {
      const list = selectSeriesInSlices(head.index, matchers, pause);
      lists.push(list instanceof Uint32Array ? list : await list);
    }
    if (head.referenceEpoch !== referenceEpoch) continue;
    if (head.endedCount === endedCount) return await use(lists);
    return await use(lists.map((list) => list.filter((ref) => head.chunks.has(ref))));
  }
  return await use(matcherLists.map((matchers) => selectSeries(head.index, matchers)));
}

/**
 * What the head has of the series at this moment: appends after the call do not show, so that no batch is seen in part.
 *
 * @param matching changed by the call.
 */
export function resolveHead(
  head: Head,
  { minMs, maxMs }: TimeRange,
  matching: Uint32Array,
  wishes: SelectionWishes,
): HeadSelection {
  const { chunks } = head;
  // What is flushed is in a block that the reader sees as well.
  const { fromIndexes, toIndexes } = chunks.resolve(matching, minMs, maxMs);
  const late = new LateBuilder();
  const mayBeLate = head.late.count > 0;
  const mayHaveHistograms = wishes.histograms === true && head.histograms.count > 0;
  const histograms = mayHaveHistograms ? new AttachedListBuilder() : undefined;
  const mayHaveStarts = wishes.starts === true && head.starts.count > 0;
  const starts = mayHaveStarts ? new StartListsBuilder() : undefined;
  let count = 0;
  for (let at = 0; at < matching.length; at++) {
    const ref = matching[at] as number;
    const cameLate = mayBeLate && late.add(count, head, ref, minMs, maxMs);
    const hasHistograms = histograms?.add(count, head.histograms, ref, minMs, maxMs) === true;
    if (fromIndexes[at] === toIndexes[at] && !cameLate && !hasHistograms) continue;
    starts?.add(count, head, ref, minMs, maxMs);
    matching[count] = ref; // Never ahead of where the loop is.
    fromIndexes[count] = fromIndexes[at] as number;
    toIndexes[count] = toIndexes[at] as number;
    count++;
  }
  // In one buffer: a selection is sent to another thread, where most are small, and each buffer of them has its price.
  const columns = new Uint32Array(3 * count);
  const place = (column: Uint32Array, at: number): Uint32Array => {
    columns.set(column.subarray(0, count), at * count);
    return columns.subarray(at * count, (at + 1) * count);
  };
  return {
    refs: place(matching, 0),
    fromIndexes: place(fromIndexes, 1),
    toIndexes: place(toIndexes, 2),
    late: late.columns(columns.buffer),
    histograms: histograms?.list(),
    starts: starts?.lists(),
    seriesEnded: head.endedCount,
  };
}

/**
 * The labels of a selection's series. Copying them gives others their turn; a snapshot is held meanwhile, so that the
 * references mean what they meant.
 */
export async function headLabels(head: Head, refs: Uint32Array, pause: Pause): Promise<LabelList> {
  const labels = new LabelListBuilder(refs.length);
  for (const ref of refs) {
    labels.add(head.labelBytesOf(ref));
    await pause();
  }
  return labels.list();
}

/** The buffers of a selection, to be moved to another thread instead of copied. */
export function buffersOf({ refs, fromIndexes, toIndexes, late }: HeadSelection) {
  const { positions, ends, timestampsMs, bits } = late;
  const columns = [refs, fromIndexes, toIndexes, positions, ends, timestampsMs, bits];
  return [...new Set(columns.map((column) => column.buffer as ArrayBuffer))];
}

class StartListsBuilder {
  readonly #positions: number[] = [];
  readonly #ends: number[] = [];
  readonly #runs: number[] = [];

  add(position: number, { starts }: Head, ref: number, minMs: number, maxMs: number): void {
    if (!starts.addWithin(ref, { minMs, maxMs }, this.#runs)) return;
    this.#positions.push(position);
    this.#ends.push(this.#runs.length);
  }

  lists(): StartLists | undefined {
    if (this.#positions.length === 0) return undefined;
    return {
      positions: Uint32Array.from(this.#positions),
      ends: Uint32Array.from(this.#ends),
      runs: Float64Array.from(this.#runs),
    };
  }
}

class LateBuilder {
  readonly #positions: number[] = [];
  readonly #series: { readonly timestampsMs: Float64Array; readonly bits: Uint32Array }[] = [];

  /** Whether the series has late samples in the range. */
  add(position: number, head: Head, ref: number, minMs: number, maxMs: number): boolean {
    const lists = head.late.samplesOf(ref);
    if (lists.length === 0) return false;
    const merged = new ColumnBuffer();
    for (const list of lists) merged.add(list.copy(minMs, maxMs));
    if (merged.length === 0) return false;
    this.#positions.push(position);
    this.#series.push({ timestampsMs: merged.timestampsMs, bits: merged.bits });
    return true;
  }

  /** @param room a buffer that is sent anyway, for columns without entries. */
  columns(room: ArrayBuffer): LateColumns {
    if (this.#series.length === 0) {
      const none = new Uint32Array(room, 0, 0);
      const timestampsMs = new Float64Array(room, 0, 0);
      return { positions: none, ends: none, timestampsMs, bits: none };
    }
    const ends = new Uint32Array(this.#series.length);
    let end = 0;
    for (const [i, { timestampsMs }] of this.#series.entries()) {
      end += timestampsMs.length;
      ends[i] = end;
    }
    const columns = { timestampsMs: new Float64Array(end), bits: new Uint32Array(end * 2) };
    for (const [i, { timestampsMs, bits }] of this.#series.entries()) {
      const start = (ends[i] as number) - timestampsMs.length;
      columns.timestampsMs.set(timestampsMs, start);
      columns.bits.set(bits, start * 2);
    }
    return { positions: Uint32Array.from(this.#positions), ends, ...columns };
  }
}

/** Reads the head's part of a selection, on whatever thread. */
export class HeadSource implements SelectionSource {
  readonly seriesCount: number;
  readonly #selection: HeadSelection;
  readonly #reader: HeadReader;
  readonly #range: TimeRange;
  readonly #sorted: SortedSeries;
  /** By position, which of the late series it is. */
  readonly #late: ReadonlyMap<number, number>;
  /** By position, which of the lists of starts. */
  readonly #starts: ReadonlyMap<number, number>;
  /** By position, which pieces of the histograms. */
  readonly #histograms: ReadonlyMap<number, number[]>;

  /** @param sorted the selection's series, as a `LabelsCache` gives them. */
  constructor(
    selection: HeadSelection,
    reader: HeadReader,
    range: TimeRange,
    sorted: SortedSeries,
  ) {
    const { refs, late, histograms, starts } = selection;
    this.seriesCount = refs.length;
    this.#selection = selection;
    this.#reader = reader;
    this.#range = range;
    this.#sorted = sorted;
    this.#late = new Map(Array.from(late.positions, (position, i) => [position, i]));
    this.#starts = new Map(Array.from(starts?.positions ?? [], (position, i) => [position, i]));
    this.#histograms = histograms === undefined ? new Map() : piecesByPosition(histograms);
  }

  get hasHistograms(): boolean {
    return this.#histograms.size > 0;
  }

  get hasStarts(): boolean {
    return this.#starts.size > 0;
  }

  labelsAt(at: number): Labels {
    return this.#sorted.labelsOf(this.#sorted.order[at] as number);
  }

  read(at: number, out: ColumnBuffer): void {
    const position = this.#sorted.order[at] as number;
    const { refs, fromIndexes, toIndexes, late } = this.#selection;
    this.#reader.read(
      refs[position] as number,
      this.#range,
      fromIndexes[position] as number,
      toIndexes[position] as number,
      (timestampsMs, bits) => out.add({ timestampsMs, bits }),
    );
    const which = this.#late.get(position);
    if (which === undefined) return;
    const start = which === 0 ? 0 : (late.ends[which - 1] as number);
    const end = late.ends[which] as number;
    const timestampsMs = late.timestampsMs.subarray(start, end);
    out.add({ timestampsMs, bits: late.bits.subarray(start * 2, end * 2) });
  }

  readHistograms(at: number, out: ColumnSetBuffer): void {
    const { histograms } = this.#selection;
    if (histograms === undefined) return;
    for (const piece of this.#histograms.get(this.#sorted.order[at] as number) ?? []) {
      const columns = pieceAt(histograms, piece);
      if (columns !== undefined) out.add(columns);
    }
  }

  readStarts(at: number, out: StartColumns): void {
    const { starts } = this.#selection;
    const which = this.#starts.get(this.#sorted.order[at] as number);
    if (starts === undefined || which === undefined) return;
    const from = which === 0 ? 0 : (starts.ends[which - 1] as number);
    out.addRuns(starts.runs.subarray(from, starts.ends[which]));
  }
}
