import { assert, type Label, type Labels } from "@pharos/base";
import { type Kernels, kernelOf } from "./kernels.ts";
import { decodeLabels, encodeLabels } from "./label-bytes.ts";
import { ScratchBlock } from "./scratch-block.ts";
import type { SeriesTable } from "./series-table.ts";

/** How many values of labels are kept as strings, for those that queries list again and again. At some 100 bytes each. */
const KEPT_VALUES_MAX = 1_000_000;

/** Labels that are kept decoded for the label sets of series, which share them. */
const DECODED_MAX = 200_000;
/** Series in the lists that are kept for those who ask again, at 4 bytes each, */
const LISTED_MAX = 2_000_000;
/** where a list counts as so many more: most have few series. */
const LIST_OVERHEAD = 64;

/** Most labels, and most lists of series, fit in so many bytes. */
const SCRATCH_SIZE_MIN = 4096;

// Shared with as/label-pairs.ts.
const RECORD_LENGTH = 4;
const NAME_PAIRS = 8;
const LIVE_SERIES = 8;
const DEAD_SERIES = 12;
const LAST_SERIES = 28;
const NEXT_NAME = 36;
const NEXT_PAIR = 40;
const FIRST_PAIR = 40;
const RECORD_BYTES = 48;
const GONE_MASK = 0x7fff;
const GONE_SIZE = 8;

/** Parts of one name's list that wait to be read; with more, reading begins anew. */
const GAPS_MAX = 16;

/** The values of one label name, as far as queries have read them. Pairs that went since leave it before it is used. */
interface KeptValues {
  readonly name: string;
  /** How many pairs had gone when it was last looked after. */
  changes: number;
  /** The value of each pair that was read. */
  readonly values: Map<LabelPair, string>;
  /** The first pair of the name's list, to which new ones are added in front; 0 if there was none. */
  first: LabelPair;
  /** What is left to read of the list: from each pair to before the other, 0 being the list's end. */
  gaps: { at: LabelPair; end: LabelPair }[];
}

/**
 * A list of series as it was when it had so many live and dead ones: between two sweeps series only come to a list and
 * die in it, so that it never has as many of both again.
 */
interface KeptList {
  readonly live: number;
  readonly dead: number;
  readonly series: Uint32Array;
}

/** A label of the table, by its address: valid until the last series with it ends. */
export type LabelPair = number;

/**
 * The labels of a table's series and which series have them. They lie in the kernels' memory; strings are made of those
 * that someone asks for. All lists of series are copies, in rising order.
 */
export class SeriesLabels {
  readonly #kernels: Kernels;
  readonly #table: SeriesTable;
  readonly #index: number;
  readonly #scratch: ScratchBlock;
  readonly #read: (...args: number[]) => number;
  readonly #kept = new Map<string, KeptValues>();
  readonly #decoded = new Map<LabelPair, Label>();
  /** `pairsChanges` when all of `#decoded` had their meaning. */
  #decodedSince = 0;
  readonly #lists = new Map<LabelPair, KeptList>();
  #listedCount = 0;
  /** `pairsChanges` and the table's `sweepCount` when all of `#lists` had their meaning. */
  #listsSince = { changes: 0, sweeps: 0 };

  /** @throws OperatingError `memory.full`. */
  constructor(kernels: Kernels, table: SeriesTable) {
    this.#kernels = kernels;
    this.#table = table;
    this.#index = kernels.call("tablePairs", table.pointer) >>> 0;
    this.#scratch = new ScratchBlock(kernels);
    this.#scratch.reserve(SCRATCH_SIZE_MIN);
    this.#read = kernelOf(kernels, "pairRead");
  }

  /** Frees what it keeps. No call may follow. */
  destroy(): void {
    this.#scratch.release();
  }

  /** How many series there are. */
  get seriesCount(): number {
    return this.#kernels.call("listCount", this.#kernels.call("pairsAll", this.#index));
  }

  /** How many different labels they have. */
  get pairCount(): number {
    return this.#kernels.call("pairsCount", this.#index);
  }

  /** Every series. @throws OperatingError `memory.full`. */
  all(): Uint32Array {
    return this.#series(0);
  }

