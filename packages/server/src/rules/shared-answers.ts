import type { Clock } from "@pharos/base";
import type { QueryValue } from "@pharos/promql/engine";
import { type Expr, formatExpr } from "@pharos/promql/syntax";

/** For so long an answer serves whoever asks the same. */
export const ANSWER_SHARED_MS = 1000;

type Evaluate = (expr: Expr, timeMs: number, signal: AbortSignal) => Promise<QueryValue>;

interface Answer {
  readonly value: Promise<QueryValue>;
  readonly stop: AbortController;
  askers: number;
  isThere: boolean;
}

/** Asks a query once for all who ask it in the same second: a rule that fires a thousand alerts has one population. */
export class SharedAnswers {
  readonly #evaluate: Evaluate;
  readonly #clock: Clock;
  /** By expression; those of the last second and those that are on their way. */
  readonly #answers = new Map<string, Answer>();

  constructor(evaluate: Evaluate, clock: Clock) {
    this.#evaluate = evaluate;
    this.#clock = clock;
  }

  /** As of `timeMs` or of up to a second before. @throws as the query; the reason of `signal`. */
  async evaluate(expr: Expr, timeMs: number, signal: AbortSignal): Promise<QueryValue> {
    signal.throwIfAborted();
    const key = formatExpr(expr);
    const answer = this.#answers.get(key) ?? this.#ask(key, expr, timeMs);
    answer.askers++;
    const left = Promise.withResolvers<never>();
    const leave = (): void => left.reject(signal.reason);
    signal.addEventListener("abort", leave, { once: true });
    try {
      return await Promise.race([answer.value, left.promise]);
    } finally {
      signal.removeEventListener("abort", leave);
      answer.askers--;
      // Nobody waits for it any more.
      if (answer.askers === 0 && !answer.isThere) {
        this.#forget(key, answer);
        answer.stop.abort();
      }
    }
  }

  #ask(key: string, expr: Expr, timeMs: number): Answer {
    const stop = new AbortController();
    const value = this.#evaluate(expr, timeMs, stop.signal);
    const answer: Answer = { value, stop, askers: 0, isThere: false };
    this.#answers.set(key, answer);
    value.then(
      async () => {
        answer.isThere = true;
        await this.#clock.sleep(ANSWER_SHARED_MS, stop.signal);
        this.#forget(key, answer);
      },
      () => this.#forget(key, answer), // Whoever asks next may have more luck.
    );
    return answer;
  }

  #forget(key: string, answer: Answer): void {
    if (this.#answers.get(key) === answer) this.#answers.delete(key);
  }
}
