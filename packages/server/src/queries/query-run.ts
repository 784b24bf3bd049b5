import type { ErrorCode } from "@pharos/base";
import type { QueryStats } from "@pharos/promql/engine";

/** How an evaluation went: plain data, for another thread. */
export interface QueryRun {
  readonly evaluatedMs: number;
  /** Undefined where it failed. */
  readonly stats: QueryStats | undefined;
  readonly error?: { readonly code: ErrorCode; readonly message: string };
}
