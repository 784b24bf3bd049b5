import type { Kernels } from "@pharos/kernels";
import type { openStore } from "../src/open-store.ts";
import { simulate, zeroCounts } from "./store-sim.ts";

/** A run that fails, and the steps it needs for that. */
export interface ShrunkFailure {
  readonly error: unknown;
  /** The numbers and names of the steps, in order: none of them can be left out. */
  readonly steps: readonly (readonly [number: number, what: string])[];
}

/** The steps of a run that are made before it fails; undefined if it does not. */
async function failureOf(
  open: typeof openStore,
  kernels: Kernels,
  seed: number,
  skipped: ReadonlySet<number>,
): Promise<ShrunkFailure | undefined> {
  const steps: (readonly [number, string])[] = [];
  try {
    await simulate(open, kernels, seed, zeroCounts(), {
      skipped,
      onStep: (number, what) => steps.push([number, what]),
    });
    return undefined;
  } catch (error) {
    return { error, steps };
  }
}

/**
 * Leaves out steps of a failing run, many at a time and then one by one, for as long as it fails without them.
 * Undefined if it does not fail.
 */
export async function shrink(
  open: typeof openStore,
  kernels: Kernels,
  seed: number,
): Promise<ShrunkFailure | undefined> {
  const skipped = new Set<number>();
  let failure = await failureOf(open, kernels, seed, skipped);
  if (failure === undefined) return undefined;
  for (let size = Math.ceil(failure.steps.length / 2); size >= 1; size = Math.floor(size / 2))
    for (let at = 0; at < failure.steps.length; ) {
      const fewer = new Set(skipped);
      for (const [number] of failure.steps.slice(at, at + size)) fewer.add(number);
      const still = await failureOf(open, kernels, seed, fewer);
      if (still === undefined) at += size;
      else {
        failure = still;
        for (const number of fewer) skipped.add(number);
      }
    }
  return failure;
}
