import { type Kernels, LabelNumbers } from "@pharos/kernels";
import { sortInSlices } from "../sliced-sort.ts";
import type { Pause } from "../slices.ts";

/** Compares as `compareLabels` does, on canonical label bytes. */
export function compareLabelBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  let differ = 0;
  while (differ < shared && a[differ] === b[differ]) differ++;
  if (differ === shared && a.length === b.length) return 0;
  // Walks to the label that has the first difference: all before it are equal.
  let at = 0;
  for (;;) {
    if (at >= a.length || at >= b.length) return a.length - b.length;
    const size = varintAt(a, at + 1);
    const end = at + 1 + varintSize(size) + size;
    if (end > differ) break;
    at = end;
  }
  const [aName, aValue] = textsAt(a, at);
  const [bName, bValue] = textsAt(b, at);
  return compareBytes(aName, bName) || compareBytes(aValue, bValue);
}

/** The name and value of the label that begins at `at`. */
function textsAt(bytes: Uint8Array, at: number): readonly [Uint8Array, Uint8Array] {
  const nameAt = at + 2 + varintSize(varintAt(bytes, at + 1));
  const nameSize = varintAt(bytes, nameAt);
  const nameStart = nameAt + varintSize(nameSize);
  const valueAt = nameStart + nameSize + 1;
  const valueSize = varintAt(bytes, valueAt);
  const valueStart = valueAt + varintSize(valueSize);
  return [
    bytes.subarray(nameStart, nameStart + nameSize),
    bytes.subarray(valueStart, valueStart + valueSize),
  ];
}

function varintAt(bytes: Uint8Array, at: number): number {
  let value = 0;
  for (let shift = 0, next = at; ; shift += 7, next++) {
    const byte = bytes[next] as number;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
}

function varintSize(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : 4;
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const order = (a[i] as number) - (b[i] as number);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

/**
 * The labels of many series, each label a number, for putting series in the order of their labels: a label is compared
 * once with each other label, and not once in every series that has it.
 */
export class LabelSequences {
  readonly #numbers: LabelNumbers;
  /** The labels of series after series. */
  #labels = new Uint32Array(1024);
  #labelCount = 0;
  #ends = new Uint32Array(256);
  length = 0;

  /** @throws OperatingError `memory.full`. */
  constructor(kernels: Kernels) {
    this.#numbers = new LabelNumbers(kernels);
  }

  /** How many different labels there are. */
  get labelCount(): number {
    return this.#numbers.size;
  }

  /** Adds a series by its canonical label bytes. @throws OperatingError `memory.full`. */
  add(labelBytes: Uint8Array): void {
    const count = this.#numbers.look(labelBytes);
    this.#labels = grown(this.#labels, this.#labelCount + count);
    this.#ends = grown(this.#ends, this.length + 1);
    for (let i = 0; i < count; i++) this.#labels[this.#labelCount++] = this.#numbers.numberAt(i);
    this.#ends[this.length++] = this.#labelCount;
  }

  /** The labels of a series, by number. */
  labelsOf(series: number): Uint32Array {
    const from = series === 0 ? 0 : (this.#ends[series - 1] as number);
    return this.#labels.subarray(from, this.#ends[series]);
  }

  /** All labels in order: each with its number. */
  async sortedLabels(pause: Pause): Promise<SortedLabel[]> {
    const list: SortedLabel[] = [];
    for (let number = 0; number < this.labelCount; number++) {
      const [name, value] = this.#numbers.labelOf(number);
      list.push({ number, name, value });
      await pause();
    }
    await sortLabels(list, pause);
    return list;
  }

  /** Puts the ranks of labels in place of their numbers: they compare as the labels do. */
  async rank(sorted: readonly SortedLabel[], pause: Pause): Promise<void> {
    const ranks = new Uint32Array(sorted.length);
    for (const [rank, { number }] of sorted.entries()) ranks[number] = rank;
    const step = 65536;
    for (let from = 0; from < this.#labelCount; from += step) {
      const to = Math.min(this.#labelCount, from + step);
      for (let i = from; i < to; i++) this.#labels[i] = ranks[this.#labels[i] as number] as number;
      await pause(step / 8);
    }
  }

  /** Compares two series, once labels are ranks. */
  compare(a: number, b: number): number {
    let i = a === 0 ? 0 : (this.#ends[a - 1] as number);
    let j = b === 0 ? 0 : (this.#ends[b - 1] as number);
    const iEnd = this.#ends[a] as number;
    const jEnd = this.#ends[b] as number;
    for (; i < iEnd && j < jEnd; i++, j++) {
      const order = (this.#labels[i] as number) - (this.#labels[j] as number);
      if (order !== 0) return order;
    }
    return iEnd - i - (jEnd - j);
  }

  /** Frees what it has of the kernels' memory. No call may follow. */
  destroy(): void {
    this.#numbers.destroy();
  }
}

export interface SortedLabel {
  readonly number: number;
  readonly name: string;
  readonly value: string;
}

async function sortLabels(list: SortedLabel[], pause: Pause): Promise<void> {
  const encoder = new TextEncoder();
  // By code units where all is ASCII, which is mostly so, and several times faster.
  const ascii = list.every(({ name, value }) => isAscii(name) && isAscii(value));
  const compare = ascii
    ? (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
    : (a: string, b: string): number => compareBytes(encoder.encode(a), encoder.encode(b));
  const byLabel = (a: SortedLabel, b: SortedLabel): number =>
    compare(a.name, b.name) || compare(a.value, b.value);
  await sortInSlices(list, byLabel, pause);
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) >= 0x80) return false;
  return true;
}

function grown(array: Uint32Array<ArrayBuffer>, length: number): Uint32Array<ArrayBuffer> {
  if (length <= array.length) return array;
  const larger = new Uint32Array(Math.max(length, array.length * 2));
  larger.set(array);
  return larger;
}

/**
 * The order of series by their labels, as positions in the list.
 * @param pause awaited between series, and while they are sorted.
 * @throws OperatingError `memory.full`.
 */
export async function orderByLabels(
  kernels: Kernels,
  count: number,
  labelBytesOf: (at: number) => Uint8Array,
  pause: Pause,
): Promise<Uint32Array> {
  const sequences = new LabelSequences(kernels);
  try {
    for (let at = 0; at < count; at++) {
      sequences.add(labelBytesOf(at));
      await pause();
    }
    await sequences.rank(await sequences.sortedLabels(pause), pause);
    const order = Uint32Array.from({ length: count }, (_, at) => at);
    await sortInSlices(order, (a, b) => sequences.compare(a, b), pause);
    return order;
  } finally {
    sequences.destroy();
  }
}
