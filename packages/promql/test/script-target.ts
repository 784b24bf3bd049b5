import { errorText, type Matcher, OperatingError } from "@pharos/base";
import type { SampleBatch } from "@pharos/ports";
import type { Engine, QueryResult } from "@pharos/promql/engine";
import { type Expr, parse, pinSelectors, printExpr, walk } from "@pharos/promql/syntax";
import {
  MemoryStore,
  type PromqlTestTarget,
  type ResultSeries,
  type ResultValue,
  type SeriesToLoad,
  type TestResult,
} from "@pharos/testing";

/** The engine on a store in memory, as the scripts of `parsePromqlTest` ask it. */
export class EngineTarget implements PromqlTestTarget {
  readonly #engine: Engine;
  readonly #signal = new AbortController().signal;
  #store = new MemoryStore();

  /** The engine must have 5 minutes of lookback and 1 minute as the default step. */
  constructor(engine: Engine) {
    this.#engine = engine;
  }

  async load(series: readonly SeriesToLoad[]): Promise<void> {
    await this.#store.append(batchOf(series));
  }

  clear(): Promise<void> {
    this.#store = new MemoryStore();
    return Promise.resolve();
  }

  instant(expr: string, timeMs: number): Promise<TestResult> {
    return answer(this.#engine.instant(this.#store, expr, timeMs, { signal: this.#signal }));
  }

  range(expr: string, startMs: number, endMs: number, stepMs: number): Promise<TestResult> {
    const range = { startMs, endMs, stepMs };
    return answer(this.#engine.range(this.#store, expr, range, { signal: this.#signal }));
  }

  pinned(expr: string, timeMs: number): string | undefined {
    const parsed = parseOrNothing(expr);
    const pinned = parsed === undefined ? undefined : pinSelectors(parsed, timeMs);
    return pinned === undefined ? undefined : printExpr(pinned);
  }

  selectors(expr: string): readonly (readonly Matcher[])[] | undefined {
    const parsed = parseOrNothing(expr);
    if (parsed === undefined) return undefined;
    const found: (readonly Matcher[])[] = [];
    walk(parsed, (node) => {
      if (node.kind === "vector") found.push(node.matchers);
    });
    return found;
  }
}

function parseOrNothing(expr: string): Expr | undefined {
  try {
    return parse(expr);
  } catch (error) {
    if (error instanceof OperatingError) return undefined;
    throw error;
  }
}

function batchOf(series: readonly SeriesToLoad[]): SampleBatch {
  const samples = series.flatMap(({ samples: list }, index) =>
    list.map((sample) => ({ index, sample })),
  );
  return {
    labelSets: series.map(({ labels }) => labels),
    series: Uint32Array.from(samples, ({ index }) => index),
    timestampsMs: Float64Array.from(samples, ({ sample }) => sample.timestampMs),
    values: Float64Array.from(samples, ({ sample }) =>
      "value" in sample ? sample.value : Number.NaN,
    ),
    stale: Uint8Array.from(samples, ({ sample }) => ("value" in sample ? 0 : 1)),
  };
}

async function answer(query: Promise<QueryResult>): Promise<TestResult> {
  try {
    const result = await query;
    return { value: resultValue(result), warnings: result.warnings, infos: result.infos };
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    return { value: { type: "error", message: errorText(error) }, warnings: [], infos: [] };
  }
}

function resultValue(result: QueryResult): ResultValue {
  switch (result.type) {
    case "scalar":
    case "string":
      return result;
    case "vector": {
      const series = result.labels.map(
        (labels, i): ResultSeries => ({
          labels,
          points: [{ timestampMs: result.timestampMs, value: result.values[i] as number }],
        }),
      );
      return { type: "vector", series };
    }
    case "matrix": {
      const series = result.series.map(
        ({ labels, timestampsMs, values }): ResultSeries => ({
          labels,
          points: Array.from(timestampsMs, (timestampMs, i) => ({
            timestampMs,
            value: values[i] as number,
          })),
        }),
      );
      return { type: "matrix", series };
    }
  }
}
