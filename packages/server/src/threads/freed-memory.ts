import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** So much memory of columns may wait to be collected. */
const WAITING_SIZE_MAX = 32 * 1024 * 1024;
/** How long after a query that is looked at: those that follow at once need no collection for each. */
const DELAY_MS = 200;

/**
 * Gives the memory of queries' columns back soon after they end. They lie outside of JavaScript's heap, whose collector
 * sees little reason to run while nothing else is allocated: a thread that a large query leaves idle would keep it all.
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

  /** To be called when a query has ended. */
  queryEnded(): void {
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
