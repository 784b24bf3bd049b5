import type { Clock } from "@pharos/base";

/** `setTimeout` fires at once beyond this (2^31 - 1 ms), so longer sleeps are taken in pieces. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** The machine's own time. A sleep keeps the process alive only until its signal aborts. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  async sleep(ms, signal) {
    let leftMs = Math.max(0, ms);
    do {
      const pieceMs = Math.min(leftMs, TIMER_MS_MAX);
      await sleepOnce(pieceMs, signal);
      leftMs -= pieceMs;
    } while (leftMs > 0);
  },
};

function sleepOnce(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    const abort = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", abort);
      resolve();
    }, ms);
    signal.addEventListener("abort", abort, { once: true });
  });
}
