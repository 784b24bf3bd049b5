import type { Answer, Pieces } from "./answer.ts";

/** Lets so many requests be answered at once; the others wait their turn, until whoever asks goes away. */
export class RequestGate {
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(concurrentMax: number) {
    this.#free = concurrentMax;
  }

  /** Requests that wait. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Gives the next one its turn when an answer is there as a whole, or with its last piece. @throws the signal's reason, or
   * what `answer` throws.
   */
  async run(signal: AbortSignal, answer: () => Promise<Answer>): Promise<Answer> {
    await this.#turn(signal);
    const release = this.#releaseOnce();
    try {
      const answered = await answer();
      const { body } = answered;
      if (body !== null && !(body instanceof Uint8Array))
        return { ...answered, body: untilRead(body, release) };
      release();
      return answered;
    } catch (error) {
      release();
      throw error;
    }
  }

  #turn(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#free > 0) {
      this.#free--;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const gone = (): void => {
        this.#waiting.delete(next);
        reject(signal.reason);
      };
      const next = (): void => {
        signal.removeEventListener("abort", gone);
        resolve();
      };
      this.#waiting.add(next);
      signal.addEventListener("abort", gone, { once: true });
    });
  }

  #releaseOnce(): () => void {
    let released = false;
    return () => {
      if (released) return;
      released = true;
      const [next] = this.#waiting;
      if (next === undefined) {
        this.#free++;
        return;
      }
      // The place goes straight to the one that has waited longest.
      this.#waiting.delete(next);
      next();
    };
  }
}

/** The same pieces; `done` is called after the last one, when one fails, or when nobody wants them any more. */
function untilRead(pieces: Pieces, done: () => void): Pieces {
  return {
    async next() {
      try {
        const piece = await pieces.next();
        if (piece.done === true) done();
        return piece;
      } catch (error) {
        done();
        throw error;
      }
    },
    return() {
      done();
      return pieces.return();
    },
  };
}
