import type { Labels, NativeHistogram } from "@pharos/base";

/** A value or a native histogram. */
export type ResultPoint =
  | { readonly timestampMs: number; readonly value: number }
  | { readonly timestampMs: number; readonly histogram: NativeHistogram };

export interface ResultSeries {
  readonly labels: Labels;
  /** In the order of time; one point in an instant vector. */
  readonly points: readonly ResultPoint[];
}

export type ResultValue =
  | { readonly type: "vector" | "matrix"; readonly series: readonly ResultSeries[] }
  | { readonly type: "scalar"; readonly value: number }
  | { readonly type: "string"; readonly value: string }
  | { readonly type: "error"; readonly message: string };

/** What a query gave. */
export interface TestResult {
  readonly value: ResultValue;
  /** With the prefix that users see: `PromQL warning: …`. */
  readonly warnings: readonly string[];
  readonly infos: readonly string[];
}
