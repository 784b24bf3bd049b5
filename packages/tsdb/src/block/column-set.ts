import { assert } from "@pharos/base";

/**
 * What the columns of a series hold. A series has at most one set of each kind in a block; a block of a rollup tier
 * has sets of kind "rollup" only, a raw block any of the others.
 */
export type ColumnSetKind = "samples" | "histograms" | "exemplars" | "starts" | "rollup";

/** What a kind consists of beside the timestamps, and its number in files. */
export interface ColumnSetShape {
  /** In files, up to 7. */
  readonly code: number;
  /** The columns of numbers, in order. */
  readonly floats: readonly string[];
  /** The columns of byte strings, in order. */
  readonly bytes: readonly string[];
}

export const COLUMN_SET_SHAPES: Readonly<Record<ColumnSetKind, ColumnSetShape>> = {
  samples: { code: 0, floats: ["value"], bytes: [] },
  /** One native histogram a sample. */
  histograms: { code: 1, floats: [], bytes: ["histogram"] },
  /** Labels as canonical label bytes. */
  exemplars: { code: 2, floats: ["value"], bytes: ["labels"] },
  /**
   * When the counting of a sample or native histogram at the same time began, ms since the epoch; of those of which it is
   * known.
   */
  starts: { code: 4, floats: ["start"], bytes: [] },
  /**
   * One row a window. The timestamp is the window's start, or the start of the block's range where the window began
   * before it: the first row of a block may be the later part of a window. Columns that are often the same lie side by
   * side: a counter's first is its min, and its last its max; of a constant all four are the same.
   */
  rollup: {
    code: 3,
    floats: ["count", "sum", "min", "first", "max", "last", "increase"],
    bytes: ["sketch"],
  },
};

export const COLUMN_SET_KINDS = ["samples", "histograms", "exemplars", "starts", "rollup"] as const;

/** The kind of a number in a file; undefined if there is none. */
export function columnSetKind(code: number): ColumnSetKind | undefined {
  return COLUMN_SET_KINDS.find((kind) => COLUMN_SET_SHAPES[kind].code === code);
}

/** Byte strings, one a sample, one after another. */
export interface BytesColumn {
  /** Where each ends in `bytes`; it begins where the one before ends. */
  readonly ends: Uint32Array;
  readonly bytes: Uint8Array;
}

/** Columns of one series, all of the same length. */
export interface ColumnSet {
  readonly kind: ColumnSetKind;
  /** Whole numbers, strictly increasing. */
  readonly timestampsMs: Float64Array;
  /** The bit patterns of the numbers, two words each, the low half first: a number's every bit is kept. */
  readonly floats: readonly Uint32Array[];
  readonly bytes: readonly BytesColumn[];
}

/** Asserts that the columns are those of the kind, and as long as the timestamps. */
export function assertColumnSet(set: ColumnSet): void {
  const { floats, bytes } = COLUMN_SET_SHAPES[set.kind];
  const { length } = set.timestampsMs;
  assert(set.floats.length === floats.length, () => `${set.kind} has ${floats.length} numbers`);
  assert(set.bytes.length === bytes.length, () => `${set.kind} has ${bytes.length} byte columns`);
  for (const column of set.floats) assert(column.length === length * 2, "two words a sample");
  for (const { ends, bytes: all } of set.bytes) {
    assert(ends.length === length, "one end a sample");
    assert((ends.at(-1) ?? 0) === all.length, "the last ends where the bytes end");
  }
}
