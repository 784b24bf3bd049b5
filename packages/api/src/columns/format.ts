import type { Labels } from "@pharos/base";

/**
 * The answer to a query as columns instead of JSON: what `query` and `query_range` give to whoever sends this as
 * `Accept`. docs/formats/query-columns.md describes the bytes.
 */
export const QUERY_COLUMNS_TYPE = "application/vnd.pharos.columns";

/** The one version there is; it stands in the head. */
export const COLUMNS_VERSION = 1;

/** What a frame holds. Each is a kind (u32), the size of its payload (u32), the payload, and zeros up to 8 bytes. */
export const FRAME = {
  /** JSON: what kind of answer this is. */
  head: 1,
  /** JSON: the label sets of the next series. */
  labels: 2,
  /** Values on the head's grid, series by series: which steps have one, and those values. */
  grid: 3,
  /** Times and values of series without a grid. */
  runs: 4,
  /** One value a series. */
  column: 5,
  /** JSON: native histograms of the series before. */
  histograms: 6,
  /** JSON: warnings, infos and statistics. An answer without it has been cut off. */
  end: 7,
} as const;

/** Bytes of a frame before its payload. */
export const FRAME_HEAD_SIZE = 8;

/** The steps of a range query: `startMs`, `startMs + stepMs` … */
export interface ColumnsGrid {
  /** Unix epoch, ms. */
  readonly startMs: number;
  readonly stepMs: number;
  /** How many steps, at least 1. */
  readonly count: number;
}

/** A native histogram as Prometheus's JSON has it: numbers as text, each bucket as rule, bounds and count. */
export interface HistogramJson {
  readonly count: string;
  readonly sum: string;
  readonly buckets?: readonly (readonly [number, string, string, string])[];
}

export interface ColumnsHistogram {
  readonly timestampMs: number;
  readonly histogram: HistogramJson;
}

/** Samples of one series, by time. */
export interface ColumnsSeries {
  readonly labels: Labels;
  readonly timestampsMs: Float64Array;
  readonly values: Float64Array;
  readonly histograms?: readonly ColumnsHistogram[];
}

/** What came beside the data; `stats` as in the JSON answer. */
export interface ColumnsEnd {
  readonly warnings: readonly string[];
  readonly infos: readonly string[];
  readonly stats?: unknown;
}

/** An answer to encode. */
export type ColumnsAnswer =
  | {
      readonly resultType: "scalar" | "string";
      readonly timestampMs: number;
      /** As the JSON answer has it. */
      readonly value: string;
    }
  | {
      readonly resultType: "vector";
      readonly timestampMs: number;
      readonly labels: readonly Labels[];
      /** One a series; not looked at where there is a histogram. */
      readonly values: Float64Array;
      readonly histograms?: ReadonlyMap<number, HistogramJson> | undefined;
    }
  | {
      readonly resultType: "matrix";
      /** Undefined where each series has its own times. All times lie on it. */
      readonly grid: ColumnsGrid | undefined;
      readonly series: Iterable<ColumnsSeries>;
    };

/** Bytes of a set of flags, one bit each, the first in the lowest bit of the first byte; a multiple of 8. */
export function bitmapSize(count: number): number {
  return Math.ceil(count / 64) * 8;
}
