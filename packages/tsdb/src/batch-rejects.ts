import { assert } from "@pharos/base";
import { IndexList, type Kernels, SampleColumns } from "@pharos/kernels";

/** Which samples of a batch are refused, and the batch without them. Used again for each batch. */
export class BatchRejects {
  readonly #kernels: Kernels;
  readonly #countMax: number;
  #list: IndexList;
  /** What is left of a batch when some of it is refused. */
  #rest: SampleColumns;

  /**
   * @param countMax samples in the largest batch.
   * @throws OperatingError `memory.full`.
   */
  constructor(kernels: Kernels, countMax: number) {
    this.#kernels = kernels;
    this.#countMax = countMax;
    this.#list = new IndexList(kernels, 64);
    this.#rest = new SampleColumns(kernels, 64);
  }

  /** A list with room for a word per sample of a batch, valid until the next call. @throws OperatingError `memory.full`. */
  listFor(count: number): IndexList {
    if (this.#list.capacity >= count) return this.#list;
    assert(count <= this.#countMax, () => `batch of ${count} samples`);
    const larger = new IndexList(this.#kernels, capacityFor(count));
    this.#list.release();
    this.#list = larger;
    return larger;
  }

  /** A copy, valid until the next call, without the samples that the first `count` of the list name, in rising order. */
  without(columns: SampleColumns, count: number): SampleColumns {
    if (this.#rest.capacity < columns.length) {
      const larger = new SampleColumns(this.#kernels, capacityFor(columns.length));
      this.#rest.release();
      this.#rest = larger;
    }
    const to = this.#rest;
    const rejects = this.#list.words;
    let length = 0;
    for (let at = 0, next = 0; at < columns.length; at++) {
      if (next < count && rejects[next] === at) {
        next++;
        continue;
      }
      to.series[length] = columns.series[at] as number;
      to.timestampsMs[length] = columns.timestampsMs[at] as number;
      to.valueBits[length * 2] = columns.valueBits[at * 2] as number;
      to.valueBits[length * 2 + 1] = columns.valueBits[at * 2 + 1] as number;
      length++;
    }
    to.length = length;
    return to;
  }

  release(): void {
    this.#list.release();
    this.#rest.release();
  }
}

/** Room for so many and some more, so that growing by one at a time is rare. */
export function capacityFor(count: number): number {
  return Math.max(64, 2 ** Math.ceil(Math.log2(count)));
}
