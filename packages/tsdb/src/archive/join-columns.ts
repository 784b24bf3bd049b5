import { assert } from "@pharos/base";
import { firstFrom } from "../block/chunk-cutter.ts";
import type { BytesColumn, ColumnSet } from "../block/column-set.ts";

/** Rows `from` to `to` of some columns, the last one not included. Views, but for the ends of byte strings. */
export function sliceColumns(set: ColumnSet, from: number, to: number): ColumnSet {
  if (from === 0 && to === set.timestampsMs.length) return set;
  return {
    kind: set.kind,
    timestampsMs: set.timestampsMs.subarray(from, to),
    floats: set.floats.map((bits) => bits.subarray(from * 2, to * 2)),
    bytes: set.bytes.map((column) => sliceStrings(column, from, to)),
  };
}

function sliceStrings({ ends, bytes }: BytesColumn, from: number, to: number): BytesColumn {
  const start = from === 0 ? 0 : (ends[from - 1] as number);
  const end = to === 0 ? 0 : (ends[to - 1] as number);
  return {
    ends: ends.slice(from, to).map((at) => at - start),
    bytes: bytes.subarray(start, end),
  };
}

/** What lies from `minMs` to `maxMs`, both included. */
export function trimColumns(set: ColumnSet, minMs: number, maxMs: number): ColumnSet {
  const from = firstFrom(set.timestampsMs, minMs);
  return sliceColumns(set, from, Math.max(from, firstFrom(set.timestampsMs, maxMs + 1)));
}

/** Puts columns of one kind of one series together. Where two have the same time, the earlier of the list stands. */
export function joinColumns(sets: readonly ColumnSet[]): ColumnSet {
  const byTime = sets.toSorted(
    (a, b) => (a.timestampsMs[0] as number) - (b.timestampsMs[0] as number),
  );
  const apart = byTime.every((set, at) => {
    const before = byTime[at - 1]?.timestampsMs.at(-1);
    return before === undefined || (set.timestampsMs[0] as number) > before;
  });
  return apart ? concatColumns(byTime) : pickColumns(concatColumns(sets));
}

/** One after another, whatever their times. */
export function concatColumns(sets: readonly ColumnSet[]): ColumnSet {
  const first = sets[0];
  assert(first !== undefined, "there is something to put together");
  if (sets.length === 1) return first;
  const length = sets.reduce((sum, { timestampsMs }) => sum + timestampsMs.length, 0);
  const timestampsMs = new Float64Array(length);
  const floats = first.floats.map(() => new Uint32Array(length * 2));
  const ends = first.bytes.map(() => new Uint32Array(length));
  const bytes = first.bytes.map(
    (_, at) => new Uint8Array(sets.reduce((sum, set) => sum + sizeOf(set, at), 0)),
  );
  const filled = first.bytes.map(() => 0);
  let row = 0;
  for (const set of sets) {
    timestampsMs.set(set.timestampsMs, row);
    for (const [at, bits] of set.floats.entries()) floats[at]?.set(bits, row * 2);
    for (const [at, column] of set.bytes.entries()) {
      const start = filled[at] as number;
      bytes[at]?.set(column.bytes, start);
      for (const [i, end] of column.ends.entries())
        (ends[at] as Uint32Array)[row + i] = start + end;
      filled[at] = start + column.bytes.length;
    }
    row += set.timestampsMs.length;
  }
  return {
    kind: first.kind,
    timestampsMs,
    floats,
    bytes: bytes.map((all, at) => ({ ends: ends[at] as Uint32Array, bytes: all })),
  };
}

function sizeOf({ bytes }: ColumnSet, at: number): number {
  return bytes[at]?.bytes.length ?? 0;
}

/** The rows in the order of their times, of those with the same time the first. */
function pickColumns(set: ColumnSet): ColumnSet {
  const times = set.timestampsMs;
  const order = Uint32Array.from(times, (_, row) => row).sort(
    (a, b) => (times[a] as number) - (times[b] as number) || a - b,
  );
  const rows = order.filter((row, at) => at === 0 || times[row] !== times[order[at - 1] as number]);
  return {
    kind: set.kind,
    timestampsMs: Float64Array.from(rows, (row) => times[row] as number),
    floats: set.floats.map((bits) => {
      const out = new Uint32Array(rows.length * 2);
      for (const [at, row] of rows.entries()) {
        out[at * 2] = bits[row * 2] as number;
        out[at * 2 + 1] = bits[row * 2 + 1] as number;
      }
      return out;
    }),
    bytes: set.bytes.map((column) => pickStrings(column, rows)),
  };
}

function pickStrings({ ends, bytes }: BytesColumn, rows: Uint32Array): BytesColumn {
  const startOf = (row: number): number => (row === 0 ? 0 : (ends[row - 1] as number));
  const outEnds = new Uint32Array(rows.length);
  let size = 0;
  for (const [at, row] of rows.entries()) {
    size += (ends[row] as number) - startOf(row);
    outEnds[at] = size;
  }
  const out = new Uint8Array(size);
  for (const [at, row] of rows.entries())
    out.set(bytes.subarray(startOf(row), ends[row]), at === 0 ? 0 : (outEnds[at - 1] as number));
  return { ends: outEnds, bytes: out };
}
