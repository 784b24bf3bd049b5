import { assert } from "@pharos/base";

/** One query that has ended. */
export interface EndedQuery {
  readonly query: string;
  /** How long a stretch of time it asked for; 0 for an instant query. */
  readonly rangeMs: number;
  readonly durationMs: number;
  readonly samplesRead: number;
  /** Bytes of the samples that were held at once. */
  readonly memorySize: number;
  /** When it ended, on the monotonic clock. */
  readonly endedMonotonicMs: number;
}

/** All queries of one text and one length of range. */
export interface QueryTotals {
  readonly query: string;
  readonly rangeMs: number;
  readonly count: number;
  readonly durationMs: number;
  readonly samplesRead: number;
  readonly memorySize: number;
}

/** So much of a query's text is kept. */
const TEXT_LENGTH_MAX = 4096;

/** Which queries come often and take much, of those that ended last: a ring of so many. */
export class TopQueries {
  readonly #ring: EndedQuery[] = [];
  readonly #sizeMax: number;
  #next = 0;

  /** @param sizeMax how many queries are remembered. */
  constructor(sizeMax: number) {
    assert(sizeMax > 0, () => `${sizeMax} queries`);
    this.#sizeMax = sizeMax;
  }

  get sizeMax(): number {
    return this.#sizeMax;
  }

  add(ended: EndedQuery): void {
    const { query } = ended;
    const short = query.length <= TEXT_LENGTH_MAX ? query : `${query.slice(0, TEXT_LENGTH_MAX)}…`;
    this.#ring[this.#next] = { ...ended, query: short };
    this.#next = (this.#next + 1) % this.#sizeMax;
  }

  /** What ended since a time on the monotonic clock, summed up by text and length of range; in no order. */
  totals(sinceMonotonicMs: number): readonly QueryTotals[] {
    const byKey = new Map<string, { -readonly [Key in keyof QueryTotals]: QueryTotals[Key] }>();
    for (const ended of this.#ring) {
      if (ended.endedMonotonicMs < sinceMonotonicMs) continue;
      const { query, rangeMs, durationMs, samplesRead, memorySize } = ended;
      const key = `${rangeMs} ${query}`;
      const sums = byKey.get(key);
      if (sums === undefined) {
        byKey.set(key, { query, rangeMs, count: 1, durationMs, samplesRead, memorySize });
        continue;
      }
      sums.count++;
      sums.durationMs += durationMs;
      sums.samplesRead += samplesRead;
      sums.memorySize += memorySize;
    }
    return [...byKey.values()];
  }
}
