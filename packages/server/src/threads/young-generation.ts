import { setFlagsFromString } from "node:v8";

/**
 * How large the part of a thread's heap may grow that new objects begin in, in MiB. The main thread's is set where the
 * process starts; one that is too small makes the collector copy what a request is still using.
 */
export const YOUNG_MIB = {
  /** Samples never lie in the JavaScript heap: little is alive at a time, and a small space stays in the processor's caches. */
  store: 3,
  /** A query has the labels and columns of thousands of series in its hands at a time. */
  query: 48,
} as const;

/** The process's own setting holds for threads as well, before theirs: takes it away for those that start from now on. */
export function forgetProcessYoungGeneration(): void {
  setFlagsFromString("--max-semi-space-size=0");
}
