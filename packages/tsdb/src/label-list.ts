import type { Labels } from "@pharos/base";
import { decodeLabels, type Kernels } from "@pharos/kernels";
import { orderByLabels } from "./block/label-order.ts";
import type { Pause } from "./slices.ts";

/** Label sets that are kept decoded: readers ask for the same series again and again. */
const LABELS_CACHE_MAX = 200_000;
/** Selections that are kept sorted, */
const SORTED_MAX = 32;
/** of at most so many series. */
const SORTED_SERIES_MAX = 50_000;

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

/** The decoded labels of the head's series, by reference; and how the last selections are sorted. */
export class LabelsCache {
  readonly #kernels: Kernels;
  #labels = new Map<number, Labels>();
  #seriesEnded = -1;
  /** The newest last. */
  #sorted: { readonly refs: Uint32Array; readonly order: Uint32Array }[] = [];

  /** @param kernels where labels are sorted. */
  constructor(kernels: Kernels) {
    this.#kernels = kernels;
  }

  /**
   * The labels of a selection's series, which are decoded when they are asked for.
   *
   * @param seriesEnded how many series had ended when the references meant these: they may mean others since.
   * @throws OperatingError `memory.full`; what `pause` throws.
   */
  async sorted(
    refs: Uint32Array,
    seriesEnded: number,
    list: LabelList,
    pause: Pause,
  ): Promise<SortedSeries> {
    const sort = () =>
      orderByLabels(this.#kernels, refs.length, (at) => labelBytesAt(list, at), pause);
    if (seriesEnded > this.#seriesEnded) {
      // Others for those who read meanwhile would be wrong: they go on with the old one.
      this.#labels = new Map();
      this.#sorted = [];
      this.#seriesEnded = seriesEnded;
    }
    // One that began before the others knows nothing of what has ended since.
    if (seriesEnded < this.#seriesEnded)
      return { order: await sort(), labelsOf: (at) => labelsAt(list, at) };
    const cache = this.#labels;
    const labelsOf = (at: number): Labels => cachedLabels(cache, refs[at] as number, list, at);
    // Who looks at a page asks for the same series every few seconds.
    const known = this.#sorted.find((selection) => equalRefs(selection.refs, refs));
    if (known !== undefined) return { order: known.order, labelsOf };
    const order = await sort();
    if (refs.length <= SORTED_SERIES_MAX && seriesEnded === this.#seriesEnded) {
      this.#sorted.push({ refs, order });
      if (this.#sorted.length > SORTED_MAX) this.#sorted.shift();
    }
    return { order, labelsOf };
  }
}

function cachedLabels(cache: Map<number, Labels>, ref: number, list: LabelList, at: number) {
  let labels = cache.get(ref);
  if (labels === undefined) {
    labels = labelsAt(list, at);
    if (cache.size >= LABELS_CACHE_MAX) cache.clear();
    cache.set(ref, labels);
  }
  return labels;
}

function equalRefs(a: Uint32Array, b: Uint32Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
