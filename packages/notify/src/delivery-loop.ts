import type { NotificationContext } from "@pharos/alert";
import { assert, type Clock, OperatingError, type Rng } from "@pharos/base";
import type { Json } from "@pharos/ports";
import { Alarm } from "./alarm.ts";
import { withDeadline } from "./deadline.ts";
import { Circuit, type CircuitPolicy, type CircuitState } from "./dispatch/circuit.ts";
import type { Pending } from "./dispatch/decide.ts";
import { FlushQueue } from "./dispatch/flush-queue.ts";
import type { OutboxEntry } from "./dispatch/outbox-entry.ts";
import { type RateLimit, TokenBucket } from "./dispatch/token-bucket.ts";
import { DeliveryError, type Receipt, type Receiver } from "./receiver.ts";
import { type RetryPolicy, retryDelayMs } from "./retry.ts";

/** How many notifications one integration is sent at once; of one group never more than one, to keep its order. */
export const DELIVERIES_CONCURRENT_MAX = 256;
/** An attempt that takes longer has failed, whatever the receiver's own limit is: a lease must outlast it. */
export const ATTEMPT_MS_MAX = 60_000;
/** How long until it is asked for again where nobody knows yet who sends. */
const CLAIM_AGAIN_MS = 1000;
/** A receiver that asks to be left alone for longer is asked again after this. */
export const RETRY_AFTER_MS_MAX = 5 * 60_000;

/** One attempt to send a notification, and what came of it. */
export interface Attempt {
  /** From 1, of this process. */
  readonly number: number;
  /** Wall clock. */
  readonly startedAtMs: number;
  readonly durationMs: number;
  readonly outcome:
    | { readonly kind: "delivered"; readonly receipt: Receipt }
    /** Another attempt follows. */
    | { readonly kind: "retrying"; readonly error: OperatingError }
    /** Given up: refused for good, or out of attempts; `unsent` where nobody needs it any more. */
    | { readonly kind: "failed"; readonly error: OperatingError; readonly unsent?: true };
}

/** What went wrong in an attempt; "" for nothing. One that was delivered may have missed some. */
export function problemOf({ outcome }: Attempt): string {
  return outcome.kind === "delivered" ? (outcome.receipt.shortfall ?? "") : outcome.error.message;
}

/** What an attempt needs beyond the entry. */
export interface Preparation {
  readonly context: NotificationContext | undefined;
  readonly state: Json | undefined;
}

export interface DeliveryLoopOptions {
  readonly receiver: Receiver;
  readonly retry: RetryPolicy;
  readonly rate: RateLimit;
  readonly circuit: CircuitPolicy;
  readonly clock: Clock;
  readonly rng: Rng;
  /** Before the first attempt. */
  readonly prepare: (entry: OutboxEntry, signal: AbortSignal) => Promise<Preparation>;
  /**
   * Before each attempt: whether this server may send it. Where another one has it, it is forgotten here; where that is
   * not known yet, it is asked for again a second later; with an error it is given up.
   */
  readonly claim: (entry: OutboxEntry) => Promise<"send" | "elsewhere" | "wait" | OperatingError>;
  /** After each attempt. Of the last one (not "retrying") called once; the group's next one waits for it. */
  readonly attempted: (entry: OutboxEntry, attempt: Attempt) => Promise<void>;
}

/** How it stands with an integration. */
export interface DeliveryStatus {
  readonly waiting: number;
  readonly sending: number;
  readonly circuit: CircuitState;
}

class Waiting {
  readonly entry: OutboxEntry;
  attempts = 0;
  /** When to try next, by the monotonic clock. */
  nextFlushMs: number;
  /** From when on a page that fails is given up, by the monotonic clock: a clock that is set gives up nobody. */
  readonly giveUpMs: number;
  phase: "waiting" | "held" | "sending" = "waiting";
  preparation: Preparation | undefined;

  constructor(entry: OutboxEntry, clock: Clock) {
    this.entry = entry;
    this.nextFlushMs = clock.monotonicMs();
    const { giveUpAtMs = Number.POSITIVE_INFINITY } = entry.page ?? {};
    this.giveUpMs = clock.monotonicMs() + (giveUpAtMs - clock.nowMs());
  }
}

