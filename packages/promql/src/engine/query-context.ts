import { type Clock, OperatingError } from "@pharos/base";
import type { Kernels } from "@pharos/kernels";
import type { PlanEvaluator, RollupReader, SeriesReader, StoreChanges } from "@pharos/ports";
import type { QueryProfile } from "../plan/query-profile.ts";
import { TierPlan } from "../plan/tier-plan.ts";
import type { AtModifier, Expr, TimeShift } from "../syntax/ast.ts";
import type { Annotations } from "./annotations.ts";
import { overLimit, type QueryLimits, SAMPLE_SIZE, SERIES_SIZE } from "./query-limits.ts";
import type { SampleCounts } from "./sample-counts.ts";

/** How long an evaluation may keep the thread before others get their turn. */
const SLICE_MS_MAX = 10;
/** How many samples may pass between two looks at the clock, and as how many a series counts whatever it has. */
const SAMPLES_PER_LOOK = 16_384;
const SERIES_WORK = 1024;

/** What the engine asks of a store: samples, and of one that has more, what that is. */
export type QueryStore = Pick<SeriesReader, "select"> &
  Partial<Pick<SeriesReader, "estimate"> & RollupReader & PlanEvaluator> & {
    /** Of a store that tells which times of it change: without it nothing is cached. */
    readonly changes?: StoreChanges;
  };

export interface QueryContextOptions {
  readonly store: QueryStore;
  readonly clock: Clock;
  readonly kernels?: Kernels | undefined;
  readonly signal: AbortSignal;
  readonly startMs: number;
  readonly endMs: number;
  readonly stepMs: number;
  readonly lookbackMs: number;
  readonly defaultStepMs: number;
  readonly samplesMax: number;
  readonly limits?: QueryLimits;
  readonly annotations: Annotations;
  readonly countsOnly: ReadonlySet<Expr>;
  readonly sampleCounts?: SampleCounts | undefined;
}

/** What is in memory for operators. */
export interface Held {
  readonly samples: number;
  readonly series: number;
}

/** What belongs to one running query: its limits, its turns on the thread, what it says and counts. */
export class QueryContext {
  readonly store: QueryStore;
  readonly signal: AbortSignal;
  /** The query's own range, for `@ start()`, `end()`, `step()` and the like; not a subquery's. */
  readonly startMs: number;
  readonly endMs: number;
  /** 0 for an instant query. */
  readonly stepMs: number;
  readonly lookbackMs: number;
  readonly defaultStepMs: number;
  readonly annotations: Annotations;
  /** The selectors of which histograms are read without their buckets. */
  readonly countsOnly: ReadonlySet<Expr>;
  /** Where samples are counted step by step, if somebody wants to know. */
  readonly sampleCounts: SampleCounts | undefined;
  /** Where the loops over columns are done in WebAssembly, if anywhere. */
  readonly kernels: Kernels | undefined;
  /** What is read from rollups: decided before the evaluation. */
  tiers = new TierPlan();
  /** Where it is noted what the parts of the query take, if somebody wants to know. */
  profile: QueryProfile | undefined;
  /** Rows of rollups count as samples. */
  samplesRead = 0;
  seriesRead = 0;
  /** The most samples that were held at once. */
  samplesPeak = 0;

  readonly #clock: Clock;
  readonly #samplesMax: number;
  readonly #limits: QueryLimits;
  #samplesHeld = 0;
  #seriesHeld = 0;
  #samplesKept = 0;
  #seriesKept = 0;
  #scratchSize = 0;
  #work = 0;
  #sliceStartMs: number;

  constructor(options: QueryContextOptions) {
    this.store = options.store;
    this.signal = options.signal;
    this.startMs = options.startMs;
    this.endMs = options.endMs;
    this.stepMs = options.stepMs;
    this.lookbackMs = options.lookbackMs;
    this.defaultStepMs = options.defaultStepMs;
    this.annotations = options.annotations;
    this.countsOnly = options.countsOnly;
    this.sampleCounts = options.sampleCounts;
    this.kernels = options.kernels;
    this.#clock = options.clock;
    this.#limits = options.limits ?? {};
    const { samples } = this.#limits;
    this.#samplesMax = samples?.max ?? options.samplesMax;
    this.#sliceStartMs = options.clock.monotonicMs();
  }

