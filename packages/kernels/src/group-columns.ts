import { assert } from "@pharos/base";
import { type Kernels, kernelOf } from "./kernels.ts";
import { ScratchBlock } from "./scratch-block.ts";

type Kernel = (...args: number[]) => number;

/** The columns of one group: in each, one place a step. Views, valid until the GroupColumns are disposed of. */
export interface GroupColumn {
  readonly values: Float64Array;
  /** What `values` lost to rounding, to be added in the end. */
  readonly lost: Float64Array;
  /** How many samples were seen, where an average needs it. */
  readonly counts: Float64Array;
  /** Not 0 where the group has a sample. */
  readonly present: Uint8Array;
}

/**
 * Groups that series are added to, in the kernels' memory. That never shrinks, so there are only as many groups as fit
 * in a given size. A series is a column of values and one of bytes, not 0 where it has a value.
 */
export class GroupColumns implements Disposable {
  readonly #kernels: Kernels;
  readonly #count: number;
  readonly #groupSize: number;
  readonly #groupsMax: number;
  readonly #pointers: number[] = [];
  readonly #columns: GroupColumn[] = [];
  readonly #values: ScratchBlock;
  readonly #present: ScratchBlock;
  readonly #sum: Kernel;
  readonly #average: Kernel;
  readonly #extreme: Kernel;
  readonly #countSeries: Kernel;

  /** For `count` steps; all groups take at most `sizeMax` bytes. */
  constructor(kernels: Kernels, count: number, sizeMax: number) {
    this.#kernels = kernels;
    this.#count = count;
    this.#groupSize = count * (3 * 8 + 1);
    // Blocks come in powers of two.
    this.#groupsMax = Math.floor(sizeMax / (this.#groupSize * 2));
    this.#values = new ScratchBlock(kernels);
    this.#present = new ScratchBlock(kernels);
    this.#sum = kernelOf(kernels, "aggregateSum");
    this.#average = kernelOf(kernels, "aggregateAverage");
    this.#extreme = kernelOf(kernels, "aggregateExtreme");
    this.#countSeries = kernelOf(kernels, "aggregateCount");
  }

  /** The number of a new group without samples; undefined where there is no room. @throws OperatingError `memory.full`. */
  open(): number | undefined {
    if (this.#pointers.length >= this.#groupsMax) return undefined;
    const pointer = this.#kernels.allocate(this.#groupSize);
    const { buffer, bytes } = this.#kernels;
    bytes.fill(0, pointer, pointer + this.#groupSize);
    const column = (at: number): Float64Array =>
      new Float64Array(buffer, pointer + at * this.#count * 8, this.#count);
    const present = new Uint8Array(buffer, pointer + 3 * this.#count * 8, this.#count);
    this.#pointers.push(pointer);
    return (
      this.#columns.push({ values: column(0), lost: column(1), counts: column(2), present }) - 1
    );
  }

  columnOf(group: number): GroupColumn {
    const column = this.#columns[group];
    assert(column !== undefined, () => `group ${group}`);
    return column;
  }

  /** Adds values up; what that loses to rounding, in `lost`. */
  addToSum(group: number, values: Float64Array, present: Uint8Array): void {
    const at = this.#pointers[group] as number;
    const size = this.#count * 8;
    const [lost, seen] = [at + size, at + 3 * size];
    this.#sum(this.#place(values), this.#present.place(present), this.#count, at, lost, seen);
  }

  /**
   * As `addToSum`, and counts the values. False where a sum would become infinite, and then nothing has changed: it is to
   * be averaged in another way.
   */
  addToAverage(group: number, values: Float64Array, present: Uint8Array): boolean {
    const at = this.#pointers[group] as number;
    const size = this.#count * 8;
    const [lost, counts, seen] = [at + size, at + 2 * size, at + 3 * size];
    const [from, where] = [this.#place(values), this.#present.place(present)];
    return this.#average(from, where, this.#count, at, lost, counts, seen) === 1;
  }

  /** Keeps the least or greatest value, a NaN only where there is nothing else. */
  addToExtreme(
    group: number,
    values: Float64Array,
    present: Uint8Array,
    which: "min" | "max",
  ): void {
    const at = this.#pointers[group] as number;
    const [from, where] = [this.#place(values), this.#present.place(present)];
    this.#extreme(from, where, this.#count, which === "max" ? 1 : 0, at, at + 24 * this.#count);
  }

  /** Counts, in `values`. */
  addToCount(group: number, present: Uint8Array): void {
    const at = this.#pointers[group] as number;
    this.#countSeries(this.#present.place(present), this.#count, at, at + 24 * this.#count);
  }

  /** Gives the memory back. No call may follow. */
  [Symbol.dispose](): void {
    for (const pointer of this.#pointers) this.#kernels.release(pointer, this.#groupSize);
    this.#values.release();
    this.#present.release();
  }

  #place(values: Float64Array): number {
    if (values.buffer === this.#kernels.buffer) return values.byteOffset;
    return this.#values.place(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
}
