import type { Labels } from "@pharos/base";
import { decodeLabels, type Kernels } from "@pharos/kernels";
import { orderByLabels } from "./block/label-order.ts";
import type { LabelsInterner } from "./labels-interner.ts";
import type { Pause } from "./slices.ts";

/** Selections that are kept sorted, */
const SORTED_MAX = 64;
/** each of at most so many series, */
const SORTED_SERIES_MAX = 50_000;
/** with so many bytes of labels together. */
const SORTED_SIZE_MAX = 32 * 1024 * 1024;

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
  readonly #list: LabelList;
  readonly #labels: (Labels | undefined)[];
  readonly #interner: LabelsInterner;

  constructor(refs: Uint32Array, order: Uint32Array, list: LabelList, interner: LabelsInterner) {
    this.refs = refs;
    this.order = order;
    this.#list = list;
    this.#labels = new Array<Labels | undefined>(refs.length).fill(undefined);
    this.#interner = interner;
  }

  get size(): number {
    return this.#list.bytes.length;
  }

  readonly labelsOf = (position: number): Labels => {
    const there = this.#labels[position];
    if (there !== undefined) return there;
    const labels = this.#interner.same(labelsAt(this.#list, position));
    this.#labels[position] = labels;
    return labels;
  };
}

/** The labels of the head's series as readers know them: how the last selections are sorted. */
export class LabelsCache {
  readonly #kernels: Kernels;
  readonly #interner: LabelsInterner;
  #seriesEnded = -1;
  /** The newest last. */
  #sorted: KnownSelection[] = [];
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
      this.#sorted = [];
      this.#size = 0;
      this.#seriesEnded = seriesEnded;
    }
    // Who looks at a page asks for the same series every few seconds. One that began before the others knows nothing of
    // what has ended since.
    const known =
      seriesEnded === this.#seriesEnded
        ? this.#sorted.find((selection) => equalRefs(selection.refs, refs))
        : undefined;
    if (known !== undefined) return known;
    const list = await ask();
    const order = await orderByLabels(
      this.#kernels,
      refs.length,
      (at) => labelBytesAt(list, at),
      pause,
    );
    const selection = new KnownSelection(refs, order, list, this.#interner);
    if (seriesEnded === this.#seriesEnded) this.#keep(selection);
    return selection;
  }

  #keep(selection: KnownSelection): void {
    if (selection.refs.length > SORTED_SERIES_MAX) return;
    this.#sorted.push(selection);
    this.#size += selection.size;
    while (this.#sorted.length > SORTED_MAX || this.#size > SORTED_SIZE_MAX)
      this.#size -= this.#sorted.shift()?.size ?? 0;
  }
}

function equalRefs(a: Uint32Array, b: Uint32Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