  /** The label names, in no particular order. */
  names(): string[] {
    const names: string[] = [];
    let record = this.#kernels.call("pairsFirstName", this.#index) >>> 0;
    for (; record !== 0; record = this.#word(record + NEXT_NAME))
      names.push(this.#labelOf(this.#word(record + FIRST_PAIR))[0]);
    return names;
  }

  /** How many values a label has. */
  valueCountOf(name: string): number {
    const record = this.#nameRecord(name);
    return record === 0 ? 0 : this.#word(record + NAME_PAIRS);
  }

  /**
   * The values of a label, in no particular order, each with its pair. Strings are made as they are asked for and kept
   * for the next who asks.
   *
   * The table may change between two of them: those that were there all the time are given, each pair is valid until the
   * next change, and where very many go meanwhile, some are given twice.
   */
  *valuesOf(name: string): Generator<readonly [value: string, pair: LabelPair], void, undefined> {
    const kept = this.#keptOf(name);
    const entries = kept.values.entries();
    for (;;) {
      this.#forgetGone(kept);
      // One ahead of what is given, so that the entries do not end before the list does.
      this.#readOne(kept);
      const { done, value } = entries.next();
      if (done) return;
      yield [value[1], value[0]];
    }
  }

  #keptOf(name: string): KeptValues {
    let kept = this.#kept.get(name);
    if (kept === undefined) {
      let count = 0;
      for (const { values } of this.#kept.values()) count += values.size;
      if (count > KEPT_VALUES_MAX) this.#kept.clear();
      kept = { name, changes: this.#changes, values: new Map(), first: 0, gaps: [] };
    }
    this.#forgetGone(kept);
    this.#findNew(kept);
    // A name that no series has is not kept.
    if (kept.first === 0) this.#kept.delete(name);
    else this.#kept.set(name, kept);
    return kept;
  }

  /** Pairs that came since are in front of the first one there was. */
  #findNew(kept: KeptValues): void {
    const record = this.#nameRecord(kept.name);
    const first = record === 0 ? 0 : this.#word(record + FIRST_PAIR);
    if (first === kept.first) return;
    if (kept.gaps.length >= GAPS_MAX) {
      this.#readAnew(kept);
      return;
    }
    kept.gaps.push({ at: first, end: kept.first });
    kept.first = first;
  }

  #readAnew(kept: KeptValues): void {
    kept.values.clear();
    const record = this.#nameRecord(kept.name);
    kept.first = record === 0 ? 0 : this.#word(record + FIRST_PAIR);
    kept.gaps = kept.first === 0 ? [] : [{ at: kept.first, end: 0 }];
  }

  /** Takes away the pairs that went since, whose addresses may be those of others now. */
  #forgetGone(kept: KeptValues): void {
    const changes = this.#changes;
    const missed = (changes - kept.changes) >>> 0;
    if (missed === 0) return;
    kept.changes = changes;
    if (missed > GONE_MASK) {
      this.#readAnew(kept);
      return;
    }
    const notes = this.#kernels.call("pairsGone", this.#index) >>> 0;
    for (let i = missed - 1; i >= 0; i--) {
      const note = notes + ((changes - i) & GONE_MASK) * GONE_SIZE;
      const pair = this.#word(note);
      const next = this.#word(note + 4);
      kept.values.delete(pair);
      if (kept.first === pair) kept.first = next;
      for (const gap of kept.gaps) {
        if (gap.at === pair) gap.at = next;
        if (gap.end === pair) gap.end = next;
      }
    }
  }

  #readOne({ gaps, values }: KeptValues): void {
    for (let gap = gaps.at(-1); gap !== undefined; gap = gaps.at(-1)) {
      const { at, end } = gap;
      if (at === end) {
        gaps.pop();
        continue;
      }
      gap.at = this.#word(at + NEXT_PAIR);
      values.set(at, this.#labelOf(at)[1]);
      return;
    }
  }

