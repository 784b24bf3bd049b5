import { assert, compareLabels, type Labels } from "@pharos/base";
import type { Aggregation } from "../syntax/ast.ts";
import type { Annotations } from "./annotations.ts";
import { GroupIndex } from "./group-index.ts";
import { emptySeries, FLOAT, HISTOGRAM, type StepSeries } from "./step-series.ts";
import { type Breaks, sortInTurns } from "./turns.ts";

/** Places for samples that a group begins with at each step; more are made when they are needed. */
const PLACES_MIN = 16;

export interface ExtremesOptions {
  readonly annotations: Annotations;
  /** Told of places for samples that are kept. May throw. */
  readonly hold: (samples: number) => void;
}

/**
 * topk and bottomk: the k best samples of each group at each step, NaN only for want of others, and among equals the
 * first by labels. Takes series as they come and keeps the best samples only.
 */
export class Extremes {
  readonly #aggregation: Aggregation;
  readonly #limits: Int32Array;
  readonly #greatest: boolean;
  readonly #options: ExtremesOptions;
  readonly #index: GroupIndex<Best>;
  readonly #arrivals = new Arrivals();

  /** `params` has the number of series that are wanted at each step: whole numbers and below 2^63, which NaN is not. */
  constructor(aggregation: Aggregation, params: Float64Array, options: ExtremesOptions) {
    this.#aggregation = aggregation;
    // No one has that many series.
    this.#limits = Int32Array.from(params, (k) => Math.min(Math.max(0, k), 2 ** 31 - 1));
    this.#greatest = aggregation.op === "topk";
    this.#options = options;
    this.#index = new GroupIndex(aggregation);
  }

