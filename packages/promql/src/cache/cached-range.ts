import type { Clock } from "@pharos/base";
import type { StoreChanges, TimeRange } from "@pharos/ports";
import { Annotations } from "../engine/annotations.ts";
import {
  type MatrixSeries,
  matrixSeries,
  type QueryResult,
  type QueryStats,
} from "../engine/result.ts";
import { FLOAT, HISTOGRAM, type HistogramSteps, hasSamples } from "../engine/step-series.ts";
import type { Expr } from "../syntax/ast.ts";
import { printExpr } from "../syntax/print.ts";
import { CachedQuery } from "./cached-query.ts";
import { EXTENT_STEPS, type Extent, extentOf, StepTable } from "./extent.ts";
import { readMetrics } from "./read-metrics.ts";
import type { ResultCache } from "./result-cache.ts";
import { type StepScope, stepScope } from "./step-scope.ts";

/** Bytes of a point in an extent. */
const POINT_SIZE = 9;
/** More stretches than this are evaluated as one, with what is known in between. */
const HOLES_MAX = 4;

/** Steps next to each other, counted from the epoch: the first, and the one after the last. */
interface Steps {
  readonly from: number;
  readonly to: number;
}

/** A range query, its durations worked out. */
export interface RangeToAnswer {
  readonly expr: Expr;
  readonly text: string | undefined;
  readonly startMs: number;
  readonly endMs: number;
  readonly stepMs: number;
  readonly lookbackMs: number;
  /** The most points that the answer may have. */
  readonly pointsMax: number;
  readonly countsSamples: boolean;
  readonly changes: StoreChanges;
}

/** A part of a query's steps, evaluated, with what is to be said of it. */
export interface EvaluatedSteps {
  readonly startMs: number;
  readonly result: QueryResult;
  readonly annotations: Annotations;
}

interface NumberedSteps extends EvaluatedSteps {
  /** Of its series, in the table of the cached query. */
  readonly numbers: readonly number[];
}

/** Evaluates steps of the query, from one time to another, both included. */
export type EvaluateSteps = (startMs: number, endMs: number) => Promise<EvaluatedSteps>;

/** The cached part of a query's steps that still holds, and what is missing. */
interface Found {
  readonly extents: ReadonlyMap<number, Extent>;
  readonly holes: readonly Steps[];
  readonly stepsCached: number;
}

/**
 * Answers range queries from a cache as far as it holds, and evaluates the rest: usually the newest steps. What is cached
 * holds until the store says that samples at those times came or went. The answer is that of the evaluation of the whole
 * range, to the last bit; what is said of a piece is said as long as any of it is shown.
 */
export class CachedRange {
  readonly #cache: ResultCache;
  readonly #clock: Clock;
  readonly #query: RangeToAnswer;
  readonly #scope: StepScope;
  readonly #phaseMs: number;
  readonly #steps: Steps;
  readonly #mark: number;
  readonly #cached: CachedQuery;

  /** Undefined for a query that cannot be answered in pieces. */
  static of(cache: ResultCache, clock: Clock, query: RangeToAnswer): CachedRange | undefined {
    const scope = stepScope(query.expr, query.lookbackMs);
    return scope && new CachedRange(cache, clock, query, scope);
  }

