import type { Clock, OperatingError } from "@pharos/base";

/** Made once: an error of its own for each end costs more than what ended. */
const OVER = new Error("it is over");

export interface Deadline {
  readonly clock: Clock;
  readonly limitMs: number;
  /** What to say when the time is up. */
  readonly tooLate: () => OperatingError;
}

/**
 * Runs `work` for `limitMs` at most, whether or not it listens to its signal, which aborts as soon as anything ended.
 *
 * @throws the reason of `stop`, `tooLate()`, or what `work` throws, whichever comes first.
 */
export async function withDeadline<T>(
  { clock, limitMs, tooLate }: Deadline,
  stop: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  stop.throwIfAborted();
  // Not AbortSignal.any: `stop` lives as long as the process, and would remember each signal until a full collection.
  const over = new AbortController();
  const end = (): void => over.abort(stop.reason);
  stop.addEventListener("abort", end, { once: true });
  const limit = clock.sleep(limitMs, over.signal).then(() => {
    throw tooLate();
  });
  limit.catch(() => {}); // Heard of below, unless the work was done first.
  try {
    return await Promise.race([work(over.signal), limit]);
  } finally {
    stop.removeEventListener("abort", end);
    over.abort(OVER);
  }
}
