import { OperatingError } from "@pharos/base";

/** How much of something a query may have, and how people change that: an option, a parameter of the request. */
export interface Limit {
  readonly max: number;
  readonly setting: string;
}

/** What one query may take beside its time. Without a limit there is none. */
export interface QueryLimits {
  /** Samples, and places for samples, held in memory at once. */
  readonly samples?: Limit;
  /**
   * Bytes that are held at once: `SAMPLE_SIZE` for each of those samples, `SERIES_SIZE` for each series that is kept, and
   * what functions need beside them.
   */
  readonly memorySize?: Limit;
  /** Series that come from the store; one that two selectors read counts twice. */
  readonly series?: Limit;
  /** Samples that come from the store, and points of subqueries. */
  readonly samplesRead?: Limit;
}

/** A time and a value. */
export const SAMPLE_SIZE = 16;

/** A series of a vector without its samples: the objects that it consists of, as measured. */
export const SERIES_SIZE = 400;

/** The error that ends a query: what it took, what it may take, and which setting says so. */
export function overLimit(what: string, { max, setting }: Limit): OperatingError {
  return new OperatingError(
    "query.over_limit",
    `the query ${what}, the limit is ${max.toLocaleString("en-US")} (${setting}); narrow its selectors or its range`,
  );
}
