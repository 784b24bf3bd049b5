import { concatColumns } from "./archive/join-columns.ts";
import type { AttachedColumns } from "./attached-columns.ts";
import type { ColumnSet } from "./block/column-set.ts";
import { copyOfSet, sliceSet } from "./block/column-set-buffer.ts";

/**
 * What some of the series of a selection have of one kind, each a piece of the same columns: a copy of what is in the
 * head, which can be sent to another thread.
 */
export interface AttachedList {
  /** Where each series is in the selection, rising. */
  readonly positions: Uint32Array;
  /** Where each series' piece ends. A position may come twice, for two pieces. */
  readonly ends: Uint32Array;
  /** Undefined where no series has any. */
  readonly columns: ColumnSet | undefined;
}

/** Collects an `AttachedList`. */
export class AttachedListBuilder {
  readonly #positions: number[] = [];
  readonly #sets: ColumnSet[] = [];

  /** Whether the series has some in the range. */
  add(position: number, from: AttachedColumns, ref: number, minMs: number, maxMs: number): boolean {
    let any = false;
    for (const set of from.within(ref, minMs, maxMs)) {
      this.#positions.push(position);
      this.#sets.push(set);
      any = true;
    }
    return any;
  }

  /** A copy: to be made before anything changes. */
  list(): AttachedList {
    let end = 0;
    const ends = Uint32Array.from(this.#sets, ({ timestampsMs }) => {
      end += timestampsMs.length;
      return end;
    });
    // Several are copied by being put together.
    const sets = this.#sets.length === 1 ? this.#sets.map(copyOfSet) : this.#sets;
    const columns = sets.length === 0 ? undefined : concatColumns(sets);
    return { positions: Uint32Array.from(this.#positions), ends, columns };
  }
}

/** Piece `at` of a list. */
export function pieceAt({ ends, columns }: AttachedList, at: number): ColumnSet | undefined {
  const from = at === 0 ? 0 : (ends[at - 1] as number);
  return columns && sliceSet(columns, from, ends[at] as number);
}

/** By position, which pieces there are. */
export function piecesByPosition({ positions }: AttachedList): ReadonlyMap<number, number[]> {
  const byPosition = new Map<number, number[]>();
  for (const [at, position] of positions.entries())
    byPosition.getOrInsertComputed(position, () => []).push(at);
  return byPosition;
}
