import type { IncomingMessage } from "node:http";

export interface BodyLimits {
  /** Bytes of one body as it arrives, compressed; a decoder may allow less. */
  readonly sizeMax: number;
  /** Bytes of all bodies that are arriving at the same time. */
  readonly arrivingMax: number;
}

export const BODY_LIMITS: BodyLimits = {
  sizeMax: 32 * 1024 * 1024,
  arrivingMax: 256 * 1024 * 1024,
};

/** A whole body, or why there is none. */
export type ReceivedBody =
  /** `bytes` are the caller's until `release`, which must be called once. */
  | { readonly status: "whole"; readonly bytes: Uint8Array; readonly release: () => void }
  /** This body is larger than any may be. */
  | { readonly status: "too large" }
  /** Too many bodies are arriving; the sender may try again. */
  | { readonly status: "busy" }
  /** The sender went away. */
  | { readonly status: "aborted" };

/** Buffers that are kept for the next bodies: one for each of the usual number of senders, of the size they usually send. */
const KEPT_BUFFERS_MAX = 16;
const KEPT_BUFFER_SIZE = 256 * 1024;

/** A body in one piece; `bytes` may be used for another one after `release`. */
export interface JoinedBody {
  readonly bytes: Uint8Array;
  release(): void;
}

/** Puts the pieces of a body together. */
export interface BodyJoiner {
  join(chunks: readonly Uint8Array[], size: number): JoinedBody;
}

/** Collects the bodies of requests in memory, within limits that hold for all of them together. */
export class BodyCollector {
  /** Where bodies are put together. */
  joiner: BodyJoiner = new KeptBuffers();
  readonly #limits: BodyLimits;
  #arriving = 0;

  constructor(limits: BodyLimits = BODY_LIMITS) {
    this.#limits = limits;
  }

  /**
   * Resolves as soon as it is known what becomes of the body. What is still to come of one that is refused is thrown
   * away as it arrives, since a sender that is cut off in the middle would not read why.
   */
  collect(request: IncomingMessage): Promise<ReceivedBody> {
    const { sizeMax, arrivingMax } = this.#limits;
    return new Promise((resolve) => {
      let chunks: Buffer[] = [];
      let size = 0;
      let settled = false;
      const settle = (body: ReceivedBody): void => {
        if (settled) return;
        settled = true;
        this.#arriving -= size;
        chunks = [];
        resolve(body);
      };
      if (Number(request.headers["content-length"] ?? 0) > sizeMax) settle({ status: "too large" });
      request.on("data", (chunk: Buffer) => {
        if (settled) return;
        if (size + chunk.length > sizeMax) settle({ status: "too large" });
        else if (this.#arriving + chunk.length > arrivingMax) settle({ status: "busy" });
        else {
          size += chunk.length;
          this.#arriving += chunk.length;
          chunks.push(chunk);
        }
      });
      request.on("end", () => {
        settle({ status: "whole", ...this.joiner.join(chunks, size) });
      });
      request.on("error", () => settle({ status: "aborted" }));
      request.on("close", () => settle({ status: "aborted" }));
    });
  }
}

/**
 * Bodies of the usual size go into buffers that are used again: fresh ones are what makes the garbage collector look at
 * the heap.
 */
class KeptBuffers implements BodyJoiner {
  readonly #kept: Uint8Array[] = [];

  join(chunks: readonly Uint8Array[], size: number): JoinedBody {
    if (chunks.length === 1 || size > KEPT_BUFFER_SIZE) {
      const bytes = chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks, size);
      return { bytes, release: () => {} };
    }
    const buffer = this.#kept.pop() ?? new Uint8Array(KEPT_BUFFER_SIZE);
    let at = 0;
    for (const chunk of chunks) {
      buffer.set(chunk, at);
      at += chunk.length;
    }
    return {
      bytes: buffer.subarray(0, size),
      release: () => {
        if (this.#kept.length < KEPT_BUFFERS_MAX) this.#kept.push(buffer);
      },
    };
  }
}
