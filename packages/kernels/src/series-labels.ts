import { assert, type Label, type Labels } from "@pharos/base";
import { type Kernels, kernelOf } from "./kernels.ts";
import { decodeLabels, encodeLabels } from "./label-bytes.ts";
import { ScratchBlock } from "./scratch-block.ts";
import type { SeriesTable } from "./series-table.ts";

/** How many values of labels are kept as strings, for those that queries list again and again. At some 100 bytes each. */
const KEPT_VALUES_MAX = 1_000_000;

/** Labels that are kept decoded for the label sets of series, which share them. */
const DECODED_MAX = 200_000;
/** Most labels, and most lists of series, fit in so many bytes. */
const SCRATCH_SIZE_MIN = 4096;

// Shared with as/label-pairs.ts.
const RECORD_LENGTH = 4;
const NAME_PAIRS = 8;
const NAME_CHANGED = 12;
const NEXT_NAME = 36;
const NEXT_PAIR = 40;
const FIRST_PAIR = 40;
const RECORD_BYTES = 48;

/** The values of one label name, as they were when a query last asked. */
interface KeptValues {
  /** When a value of the name last went. */
  changed: number;
  /** The pair of each value; the order is that in which they came. */
  readonly pairs: Map<string, number>;
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
  #kept = new Map<string, KeptValues>();
  #keptCount = 0;
  readonly #decoded = new Map<LabelPair, Label>();
  /** `pairsChanges` when all of `#decoded` had their meaning. */
  #decodedSince = 0;

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

  /** The values of a label, in no particular order, each with its pair. */
  valuesOf(name: string): ReadonlyMap<string, LabelPair> {
    const record = this.#nameRecord(name);
    if (record === 0) return NO_VALUES;
    const changed = this.#word(record + NAME_CHANGED);
    let kept = this.#kept.get(name);
    if (kept?.changed !== changed) {
      this.#keptCount -= kept?.pairs.size ?? 0;
      if (this.#keptCount > KEPT_VALUES_MAX) {
        this.#kept = new Map();
        this.#keptCount = 0;
      }
      kept = { changed, pairs: new Map() };
      this.#kept.set(name, kept);
    }
    // None went, so that those which came since are the first ones.
    let missing = this.#word(record + NAME_PAIRS) - kept.pairs.size;
    this.#keptCount += missing;
    for (let pair = this.#word(record + FIRST_PAIR); missing > 0; missing--) {
      kept.pairs.set(this.#labelOf(pair)[1], pair);
      pair = this.#word(pair + NEXT_PAIR);
    }
    return kept.pairs;
  }

  /** The labels of the series at an entry of the table. Equal labels of several series are the same object. */
  labelsOf(entry: number): Labels {
    const changes = this.#kernels.call("pairsChanges", this.#index);
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

const NO_VALUES: ReadonlyMap<string, LabelPair> = new Map();