  /** Takes one more series; does not keep its columns. */
  add(series: StepSeries): void {
    const { labels, dropName, present } = series;
    const group = this.#index.of(labels, () => this.#open());
    group.offer(series, this.#greatest ? 1 : -1, this.#arrivals.next(labels, dropName));
    if (series.histograms !== undefined) this.#ignoreHistograms(present);
  }

  /** The series of the samples that are left. At a single step they are in order of value, the best first. */
  async finish(context: Breaks): Promise<StepSeries[]> {
    const sign = this.#greatest ? 1 : -1;
    const results: StepSeries[] = [];
    for (const group of this.#index.groups)
      for (const series of await group.series(sign, context)) results.push(series);
    return results;
  }

  #open(): Best {
    return new Best(this.#limits, this.#arrivals, this.#options.hold);
  }

  #ignoreHistograms(present: Uint8Array): void {
    const { op, span } = this.#aggregation;
    if (present.some((there, step) => there === HISTOGRAM && (this.#limits[step] as number) > 0))
      this.#options.annotations.histogramIgnored(op, span);
  }
}

/** Which series came when. */
class Arrivals {
  readonly #series: { readonly labels: Labels; readonly dropName: boolean }[] = [];
  /** So far each came after the one before it by labels, too, as the store gives them. */
  #isSorted = true;

  next(labels: Labels, dropName: boolean): number {
    const last = this.#series.at(-1);
    if (this.#isSorted && last !== undefined && compareLabels(last.labels, labels) > 0)
      this.#isSorted = false;
    this.#series.push({ labels, dropName });
    return this.#series.length - 1;
  }

  at(arrival: number): { readonly labels: Labels; readonly dropName: boolean } {
    const series = this.#series[arrival];
    assert(series !== undefined, () => `series ${arrival} has come`);
    return series;
  }

  /** Whether one series comes before another one by labels. */
  isBefore(a: number, b: number): boolean {
    if (this.#isSorted) return a < b;
    return (compareLabels(this.at(a).labels, this.at(b).labels) || a - b) < 0;
  }
}

/**
 * The best samples of one group. Where there are as many at a step as are wanted, they are a heap with the worst on top,
 * before that they are in no order.
 */
class Best {
  readonly #limits: Int32Array;
  readonly #arrivals: Arrivals;
  readonly #hold: (samples: number) => void;
  /** Samples at each step. */
  readonly #sizes: Int32Array;
  /** Places at each step. */
  #places: number;
  /** The greater the better: values, or for bottomk their negatives. */
  #ranks: Float64Array;
  /** When the sample's series came. */
  #from: Int32Array;

  constructor(limits: Int32Array, arrivals: Arrivals, hold: (samples: number) => void) {
    this.#limits = limits;
    this.#arrivals = arrivals;
    this.#hold = hold;
    this.#sizes = new Int32Array(limits.length);
    this.#places = Math.min(
      PLACES_MIN,
      limits.reduce((most, limit) => Math.max(most, limit), 0),
    );
    hold(this.#places * limits.length);
    this.#ranks = new Float64Array(this.#places * limits.length);
    this.#from = new Int32Array(this.#places * limits.length);
  }

  offer({ values, present }: StepSeries, sign: 1 | -1, arrival: number): void {
    const limits = this.#limits;
    const sizes = this.#sizes;
    for (let step = 0; step < present.length; step++) {
      if (present[step] !== FLOAT) continue;
      const limit = limits[step] as number;
      if (limit === 0) continue;
      const rank = sign * (values[step] as number);
      const size = sizes[step] as number;
      const top = step * this.#places;
      if (size === limit) {
        const worst = this.#ranks[top] as number;
        // Most samples end here: worse than the worst that is kept.
        if (rank < worst) continue;
        if (rank > worst || this.#isWorse(worst, this.#from[top] as number, rank, arrival))
          this.#sink(top, size, 0, rank, arrival);
      } else {
        if (size === this.#places) this.#grow();
        const place = step * this.#places + size;
        this.#ranks[place] = rank;
        this.#from[place] = arrival;
        sizes[step] = size + 1;
        if (size + 1 === limit) this.#makeHeap(step * this.#places, limit);
      }
    }
  }

  async series(sign: 1 | -1, context: Breaks): Promise<StepSeries[]> {
    const byArrival = new Map<number, StepSeries>();
    const count = this.#sizes.length;
    if (count === 1) await this.#sort(context);
    for (let step = 0; step < count; step++) {
      const top = step * this.#places;
      const size = this.#sizes[step] as number;
      for (let place = top; place < top + size; place++) {
        const arrival = this.#from[place] as number;
        const out = byArrival.getOrInsertComputed(arrival, () => {
          const { labels, dropName } = this.#arrivals.at(arrival);
          return emptySeries(labels, dropName, count);
        });
        out.values[step] = sign * (this.#ranks[place] as number);
        out.present[step] = FLOAT;
        if (context.tick()) await context.pause();
      }
    }
    return [...byArrival.values()];
  }

  /** Puts the samples of the only step in order, the best first. */
  async #sort(context: Breaks): Promise<void> {
    const [ranks, from] = [this.#ranks.slice(), this.#from.slice()];
    const kept = Array.from({ length: this.#sizes[0] as number }, (_, i) => i);
    const rank = (place: number): number => ranks[place] as number;
    const cameAt = (place: number): number => from[place] as number;
    const places = await sortInTurns(kept, context, (a, b) =>
      this.#isWorse(rank(a), cameAt(a), rank(b), cameAt(b)) ? 1 : -1,
    );
    for (const [to, place] of places.entries()) {
      this.#ranks[to] = rank(place);
      this.#from[to] = cameAt(place);
    }
  }

  /** Whether sample a is to go before sample b. */
  #isWorse(aRank: number, aFrom: number, bRank: number, bFrom: number): boolean {
    if (aRank < bRank) return true;
    if (aRank > bRank) return false;
    const aNaN = Number.isNaN(aRank);
    return aNaN === Number.isNaN(bRank) ? this.#arrivals.isBefore(bFrom, aFrom) : aNaN;
  }

  #makeHeap(top: number, size: number): void {
    for (let at = (size >>> 1) - 1; at >= 0; at--) {
      const place = top + at;
      this.#sink(top, size, at, this.#ranks[place] as number, this.#from[place] as number);
    }
  }

  /** Puts a sample in a place of a heap, and moves it down past those that are worse. */
  #sink(top: number, size: number, start: number, rank: number, arrival: number): void {
    const ranks = this.#ranks;
    const from = this.#from;
    let at = start;
    for (let child = 2 * at + 1; child < size; child = 2 * at + 1) {
      let worst = top + child;
      let worstRank = ranks[worst] as number;
      if (child + 1 < size) {
        const rightRank = ranks[worst + 1] as number;
        if (this.#isWorse(rightRank, from[worst + 1] as number, worstRank, from[worst] as number)) {
          worst++;
          worstRank = rightRank;
        }
      }
      if (!this.#isWorse(worstRank, from[worst] as number, rank, arrival)) break;
      ranks[top + at] = worstRank;
      from[top + at] = from[worst] as number;
      at = worst - top;
    }
    ranks[top + at] = rank;
    from[top + at] = arrival;
  }

  #grow(): void {
    const count = this.#sizes.length;
    const [ranks, from, places] = [this.#ranks, this.#from, this.#places];
    this.#places = places * 2;
    this.#hold(places * count);
    this.#ranks = new Float64Array(this.#places * count);
    this.#from = new Int32Array(this.#places * count);
    for (let step = 0; step < count; step++) {
      const start = step * places;
      this.#ranks.set(ranks.subarray(start, start + places), step * this.#places);
      this.#from.set(from.subarray(start, start + places), step * this.#places);
    }
  }
}
