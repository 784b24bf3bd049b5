import type { Clock } from "@pharos/base";

/** How long work goes on before others get their turn. */
const SLICE_MS_MAX = 10;
/** Steps between two looks at the clock. */
const STEPS_PER_LOOK = 64;

/** To be awaited between steps of long work; `steps` says how many were done since the last time, 1 if nothing. */
export type Pause = (steps?: number) => Promise<void>;

const GOES_ON = Promise.resolve();

/** Lets others on the thread run when a slice of time is used up; rejects with the signal's reason. */
export function createPause(clock: Clock, signal: AbortSignal): Pause {
  let stepsDone = 0;
  let sliceStartMs = clock.monotonicMs();
  return (steps = 1) => {
    stepsDone += steps;
    if (stepsDone < STEPS_PER_LOOK) return GOES_ON;
    stepsDone = 0;
    if (clock.monotonicMs() - sliceStartMs < SLICE_MS_MAX) return GOES_ON;
    return clock.sleep(0, signal).then(() => {
      sliceStartMs = clock.monotonicMs();
    });
  };
}