  get #changes(): number {
    return this.#kernels.call("pairsChanges", this.#index) >>> 0;
  }

  /** The labels of the series at an entry of the table. Equal labels of several series are the same object. */
  labelsOf(entry: number): Labels {
    const changes = this.#changes;
    if (changes !== this.#decodedSince || this.#decoded.size > DECODED_MAX) this.#decoded.clear();
    this.#decodedSince = changes;
    return this.#table
      .pairsOf(entry)
      .map((pair) => this.#decoded.getOrInsertComputed(pair, () => this.#labelOf(pair)));
  }

  /** The pair of a label, undefined where no series has it. @throws OperatingError `memory.full`. */
  find(name: string, value: string): LabelPair | undefined {
    if (value === "") return undefined;
    const bytes = encodeLabels([[name, value]]);
    const at = this.#scratch.place(bytes);
    const pair = this.#kernels.call("pairFind", this.#index, at, bytes.length) >>> 0;
    return pair === 0 ? undefined : pair;
  }

  /** The series with a label. @throws OperatingError `memory.full`. */
  seriesOf(pair: LabelPair): Uint32Array {
    assert(pair > 0, "a pair has an address");
    return this.#series(pair);
  }

  /**
   * As `seriesOf`, for labels that are asked for again and again: the list is kept for the next who asks, and not to be
   * changed. @throws OperatingError `memory.full`.
   */
  keptSeriesOf(pair: LabelPair): Uint32Array {
    this.#forgetLists();
    const [live, dead] = [this.#word(pair + LIVE_SERIES), this.#word(pair + DEAD_SERIES)];
    const kept = this.#lists.get(pair);
    if (kept?.live === live && kept.dead === dead) return kept.series;
    const series = this.seriesOf(pair);
    if (kept !== undefined) this.#listedCount -= kept.series.length + LIST_OVERHEAD;
    this.#listedCount += series.length + LIST_OVERHEAD;
    this.#lists.set(pair, { live, dead, series });
    for (const [oldest, { series: given }] of this.#lists) {
      if (this.#listedCount <= LISTED_MAX) break;
      this.#lists.delete(oldest);
      this.#listedCount -= given.length + LIST_OVERHEAD;
    }
    return series;
  }

  /** After a sweep, or where a pair went, lists may be others though they have as many series. */
  #forgetLists(): void {
    const { changes, sweeps } = this.#listsSince;
    const changesNow = this.#changes;
    const sweepsNow = this.#table.sweepCount;
    if (changes === changesNow && sweeps === sweepsNow) return;
    this.#listsSince = { changes: changesNow, sweeps: sweepsNow };
    this.#lists.clear();
    this.#listedCount = 0;
  }

  /** The last series that came to have a label, which may have ended since. */
  lastSeriesOf(pair: LabelPair): number {
    return this.#word(pair + LAST_SERIES);
  }

  /** How many series have a label. */
  countOf(pair: LabelPair): number {
    return this.#kernels.call("listCount", this.#kernels.call("pairList", pair));
  }

  #series(pair: LabelPair): Uint32Array {
    const list = this.#kernels.call(pair === 0 ? "pairsAll" : "pairList", pair || this.#index);
    const room = (this.#kernels.call("listCapacity", list) >>> 0) * 4;
    const out = this.#scratch.reserve(room * 2);
    const table = this.#table.pointer;
    const count = this.#read(
      this.#index,
      pair,
      this.#kernels.call("tableMarks", table),
      this.#kernels.call("tableMarkWords", table),
      out,
      out + room,
    );
    const series = new Uint32Array(count);
    series.set(new Uint32Array(this.#kernels.buffer, out, count));
    this.#scratch.trim();
    return series;
  }

  #nameRecord(name: string): number {
    if (name === "") return 0;
    const label = encodeLabels([[name, "-"]]);
    // Tag and size of the label come first, and tag, size and the one byte of the value last.
    const from = label.findIndex((byte, at) => at > 0 && byte < 0x80) + 1;
    const at = this.#scratch.place(label);
    return this.#kernels.call("nameFind", this.#index, at + from, label.length - from - 3) >>> 0;
  }

  #labelOf(pair: LabelPair): Label {
    const at = pair + RECORD_BYTES;
    const bytes = this.#kernels.bytes.subarray(at, at + this.#word(pair + RECORD_LENGTH));
    const [label] = decodeLabels(bytes);
    assert(label !== undefined, () => `label ${pair} exists`);
    return label;
  }

  #word(address: number): number {
    return this.#kernels.words[address >>> 2] as number;
  }
}