  private constructor(cache: ResultCache, clock: Clock, query: RangeToAnswer, scope: StepScope) {
    const { expr, startMs, endMs, stepMs, lookbackMs, changes } = query;
    this.#cache = cache;
    this.#clock = clock;
    this.#query = query;
    this.#scope = scope;
    this.#phaseMs = ((startMs % stepMs) + stepMs) % stepMs;
    const from = Math.round((startMs - this.#phaseMs) / stepMs);
    this.#steps = { from, to: from + Math.floor((endMs - startMs) / stepMs) + 1 };
    // Before anything is looked at: what comes from now on may or may not be in the answer.
    this.#mark = changes.mark();
    const key = JSON.stringify([stepMs, this.#phaseMs, lookbackMs, printExpr(expr)]);
    this.#cached = cache.get(key) ?? new CachedQuery(key, readMetrics(expr));
  }

  /** The earliest time of which samples are looked at. */
  get sinceMs(): number {
    const starts = this.#scope.fixed.map(({ minMs }) => minMs);
    return Math.min(this.#query.startMs - this.#scope.backMs, ...starts);
  }

  /** Undefined where the answer would be larger than may be. @throws OperatingError as `evaluate`. */
  async answer(evaluate: EvaluateSteps): Promise<QueryResult | undefined> {
    const found = this.#find();
    const evaluated: EvaluatedSteps[] = [];
    for (const { from, to } of found.holes)
      evaluated.push(await evaluate(this.#timeMs(from), this.#timeMs(to - 1)));
    const count = this.#steps.to - this.#steps.from;
    const [first] = evaluated;
    const isMiss = first !== undefined && evaluated.length === 1 && found.stepsCached === 0;
    if (isMiss && seriesOf(first.result).length * count * POINT_SIZE > this.#cache.querySizeMax)
      return this.#whole(first);
    const parts = evaluated.map((part) => this.#numbered(part));
    const rows = rowsOf(found, parts);
    if (rows.count * count > this.#query.pointsMax) return isMiss ? this.#whole(first) : undefined;
    const table = this.#tableOf(rows, found, parts);
    // First, since results are made in the table's own columns.
    if (evaluated.every(({ annotations }) => annotations.isRepeatable))
      this.#store(table, rows, found, parts);
    if (isMiss) return this.#whole(first);
    this.#cache.count(count, found.stepsCached);
    return this.#result(table, rows, found, parts);
  }

  /** What was evaluated for all steps. */
  #whole({ result, annotations }: EvaluatedSteps): QueryResult {
    const { warnings, infos } = annotations;
    const total = this.#steps.to - this.#steps.from;
    this.#cache.count(total, 0);
    return { ...result, warnings, infos, stats: { ...result.stats, steps: { total, cached: 0 } } };
  }

  #numbered(part: EvaluatedSteps): NumberedSteps {
    const numbers = seriesOf(part.result).map(({ labels }) => this.#cached.seriesOf(labels));
    return { ...part, numbers };
  }

  #timeMs(step: number): number {
    return step * this.#query.stepMs + this.#phaseMs;
  }

  #find(): Found {
    const { from, to } = this.#steps;
    const extents = new Map<number, Extent>();
    const holes: Steps[] = [];
    let done = from;
    let stepsCached = 0;
    for (let number = extentNumber(from); number <= extentNumber(to - 1); number++) {
      const known = this.#cached.extents.get(number);
      const extent = known && this.#stillHolds(known);
      if (extent === undefined) continue;
      extents.set(number, extent);
      const start = Math.max(extent.from, from);
      const end = Math.min(extent.to, to);
      if (start >= end) continue;
      if (start > done) holes.push({ from: done, to: start });
      done = end;
      stepsCached += end - start;
    }
    if (done < to) holes.push({ from: done, to });
    const [first, last] = [holes[0], holes.at(-1)];
    if (holes.length <= HOLES_MAX || first === undefined || last === undefined)
      return { extents, holes, stepsCached };
    const whole = { from: first.from, to: last.to };
    return { extents, holes: [whole], stepsCached: to - from - (whole.to - whole.from) };
  }

  /** What of an extent holds now: its beginning or its end where something in between has changed. */
  #stillHolds(extent: Extent): Extent | undefined {
    const { text, changes } = this.#query;
    const { backMs, aheadMs, fixed } = this.#scope;
    const { from, to, notes } = extent;
    if (!this.#cache.isKept(extent.usedMs, this.#timeMs(to - 1))) return undefined;
    // Notes tell places of another text.
    if (notes !== undefined && notes.text !== text) return undefined;
    if (fixed.some((range) => changes.since(extent.mark, range) !== undefined)) return undefined;
    const changed = changes.since(extent.mark, this.#samplesOf({ from, to }));
    const renewed = { ...extent, mark: this.#mark, usedMs: this.#clock.monotonicMs() };
    if (changed === undefined) return renewed;
    const { stepMs } = this.#query;
    const firstChanged = Math.ceil((changed.minMs - aheadMs - this.#phaseMs) / stepMs);
    const lastChanged = Math.floor((changed.maxMs + backMs - this.#phaseMs) / stepMs);
    const before = Math.min(to, firstChanged) - from;
    const after = to - Math.max(from, lastChanged + 1);
    if (before <= 0 && after <= 0) return undefined;
    if (before >= after) return { ...renewed, to: from + before };
    return { ...renewed, from: to - after };
  }

  /** The times of all samples that steps look at around them. */
  #samplesOf({ from, to }: Steps): TimeRange {
    const { backMs, aheadMs } = this.#scope;
    return { minMs: this.#timeMs(from) - backMs, maxMs: this.#timeMs(to - 1) + aheadMs };
  }

  /** All steps of the answer, as far as they are cached or evaluated, which is all of them. */
  #tableOf(rows: Rows, { extents }: Found, parts: readonly NumberedSteps[]): StepTable {
    const { from, to } = this.#steps;
    const table = new StepTable(from, to - from, rows.count);
    const rowOf = (series: number): number => rows.of(series);
    for (const extent of extents.values()) {
      const start = Math.max(extent.from, from);
      const end = Math.min(extent.to, to);
      if (start < end) table.copy(extent, start, end, rowOf);
    }
    for (const { result, numbers } of parts)
      for (const [at, series] of seriesOf(result).entries())
        this.#put(table, rows.of(numbers[at] as number), series);
    return table;
  }

  #put(table: StepTable, row: number, { timestampsMs, values, histograms }: MatrixSeries): void {
    const { stepMs } = this.#query;
    for (let i = 0; i < timestampsMs.length; i++) {
      const step = Math.round(((timestampsMs[i] as number) - this.#phaseMs) / stepMs);
      const at = table.at(row, step);
      table.values[at] = values[i] as number;
      table.present[at] = FLOAT;
    }
    for (const { timestampMs, histogram } of histograms ?? []) {
      const at = table.at(row, Math.round((timestampMs - this.#phaseMs) / stepMs));
      table.putHistogram(at, histogram);
      table.present[at] = HISTOGRAM;
    }
  }

  #store(table: StepTable, rows: Rows, found: Found, parts: readonly NumberedSteps[]): void {
    if (table.values.byteLength + table.present.byteLength > this.#cache.querySizeMax) return;
    const { from, to } = this.#steps;
    const cached = this.#cached;
    const isNew = (steps: Steps): boolean =>
      found.holes.some((hole) => hole.from < steps.to && hole.to > steps.from);
    this.#cache.update(cached, () => {
      for (let number = extentNumber(from); number <= extentNumber(to - 1); number++) {
        const asked = {
          from: Math.max(from, number * EXTENT_STEPS),
          to: Math.min(to, (number + 1) * EXTENT_STEPS),
        };
        const kept = found.extents.get(number);
        if (kept !== undefined && !isNew(asked)) cached.put(number, kept);
        else cached.put(number, this.#extentOf(table, rows, asked, kept, parts));
      }
    });
  }

  /** An extent of the steps that were asked for, and of those next to them that are cached. */
  #extentOf(
    table: StepTable,
    rows: Rows,
    asked: Steps,
    kept: Extent | undefined,
    parts: readonly NumberedSteps[],
  ): Extent {
    const isNext = kept !== undefined && kept.from <= asked.to && kept.to >= asked.from;
    const from = isNext ? Math.min(asked.from, kept.from) : asked.from;
    const to = isNext ? Math.max(asked.to, kept.to) : asked.to;
    const own = new StepTable(from, to - from, rows.count);
    if (isNext) {
      const rowOf = (series: number): number => rows.of(series);
      if (from < asked.from) own.copy(kept, from, asked.from, rowOf);
      if (asked.to < to) own.copy(kept, asked.to, to, rowOf);
    }
    for (let row = 0; row < rows.count; row++) {
      const [start, end] = [table.at(row, asked.from), table.at(row, asked.to)];
      const at = own.at(row, asked.from);
      own.values.set(table.values.subarray(start, end), at);
      own.present.set(table.present.subarray(start, end), at);
    }
    for (const [place, histogram] of table.histograms ?? []) {
      const step = table.from + (place % table.count);
      if (step < asked.from || step >= asked.to) continue;
      own.putHistogram(own.at(Math.floor(place / table.count), step), histogram);
    }
    const said = new Annotations(this.#query.text);
    if (isNext && kept.notes !== undefined) said.repeat(kept.notes);
    for (const { annotations } of parts) said.absorb(annotations);
    const usedMs = this.#clock.monotonicMs();
    return extentOf(own, rows.series, { notes: said.notes, mark: this.#mark, usedMs });
  }

  #result(
    table: StepTable,
    rows: Rows,
    { extents, stepsCached }: Found,
    parts: readonly NumberedSteps[],
  ): QueryResult {
    const { count } = table;
    const timesMs = Float64Array.from({ length: count }, (_, i) => this.#timeMs(table.from + i));
    const histograms = histogramsByRow(table);
    const series: MatrixSeries[] = [];
    for (const number of this.#cached.order) {
      const row = rows.find(number);
      if (row === undefined) continue;
      const [start, end] = [row * count, (row + 1) * count];
      const one = {
        labels: this.#cached.labelsOf(number),
        dropName: false,
        values: table.values.subarray(start, end),
        present: table.present.subarray(start, end),
        histograms: histograms.get(row),
      };
      if (hasSamples(one)) series.push(matrixSeries(one, timesMs));
    }
    const said = new Annotations(this.#query.text);
    for (const { notes } of extents.values()) if (notes !== undefined) said.repeat(notes);
    for (const { annotations } of parts) said.absorb(annotations);
    const { warnings, infos } = said;
    const stats = this.#statsOf(parts, rows.count * count, stepsCached);
    return { type: "matrix", series, warnings, infos, stats };
  }

  /** What was read for this answer: nothing for what was there already. */
  #statsOf(parts: readonly NumberedSteps[], points: number, cached: number): QueryStats {
    const { from, to } = this.#steps;
    let [samplesRead, seriesRead, samplesPeak] = [0, 0, points];
    const queryable = this.#query.countsSamples ? new Float64Array(to - from) : undefined;
    for (const { startMs, result } of parts) {
      const { stats } = result;
      const at = Math.round((startMs - this.#query.startMs) / this.#query.stepMs);
      if (stats.queryable !== undefined) queryable?.set(stats.queryable, at);
      samplesRead += stats.samplesRead;
      seriesRead += stats.seriesRead;
      samplesPeak = Math.max(samplesPeak, stats.samplesPeak);
    }
    const total = to - from;
    const ranges = [this.#samplesOf(this.#steps), ...this.#scope.fixed];
    const holds = cached === total ? { mark: this.#mark, ranges } : undefined;
    const steps = { total, cached, holds };
    return { samplesRead, seriesRead, samplesPeak, queryable, steps };
  }
}

function rowsOf({ extents }: Found, parts: readonly NumberedSteps[]): Rows {
  const rows = new Rows();
  for (const extent of extents.values()) for (const series of extent.rows) rows.add(series);
  for (const { numbers } of parts) for (const series of numbers) rows.add(series);
  return rows;
}

/** Which row of a table a series has. */
class Rows {
  readonly #rows = new Map<number, number>();
  readonly #series: number[] = [];

  add(series: number): void {
    if (this.#rows.has(series)) return;
    this.#rows.set(series, this.#series.length);
    this.#series.push(series);
  }

  get count(): number {
    return this.#series.length;
  }

  /** The series of each row. */
  get series(): Uint32Array {
    return Uint32Array.from(this.#series);
  }

  find(series: number): number | undefined {
    return this.#rows.get(series);
  }

  of(series: number): number {
    return this.#rows.get(series) as number;
  }
}

function extentNumber(step: number): number {
  return Math.floor(step / EXTENT_STEPS);
}

function seriesOf(result: QueryResult): readonly MatrixSeries[] {
  return result.type === "matrix" ? result.series : [];
}

function histogramsByRow({ histograms, count }: StepTable): ReadonlyMap<number, HistogramSteps> {
  const byRow = new Map<number, HistogramSteps>();
  for (const [place, histogram] of histograms ?? []) {
    const list = byRow.getOrInsertComputed(Math.floor(place / count), () =>
      Array(count).fill(undefined),
    );
    list[place % count] = histogram;
  }
  return byRow;
}
