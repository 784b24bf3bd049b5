import { assert, type Labels } from "@pharos/base";
import { decodeLabels, type Kernels } from "@pharos/kernels";
import { orderByLabels } from "./block/label-order.ts";
import type { LabelsInterner } from "./labels-interner.ts";
import type { Pause } from "./slices.ts";

/** Selections that are kept sorted: those of thousands of rules come again every few seconds. */
const SORTED_MAX = 50_000;
/** Each has at most so many series, */
const SORTED_SERIES_MAX = 50_000;
/** and all together at most so many bytes. */
const SORTED_SIZE_MAX = 32 * 1024 * 1024;
/** Bytes of a series in a selection beside its labels: its reference, its place and where its labels are. */
const POSITION_SIZE = 16;
/** Bytes of a selection without any series. */
const SELECTION_SIZE = 256;

/** Label sets as canonical bytes, one after another: what is sent to another thread in place of strings. */
export interface LabelList {
  /** Where each ends. */
  readonly ends: Uint32Array;
  readonly bytes: Uint8Array;
}

/** Collects a `LabelList`. */
export class LabelListBuilder {
  #ends: Uint32Array;
  #bytes: Uint8Array;
  #count = 0;
  #size = 0;

  /** @param expectedCount how many label sets there will be, about. */
  constructor(expectedCount: number) {
    this.#ends = new Uint32Array(Math.max(1, expectedCount));
    this.#bytes = new Uint8Array(Math.max(64, expectedCount * 128));
  }

