import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** So much memory of columns may wait to be collected. */
const WAITING_SIZE_MAX = 32 * 1024 * 1024;
/** How long after some work that is looked at: what follows at once needs no collection of its own. */
const DELAY_MS = 200;

/**
 * Gives the memory of columns and pages back soon after the query, the flush or the merge that had them. They lie outside
 * of JavaScript's heap, whose collector sees little reason to run while nothing else is allocated: a thread that has
 * little to do then would keep it all.
 */
export class FreedMemory {
  readonly #collect: () => void;
  /** What columns took after the last collection. */
  #keptSize = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor() {
    // There is no other way to ask for a collection from within.
    setFlagsFromString("--expose-gc");
    this.#collect = runInNewContext("gc") as () => void;
  }

  /** To be called when a piece of work has ended that may have had much. */
  workEnded(): void {
    this.#timer ??= setTimeout(() => this.#look(), DELAY_MS).unref();
  }

  #look(): void {
    this.#timer = undefined;
    if (columnsSize() - this.#keptSize < WAITING_SIZE_MAX) return;
    this.#collect();
    // What the first found to be garbage only goes with the second.
    this.#collect();
    this.#keptSize = columnsSize();
  }
}

function columnsSize(): number {
  return getHeapStatistics().external_memory;
}
