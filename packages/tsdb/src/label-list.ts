import type { Labels } from "@pharos/base";
import { decodeLabels } from "@pharos/kernels";

/** Label sets that are kept decoded: readers ask for the same series again and again. */
const LABELS_CACHE_MAX = 200_000;

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

/** The decoded labels of the head's series, by reference. */
export class LabelsCache {
  #labels = new Map<number, Labels>();
  #seriesEnded = -1;

  /** @param seriesEnded how many series had ended when `ref` meant this one: references may mean others since. */
  labelsOf(ref: number, seriesEnded: number, list: LabelList, at: number): Labels {
    if (seriesEnded > this.#seriesEnded) {
      this.#labels.clear();
      this.#seriesEnded = seriesEnded;
    }
    if (seriesEnded < this.#seriesEnded) return labelsAt(list, at); // Of a selection that began before the others.
    let labels = this.#labels.get(ref);
    if (labels === undefined) {
      labels = labelsAt(list, at);
      if (this.#labels.size >= LABELS_CACHE_MAX) this.#labels.clear();
      this.#labels.set(ref, labels);
    }
    return labels;
  }
}