  add(labelBytes: Uint8Array): void {
    const end = this.#size + labelBytes.length;
    if (end > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(end, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, this.#size));
      this.#bytes = larger;
    }
    if (this.#count === this.#ends.length) {
      const longer = new Uint32Array(this.#count * 2);
      longer.set(this.#ends);
      this.#ends = longer;
    }
    this.#bytes.set(labelBytes, this.#size);
    this.#size = end;
    this.#ends[this.#count++] = end;
  }

  list(): LabelList {
    return {
      ends: this.#ends.slice(0, this.#count),
      bytes: this.#bytes.slice(0, this.#size),
    };
  }
}

/** The buffers of a list, to be moved to another thread instead of copied. */
export function labelListBuffers({ ends, bytes }: LabelList): ArrayBuffer[] {
  return [ends.buffer as ArrayBuffer, bytes.buffer as ArrayBuffer];
}

export function labelBytesAt({ ends, bytes }: LabelList, at: number): Uint8Array {
  return bytes.subarray(at === 0 ? 0 : (ends[at - 1] as number), ends[at] as number);
}

export function labelsAt(list: LabelList, at: number): Labels {
  return decodeLabels(labelBytesAt(list, at));
}

/** The labels of a selection's series. */
export interface SortedSeries {
  /** Positions in the selection, in the order of labels. */
  readonly order: Uint32Array;
  /** Those of the series at a position in the selection. */
  labelsOf(position: number): Labels;
}

/** How a selection of the head is sorted, and the labels of those of its series that somebody asked for. */
class KnownSelection implements SortedSeries {
  readonly refs: Uint32Array;
  readonly order: Uint32Array;
  /** Undefined once all labels have been asked for: label sets are one object wherever they are, bytes are not. */
  #list: LabelList | undefined;
  #undecoded: number;
  readonly #labels: (Labels | undefined)[];
  readonly #interner: LabelsInterner;
  readonly #onSmaller: (selection: KnownSelection, size: number) => void;

  /** @param onSmaller told of the bytes that are gone once all labels are decoded. */
  constructor(
    refs: Uint32Array,
    order: Uint32Array,
    list: LabelList,
    interner: LabelsInterner,
    onSmaller: (selection: KnownSelection, size: number) => void,
  ) {
    this.refs = refs;
    this.order = order;
    this.#list = list;
    this.#undecoded = refs.length;
    this.#labels = new Array<Labels | undefined>(refs.length).fill(undefined);
    this.#interner = interner;
    this.#onSmaller = onSmaller;
  }

  get size(): number {
    return SELECTION_SIZE + this.refs.length * POSITION_SIZE + (this.#list?.bytes.length ?? 0);
  }

  readonly labelsOf = (position: number): Labels => {
    const there = this.#labels[position];
    if (there !== undefined) return there;
    const list = this.#list;
    assert(list !== undefined, "all labels are decoded before their bytes go");
    const labels = this.#interner.same(labelsAt(list, position));
    this.#labels[position] = labels;
    if (--this.#undecoded === 0) {
      this.#list = undefined;
      this.#onSmaller(this, list.bytes.length);
    }
    return labels;
  };
}

/** The labels of the head's series as readers know them: how the last selections are sorted. */
export class LabelsCache {
  readonly #kernels: Kernels;
  readonly #interner: LabelsInterner;
  #seriesEnded = -1;
  /** By the hash of their references, the one used last at the end; where two have the same hash the newer is kept. */
  readonly #sorted = new Map<number, KnownSelection>();
  #size = 0;

  /** @param kernels where labels are sorted. */
  constructor(kernels: Kernels, interner: LabelsInterner) {
    this.#kernels = kernels;
    this.#interner = interner;
  }

  /**
   * The labels of a selection's series, which are decoded when they are asked for.
   *
   * @param seriesEnded how many series had ended when the references meant these: they may mean others since.
   * @param ask answers the labels of all of them, where the same selection was not sorted before.
   * @throws OperatingError `memory.full`; what `ask` and `pause` throw.
   */
  async sorted(
    refs: Uint32Array,
    seriesEnded: number,
    ask: () => Promise<LabelList>,
    pause: Pause,
  ): Promise<SortedSeries> {
    if (seriesEnded > this.#seriesEnded) {
      // Others for those who read meanwhile would be wrong: they go on with the old one.
      this.#sorted.clear();
      this.#size = 0;
      this.#seriesEnded = seriesEnded;
    }
    // Who looks at a page, and every rule, asks for the same series every few seconds. One that began before the others
    // knows nothing of what has ended since.
    const hash = hashOf(refs);
    const known = seriesEnded === this.#seriesEnded ? this.#sorted.get(hash) : undefined;
    if (known !== undefined && equalRefs(known.refs, refs)) {
      this.#sorted.delete(hash);
      this.#sorted.set(hash, known);
      return known;
    }
    const list = await ask();
    const order = await orderByLabels(
      this.#kernels,
      refs.length,
      (at) => labelBytesAt(list, at),
      pause,
    );
    // A copy: what was sent with the references is not kept.
    const selection = new KnownSelection(
      refs.slice(),
      order,
      list,
      this.#interner,
      (smaller, size) => {
        if (this.#sorted.get(hash) === smaller) this.#size -= size;
      },
    );
    if (seriesEnded === this.#seriesEnded) this.#keep(hash, selection);
    return selection;
  }

  #keep(hash: number, selection: KnownSelection): void {
    if (selection.refs.length > SORTED_SERIES_MAX) return;
    this.#drop(hash);
    this.#sorted.set(hash, selection);
    this.#size += selection.size;
    for (const oldest of this.#sorted.keys()) {
      if (this.#sorted.size <= SORTED_MAX && this.#size <= SORTED_SIZE_MAX) break;
      this.#drop(oldest);
    }
  }

  #drop(hash: number): void {
    this.#size -= this.#sorted.get(hash)?.size ?? 0;
    this.#sorted.delete(hash);
  }
}

/** Of all references, in their order. */
function hashOf(refs: Uint32Array): number {
  let hash = refs.length;
  for (let i = 0; i < refs.length; i++) hash = Math.imul(hash ^ (refs[i] as number), 0x0100_0193);
  return hash;
}

function equalRefs(a: Uint32Array, b: Uint32Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
