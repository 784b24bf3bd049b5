import type { Clock } from "@pharos/base";
import type { Sink } from "../engine/evaluator.ts";
import type { Expr, VectorSelector } from "../syntax/ast.ts";

/** What a part of a query took. */
export interface PartProfile {
  /** With what is in it, ms. */
  elapsedMs: number;
  /** What came out. */
  series: number;
}

/** What a selector read: rows of rollups count as samples. */
export interface ReadProfile {
  series: number;
  samples: number;
}

/** Notes what the parts of a query take while it is evaluated. */
export class QueryProfile {
  readonly #clock: Clock;
  readonly #parts = new Map<Expr, PartProfile>();
  readonly #reads = new Map<VectorSelector, ReadProfile>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Notes a vector that is computed, which may be one of several of its part. */
  async vector<T>(part: Expr, compute: () => Promise<T[]>): Promise<T[]> {
    const startedMs = this.#clock.monotonicMs();
    const list = await compute();
    this.#evaluated(part, this.#clock.monotonicMs() - startedMs, list.length);
    return list;
  }

  /** Notes a stream of series, without what is done with them. */
  async stream(part: Expr, sink: Sink, run: (sink: Sink) => Promise<void>): Promise<void> {
    let series = 0;
    let takenMs = 0;
    const startedMs = this.#clock.monotonicMs();
    await run((one) => {
      series++;
      const gaveMs = this.#clock.monotonicMs();
      const busy = sink(one);
      takenMs += this.#clock.monotonicMs() - gaveMs;
      return busy;
    });
    this.#evaluated(part, this.#clock.monotonicMs() - startedMs - takenMs, series);
  }

  #evaluated(part: Expr, elapsedMs: number, series: number): void {
    const profile = this.#parts.getOrInsertComputed(part, () => ({ elapsedMs: 0, series: 0 }));
    profile.elapsedMs += elapsedMs;
    profile.series += series;
  }

  /** A series that a selector read. */
  read(selector: VectorSelector, samples: number): void {
    const profile = this.#reads.getOrInsertComputed(selector, () => ({ series: 0, samples: 0 }));
    profile.series++;
    profile.samples += samples;
  }

  /** Undefined for what was not evaluated by itself. */
  of(part: Expr): PartProfile | undefined {
    return this.#parts.get(part);
  }

  readOf(selector: VectorSelector): ReadProfile | undefined {
    return this.#reads.get(selector);
  }
}
