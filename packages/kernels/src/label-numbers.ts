import { assert, type Label, OperatingError } from "@pharos/base";
import { type Kernels, kernelOf } from "./kernels.ts";
import { decodeLabels } from "./label-bytes.ts";
import { ScratchBlock } from "./scratch-block.ts";
import { HEAD_NAMESPACE, SERIES_BYTES_MAX, SeriesTable } from "./series-table.ts";

/** A label takes at least 8 bytes: three tags, three sizes, and a byte each of name and value. */
const LABELS_MAX = Math.floor(SERIES_BYTES_MAX / 8);
const NEW = 2 ** 31;
const NOT_LABELS = -2;

/**
 * Numbers for labels (pairs of name and value), small and without large gaps, so that an index of labels needs no
 * strings for labels that it knows. A number stays its label's until it is removed; then it may be given out again.
 */
export class LabelNumbers {
  readonly #kernels: Kernels;
  readonly #table: SeriesTable;
  readonly #bytes: ScratchBlock;
  readonly #numbersAt: number;
  readonly #numbers: Int32Array;
  readonly #number: (...args: number[]) => number;

  /** @throws OperatingError `memory.full`. */
  constructor(kernels: Kernels) {
    this.#kernels = kernels;
    this.#table = new SeriesTable(kernels);
    this.#bytes = new ScratchBlock(kernels);
    this.#numbersAt = kernels.allocate(LABELS_MAX * 4);
    this.#numbers = new Int32Array(kernels.buffer, this.#numbersAt, LABELS_MAX);
    this.#number = kernelOf(kernels, "labelsNumber");
  }

  /** Frees all memory. No call may follow. */
  destroy(): void {
    this.#table.destroy();
    this.#bytes.release();
    this.#kernels.release(this.#numbersAt, LABELS_MAX * 4);
  }

  /**
   * Gives the labels of a series, in canonical bytes, their numbers, and answers how many labels there are: then
   * `numberAt` and `isNewAt` tell of each, until the next call.
   *
   * @throws OperatingError `memory.full`: nothing is new then.
   */
  look(labelBytes: Uint8Array): number {
    const { length } = labelBytes;
    assert(length <= SERIES_BYTES_MAX, () => `label set of ${length} bytes`);
    const pointer = this.#bytes.place(labelBytes);
    const count = this.#number(this.#table.pointer, pointer, length, this.#numbersAt);
    assert(count !== NOT_LABELS, "the bytes are canonical");
    if (count < 0) throw new OperatingError("memory.full", "no room for more labels");
    return count;
  }

  numberAt(at: number): number {
    const number = this.#numbers[at] as number;
    return number < 0 ? number + NEW : number;
  }

  /** Whether the label had no number before. */
  isNewAt(at: number): boolean {
    return (this.#numbers[at] as number) < 0;
  }

  labelOf(number: number): Label {
    const [label] = decodeLabels(this.#table.bytesOf(number));
    assert(label !== undefined, () => `label ${number} exists`);
    return label;
  }

  /** The label loses its number. */
  remove(number: number): void {
    this.#table.remove(number);
  }

  get size(): number {
    return this.#table.sizeOf(HEAD_NAMESPACE);
  }
}
