import { assert, type Clock, NO_LABELS, OperatingError, type Rng } from "@pharos/base";
import { Alarm } from "./alarm.ts";
import type { Receiver } from "./receiver.ts";
import { type RetryPolicy, retryDelayMs } from "./retry.ts";
import type { OutboxEntry } from "./stored-group.ts";

/** How many notifications one integration is sent at once; of one group never more than one, to keep its order. */
export const DELIVERIES_CONCURRENT_MAX = 8;

export type Delivery =
  | { readonly outcome: "delivered"; readonly attempts: number }
  | { readonly outcome: "failed"; readonly attempts: number; readonly error: OperatingError };

export interface DeliveryLoopOptions {
  readonly receiver: Receiver;
  readonly retry: RetryPolicy;
  readonly clock: Clock;
  readonly rng: Rng;
  /** Called once for each entry, when its fate is known; the next one of its group waits for it. */
  readonly settle: (entry: OutboxEntry, delivery: Delivery) => Promise<void>;
  /** An attempt failed and will be repeated. */
  readonly retrying: (entry: OutboxEntry, error: OperatingError, attempts: number) => void;
}

interface Waiting {
  readonly entry: OutboxEntry;
  attempts: number;
  nextAttemptMs: number;
  inFlight: boolean;
}

/** Sends one integration its notifications until accepted, refused or out of attempts; each group's in order. */
export class DeliveryLoop {
  readonly #options: DeliveryLoopOptions;
  readonly #stop = new AbortController();
  readonly #alarm: Alarm;
  readonly #queues = new Map<string, Waiting[]>();
  readonly #running: Promise<void>;
  readonly #attempts = new Set<Promise<void>>();
  #receiver: Receiver;

  constructor(options: DeliveryLoopOptions) {
    this.#options = options;
    this.#receiver = options.receiver;
    this.#alarm = new Alarm(options.clock, this.#stop.signal);
    this.#running = this.#run();
  }

  /** For the attempts from now on. */
  setReceiver(receiver: Receiver): void {
    this.#receiver = receiver;
  }

  add(entry: OutboxEntry): void {
    const queue = this.#queues.get(entry.groupKey) ?? [];
    this.#queues.set(entry.groupKey, queue);
    queue.push({ entry, attempts: 0, nextAttemptMs: 0, inFlight: false });
    this.#alarm.ring();
  }

  /** All that is not settled, each group's in order. */
  entries(): OutboxEntry[] {
    return [...this.#queues.values()].flat().map(({ entry }) => entry);
  }

  /** What waits for one group, in order; the first may be on its way. */
  waiting(groupKey: string): OutboxEntry[] {
    return (this.#queues.get(groupKey) ?? []).map(({ entry }) => entry);
  }

  /** Takes away the newest entry of a group unless it is on its way. */
  takeNewest(groupKey: string): OutboxEntry | undefined {
    const queue = this.#queues.get(groupKey) ?? [];
    if (queue.at(-1)?.inFlight !== false) return undefined;
    return queue.pop()?.entry;
  }

  /** Puts a changed entry in the place of the one that will be sent after the entry now being settled. */
  replaceNext(
    groupKey: string,
    change: (next: OutboxEntry) => OutboxEntry,
  ): OutboxEntry | undefined {
    const queue = this.#queues.get(groupKey);
    const next = queue?.[1];
    if (queue === undefined || next === undefined) return undefined;
    const entry = change(next.entry);
    queue[1] = { ...next, entry };
    return entry;
  }

  /** Ends attempts that are on their way; what was not settled stays for the next start. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all([this.#running, ...this.#attempts]);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    try {
      for (;;) {
        const { bell } = this.#alarm;
        const nextMs = this.#startDue();
        await this.#alarm.wait(nextMs, bell);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  /** Starts what is due; gives the time of the next attempt, if any waits. */
  #startDue(): number | undefined {
    const nowMs = this.#options.clock.nowMs();
    let nextMs: number | undefined;
    for (const [head] of this.#queues.values()) {
      assert(head !== undefined, "an empty queue is removed");
      if (head.inFlight) continue;
      if (head.nextAttemptMs > nowMs) {
        nextMs = Math.min(nextMs ?? Number.POSITIVE_INFINITY, head.nextAttemptMs);
        continue;
      }
      if (this.#attempts.size >= DELIVERIES_CONCURRENT_MAX) break; // The end of one rings the bell.
      head.inFlight = true;
      const attempt = this.#attempt(head).finally(() => {
        this.#attempts.delete(attempt);
        this.#alarm.ring();
      });
      this.#attempts.add(attempt);
    }
    return nextMs;
  }

  async #attempt(waiting: Waiting): Promise<void> {
    const { clock, rng, retry, retrying } = this.#options;
    const { signal } = this.#stop;
    waiting.attempts++;
    const { entry, attempts } = waiting;
    try {
      await this.#receiver.send(outgoing(entry), signal);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof OperatingError)) throw error; // A bug: not to be repeated for an hour.
      if (!error.retryable || attempts >= retry.attemptsMax) {
        await this.#settle(waiting, { outcome: "failed", attempts, error });
        return;
      }
      waiting.inFlight = false;
      waiting.nextAttemptMs = clock.nowMs() + retryDelayMs(retry, attempts, rng);
      retrying(entry, error, attempts);
      return;
    }
    await this.#settle(waiting, { outcome: "delivered", attempts });
  }

  async #settle(waiting: Waiting, delivery: Delivery): Promise<void> {
    const { groupKey } = waiting.entry;
    await this.#options.settle(waiting.entry, delivery);
    const queue = this.#queues.get(groupKey);
    assert(queue?.[0] === waiting, "the head of its queue was settled");
    queue.shift();
    if (queue.length === 0) this.#queues.delete(groupKey);
  }
}

function outgoing(entry: OutboxEntry): Parameters<Receiver["send"]>[0] {
  const { id, receiver, groupKey, groupLabels, reason, alerts } = entry;
  return {
    idempotencyKey: id,
    notification: { receiver, groupKey, groupLabels, routeLabels: NO_LABELS, reason, alerts },
    state: undefined,
  };
}