  /** What operators have in memory now: to be given to `settle`. */
  get held(): Held {
    return { samples: this.#samplesHeld, series: this.#seriesHeld };
  }

  /**
   * Notes samples, or places for them, and the series that they belong to, where these are kept too.
   *
   * @throws OperatingError `query.too_many_samples`, `query.over_limit` where the query would hold more than it may.
   */
  hold(samples: number, series = 0): void {
    this.#samplesHeld += samples;
    this.#seriesHeld += series;
    this.#check();
  }

  /**
   * As `hold`, for what outlives the operator that computed it, and, negative, for what is given away or gone: `settle`
   * does not forget it.
   */
  keep(samples: number, series: number): void {
    this.#samplesKept += samples;
    this.#seriesKept += series;
    this.#check();
  }

  /**
   * Notes bytes of columns that are no samples: windows, what a function adds up, where a result goes. They are given back
   * when what this answers is disposed of.
   *
   * @throws OperatingError `query.over_limit` where the query would take more memory than it may.
   */
  reserve(size: number): Disposable {
    this.#scratchSize += size;
    let isGone = false;
    const release = (): void => {
      if (!isGone) this.#scratchSize -= size;
      isGone = true;
    };
    try {
      this.#check();
    } catch (error) {
      release();
      throw error;
    }
    return { [Symbol.dispose]: release };
  }

  #check(): void {
    const samples = this.#samplesHeld + this.#samplesKept;
    if (samples > this.samplesPeak) this.samplesPeak = samples;
    if (samples > this.#samplesMax) throw this.#holdsTooMuch();
    const series = this.#seriesHeld + this.#seriesKept;
    const size = samples * SAMPLE_SIZE + series * SERIES_SIZE + this.#scratchSize;
    const { memorySize } = this.#limits;
    if (memorySize !== undefined && size > memorySize.max)
      throw overLimit(`needs more than ${size} bytes of memory`, memorySize);
  }

  /** As Prometheus words it. */
  #holdsTooMuch(): OperatingError {
    const { samples } = this.#limits;
    const text = "query processing would load too many samples into memory in query execution";
    const limit = samples === undefined ? "" : `: more than ${samples.max} (${samples.setting})`;
    return new OperatingError("query.too_many_samples", text + limit);
  }

  /** Notes a series that came from the store, with so many samples. @throws OperatingError `query.over_limit`. */
  countSeries(samples: number): void {
    this.seriesRead++;
    const { series } = this.#limits;
    if (series !== undefined && this.seriesRead > series.max)
      throw overLimit(`reads more than ${series.max} series`, series);
    this.countSamples(samples);
  }

  /** Notes samples that were read, or points of a subquery. @throws OperatingError `query.over_limit`. */
  countSamples(samples: number): void {
    this.samplesRead += samples;
    const { samplesRead } = this.#limits;
    if (samplesRead !== undefined && this.samplesRead > samplesRead.max)
      throw overLimit(`reads more than ${samplesRead.max} samples`, samplesRead);
  }

  release(samples: number): void {
    this.#samplesHeld -= samples;
  }

  /** After an operator: its inputs are gone, its result of so many samples in so many series is kept. */
  settle(before: Held, samples: number, series: number): void {
    this.#samplesHeld = before.samples;
    this.#seriesHeld = before.series;
    this.hold(samples, series);
  }

  /** Notes work on so many samples, for whoever calls `tick` next. */
  worked(samples: number): void {
    this.#work += samples;
  }

  /**
   * To be called once per series or group, or after work on so many samples that it counts: whether it is time to `pause`.
   */
  tick(samples = 0): boolean {
    this.#work += SERIES_WORK + samples;
    if (this.#work < SAMPLES_PER_LOOK) return false;
    this.#work = 0;
    return this.isTurnOver();
  }

  /** As `tick`, but looks at the clock each time: for work that takes long at once. */
  isTurnOver(): boolean {
    return this.#clock.monotonicMs() - this.#sliceStartMs >= SLICE_MS_MAX;
  }

  /** Lets others use the thread; rejects with the signal's reason if the query must end. */
  async pause(): Promise<void> {
    await this.#clock.sleep(0, this.signal);
    this.#sliceStartMs = this.#clock.monotonicMs();
  }

  /** The time `@` names; undefined without one. */
  atMs(at: AtModifier | undefined): number | undefined {
    if (at === undefined) return undefined;
    if (at.kind === "time") return at.timestampMs;
    return at.kind === "start" ? this.startMs : this.endMs;
  }

  /** The time that a selector or subquery looks at when it is evaluated at `timeMs`. */
  shiftedMs({ at, offsetMs }: TimeShift, timeMs: number): number {
    return (this.atMs(at) ?? timeMs) - offsetMs;
  }
}