/** Sends one integration its notifications until accepted, refused or out of attempts; of a group one at a time. */
export class DeliveryLoop {
  readonly #options: DeliveryLoopOptions;
  readonly #stop = new AbortController();
  readonly #alarm: Alarm;
  readonly #circuit: Circuit;
  readonly #bucket: TokenBucket;
  /** By key. */
  readonly #entries = new Map<string, Waiting>();
  readonly #queue = new FlushQueue<Waiting>();
  readonly #running: Promise<void>;
  readonly #attempts = new Set<Promise<void>>();
  #receiver: Receiver;
  /** The receiver asked to be left alone until then, by the monotonic clock. */
  #pausedUntilMs = Number.NEGATIVE_INFINITY;

  constructor(options: DeliveryLoopOptions) {
    this.#options = options;
    this.#receiver = options.receiver;
    this.#circuit = new Circuit(options.circuit);
    this.#bucket = new TokenBucket(options.rate);
    this.#alarm = new Alarm(options.clock, this.#stop.signal);
    this.#running = this.#run();
  }

  /** For the attempts from now on. */
  setReceiver(receiver: Receiver): void {
    this.#receiver = receiver;
  }

  get receiver(): Receiver {
    return this.#receiver;
  }

  /** Nothing happens where it is there already. */
  add(entry: OutboxEntry): void {
    if (this.#entries.has(entry.id)) return;
    const waiting = new Waiting(entry, this.#options.clock);
    this.#entries.set(entry.id, waiting);
    this.#queue.add(waiting);
    this.#alarm.ring();
  }

  /** All that is not settled. */
  entries(): OutboxEntry[] {
    return [...this.#entries.values()].map(({ entry }) => entry);
  }

  /** When the oldest of them was decided; undefined where nothing waits. */
  oldestMs(): number | undefined {
    let oldestMs: number | undefined;
    for (const { entry } of this.#entries.values())
      oldestMs = Math.min(oldestMs ?? entry.createdAtMs, entry.createdAtMs);
    return oldestMs;
  }

  pending(id: string): Pending | undefined {
    const waiting = this.#entries.get(id);
    if (waiting === undefined) return undefined;
    return waiting.phase === "sending"
      ? { kind: "sending" }
      : { kind: "waiting", entry: waiting.entry };
  }

  /** Keeps an entry from being tried while it is decided about; false where it is being sent, or not there. */
  hold(id: string): boolean {
    const waiting = this.#entries.get(id);
    if (waiting === undefined || waiting.phase === "sending") return false;
    waiting.phase = "held";
    this.#queue.delete(waiting);
    return true;
  }

  release(id: string): void {
    const waiting = this.#entries.get(id);
    if (waiting?.phase !== "held") return;
    waiting.phase = "waiting";
    this.#queue.add(waiting);
    this.#alarm.ring();
  }

  /** Takes away an entry that is not being sent. */
  withdraw(id: string): void {
    const waiting = this.#entries.get(id);
    if (waiting === undefined) return;
    assert(waiting.phase !== "sending", "what is being sent is not withdrawn");
    this.#entries.delete(id);
    this.#queue.delete(waiting);
  }

  status(): DeliveryStatus {
    return {
      waiting: this.#entries.size - this.#attempts.size,
      sending: this.#attempts.size,
      circuit: this.#circuit.state(this.#options.clock.monotonicMs()),
    };
  }

  /** Ends attempts that are on their way; what was not settled stays for the next start. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all([this.#running, ...this.#attempts]);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    const { clock } = this.#options;
    try {
      for (;;) {
        const { bell } = this.#alarm;
        const nextMs = this.#startDue();
        await this.#alarm.waitFor(
          nextMs === undefined ? undefined : nextMs - clock.monotonicMs(),
          bell,
        );
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  /** Starts what is due; gives when to look again, undefined for when something ends or comes. */
  #startDue(): number | undefined {
    const nowMs = this.#options.clock.monotonicMs();
    for (;;) {
      const dueMs = this.#queue.nextMs();
      const openMs = this.#circuit.nextAttemptMs(nowMs);
      if (dueMs === undefined || openMs === undefined) return undefined;
      if (this.#attempts.size >= DELIVERIES_CONCURRENT_MAX) return undefined;
      const startMs = Math.max(dueMs, openMs, this.#pausedUntilMs, this.#bucket.nextMs(nowMs));
      if (startMs > nowMs) return startMs;
      const [waiting] = this.#queue.takeDue(nowMs, 1);
      assert(waiting !== undefined, "the queue said that one is due");
      this.#bucket.take(nowMs);
      this.#circuit.began(nowMs);
      waiting.phase = "sending";
      const attempt = this.#attempt(waiting).finally(() => {
        this.#attempts.delete(attempt);
        this.#alarm.ring();
      });
      this.#attempts.add(attempt);
    }
  }

  async #attempt(waiting: Waiting): Promise<void> {
    const { clock, prepare, claim } = this.#options;
    const { signal } = this.#stop;
    const { entry } = waiting;
    let attempt: Attempt;
    try {
      const claimed = await claim(entry);
      if (claimed === "elsewhere") {
        this.#circuit.abandoned();
        this.#entries.delete(entry.id);
        return;
      }
      if (claimed === "wait") {
        this.#circuit.abandoned();
        waiting.phase = "waiting";
        waiting.nextFlushMs = clock.monotonicMs() + CLAIM_AGAIN_MS;
        this.#queue.add(waiting);
        return;
      }
      waiting.attempts++;
      const startedAtMs = clock.nowMs();
      const startMs = clock.monotonicMs();
      let outcome: Attempt["outcome"];
      if (claimed === "send") {
        waiting.preparation ??= await prepare(entry, signal);
        outcome = await this.#send(waiting, waiting.preparation);
      } else {
        this.#circuit.abandoned();
        outcome = { kind: "failed", error: claimed, unsent: true };
      }
      const durationMs = clock.monotonicMs() - startMs;
      attempt = { number: waiting.attempts, startedAtMs, durationMs, outcome };
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    }
    await this.#options.attempted(entry, attempt);
    if (attempt.outcome.kind === "retrying") {
      waiting.phase = "waiting";
      this.#queue.add(waiting);
    } else this.#entries.delete(entry.id);
  }

  async #send(waiting: Waiting, preparation: Preparation): Promise<Attempt["outcome"]> {
    const { clock, rng, retry } = this.#options;
    const { entry, attempts, giveUpMs } = waiting;
    try {
      const receipt = await this.#sendInTime(entry, preparation);
      this.#circuit.answered();
      return { kind: "delivered", receipt };
    } catch (error) {
      // What is no failure of the world is a bug, and not to be repeated.
      if (this.#stop.signal.aborted || !(error instanceof OperatingError)) throw error;
      const nowMs = clock.monotonicMs();
      if (error.retryable) this.#circuit.failed(nowMs);
      else this.#circuit.answered();
      const asked = error instanceof DeliveryError ? (error.retryAfterMs ?? 0) : 0;
      const pauseMs = Math.min(Math.max(0, asked), RETRY_AFTER_MS_MAX);
      if (pauseMs > 0) this.#pausedUntilMs = Math.max(this.#pausedUntilMs, nowMs + pauseMs);
      const isLast = entry.page === undefined ? attempts >= retry.attemptsMax : nowMs >= giveUpMs;
      if (!error.retryable || isLast) return { kind: "failed", error };
      waiting.nextFlushMs = nowMs + Math.max(pauseMs, retryDelayMs(retry, attempts, rng));
      return { kind: "retrying", error };
    }
  }

  #sendInTime(entry: OutboxEntry, preparation: Preparation): Promise<Receipt> {
    const deadline = {
      clock: this.#options.clock,
      limitMs: ATTEMPT_MS_MAX,
      tooLate: () =>
        new OperatingError("notify.unavailable", `no answer within ${ATTEMPT_MS_MAX / 1000} s`),
    };
    return withDeadline(deadline, this.#stop.signal, (signal) =>
      this.#receiver.send(outgoing(entry, preparation), signal),
    );
  }
}

function outgoing(
  entry: OutboxEntry,
  { context, state }: Preparation,
): Parameters<Receiver["send"]>[0] {
  const { id, receiver, groupKey, groupLabels, routeLabels, reason, alerts } = entry;
  return {
    idempotencyKey: id,
    notification: {
      ...{ receiver, groupKey, groupLabels, routeLabels, reason, alerts },
      ...(context === undefined ? {} : { context }),
    },
    state,
  };
}
