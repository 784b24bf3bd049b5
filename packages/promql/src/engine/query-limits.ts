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
  /** Bytes of the columns that are held at once: `SAMPLE_SIZE` for each of those samples. */
  readonly memorySize?: Limit;
  /** Series that come from the store; one that two selectors read counts twice. */
  readonly series?: Limit;
  /** Samples that come from the store, and points of subqueries. */
  readonly samplesRead?: Limit;
}

/** A time and a value. */
export const SAMPLE_SIZE = 16;

/** The error that ends a query: what it took, what it may take, and which setting says so. */
export function overLimit(what: string, { max, setting }: Limit): OperatingError {
  return new OperatingError(
    "query.over_limit",
    `the query ${what}, the limit is ${max.toLocaleString("en-US")} (${setting}); narrow its selectors or its range`,
  );
}
