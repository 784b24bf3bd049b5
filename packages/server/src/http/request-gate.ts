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

  /** Answers with the last byte of the answer the next one's turn. @throws the signal's reason, or what `answer` throws. */
  async run(signal: AbortSignal, answer: () => Promise<Response>): Promise<Response> {
    await this.#turn(signal);
    const release = this.#releaseOnce();
    try {
      const response = await answer();
      if (response.body === null) release();
      else return whenRead(response, release);
      return response;
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

/** The same response; `done` is called when its body has been read, has failed, or nobody wants it any more. */
function whenRead(response: Response, done: () => void): Response {
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done: isEnd, value } = await reader.read();
        if (!isEnd) {
          controller.enqueue(value);
          return;
        }
      } catch (error) {
        done();
        throw error;
      }
      done();
      controller.close();
    },
    async cancel(reason) {
      done();
      await reader.cancel(reason);
    },
  });
  return new Response(body, { status: response.status, headers: response.headers });
}
