// Calls between threads, over the ports of `node:worker_threads`. Messages that are posted in one turn of the event
// loop travel together: waking a thread costs more than a call.
import type { Transferable } from "node:worker_threads";
import { type ErrorCode, OperatingError } from "@pharos/base";

/** What may be asked of another thread: for each kind what is sent and what is answered, as functions of one argument. */
type Calls<C> = { readonly [Kind in keyof C]: (ask: never) => unknown };
type Ask<F> = F extends (ask: infer A) => unknown ? A : never;
type Result<F> = F extends (ask: never) => infer R ? R : never;

/** One end: a worker, or a port. */
export interface Port {
  postMessage(value: unknown, transfer?: readonly Transferable[]): void;
  on(event: "message", listener: (messages: readonly unknown[]) => void): unknown;
}

type Message =
  /** Without a number nobody waits for an answer. */
  | {
      readonly ask: unknown;
      readonly kind: string;
      readonly id?: number;
      readonly cancellable?: boolean;
    }
  | { readonly cancel: number }
  /** Told by the end that answers, without being asked. */
  | { readonly notice: unknown }
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly failure: Failure };

type Failure =
  | { readonly code: ErrorCode; readonly message: string }
  /** A bug, or an `AbortError`. */
  | { readonly name: string; readonly message: string; readonly stack: string };

/** An answer whose buffers are moved to the other thread instead of copied: they are gone here. */
export class Moved<T> {
  readonly value: T;
  readonly buffers: readonly Transferable[];

  constructor(value: T, buffers: readonly Transferable[]) {
    this.value = value;
    this.buffers = buffers;
  }
}

/** Posts what came together at the end of this turn, in order. */
class Outbox {
  readonly #port: Port;
  #messages: Message[] = [];
  #moved: Transferable[] = [];

  constructor(port: Port) {
    this.#port = port;
  }

  post(message: Message, moved: readonly Transferable[] = NOTHING): void {
    if (this.#messages.length === 0) setImmediate(this.#flush);
    this.#messages.push(message);
    for (const buffer of moved) this.#moved.push(buffer);
  }

  readonly #flush = (): void => {
    const messages = this.#messages;
    const moved = this.#moved;
    this.#messages = [];
    this.#moved = [];
    this.#port.postMessage(messages, moved);
  };
}

const NOTHING: readonly Transferable[] = [];

interface Waiting {
  resolve(answer: unknown): void;
  reject(error: unknown): void;
}

export interface CallOptions<Answer = unknown> {
  /** Buffers of what is asked that are moved to the other thread. */
  readonly moved?: readonly Transferable[];
  /** Rejects the call with its reason, and tells the other thread. */
  readonly signal?: AbortSignal;
  /** Gets the answer of a call that was given up when it was on its way already: what it holds has to be let go. */
  readonly late?: (answer: Answer) => void;
}

/** The end that asks. */
export class Caller<C extends Calls<C>> {
  readonly #outbox: Outbox;
  readonly #waiting = new Map<number, Waiting>();
  /** For calls that were given up and that the other end has not answered yet, which it does for each. */
  readonly #late = new Map<number, (answer: unknown) => void>();
  readonly #callsMax: number;
  #nextId = 1;
  #dead: OperatingError | undefined;

  /** @param callsMax how many calls may wait for their answers; more are refused with `queue.full`. */
  constructor(port: Port, callsMax: number, onNotice: (notice: unknown) => void = () => {}) {
    this.#outbox = new Outbox(port);
    this.#callsMax = callsMax;
    port.on("message", (messages) => {
      for (const message of messages as readonly Message[])
        if ("notice" in message) onNotice(message.notice);
        else this.#settle(message);
    });
  }

  /** Calls that wait for their answers. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** @throws OperatingError of the other thread, `queue.full`; an `Error` with its stack where it has a bug. */
  call<Kind extends keyof C & string>(
    kind: Kind,
    ask: Ask<C[Kind]>,
    { moved, signal, late }: CallOptions<Result<C[Kind]>> = {},
  ): Promise<Result<C[Kind]>> {
    return new Promise((resolve, reject) => {
      if (this.#dead !== undefined) return reject(this.#dead);
      if (signal?.aborted === true) return reject(signal.reason);
      if (this.#waiting.size >= this.#callsMax) return reject(tooMany(this.#callsMax));
      const id = this.#nextId++;
      if (signal === undefined) {
        this.#waiting.set(id, { resolve: resolve as Waiting["resolve"], reject });
        this.#outbox.post({ id, kind, ask }, moved);
        return;
      }
      const cancel = (): void => {
        this.#waiting.delete(id);
        if (late !== undefined) this.#late.set(id, late as (answer: unknown) => void);
        this.#outbox.post({ cancel: id });
        reject(signal.reason);
      };
      signal.addEventListener("abort", cancel, { once: true });
      const settled = (): void => signal.removeEventListener("abort", cancel);
      this.#waiting.set(id, {
        resolve: (answer) => {
          settled();
          resolve(answer as Result<C[Kind]>);
        },
        reject: (error) => {
          settled();
          reject(error);
        },
      });
      this.#outbox.post({ id, kind, ask, cancellable: true }, moved);
    });
  }

  /** Asks for something that has no answer. */
  tell<Kind extends keyof C & string>(kind: Kind, ask: Ask<C[Kind]>): void {
    if (this.#dead === undefined) this.#outbox.post({ kind, ask });
  }

  /** The other thread is gone: whoever waits, and whoever asks from now on, gets this error. */
  fail(error: OperatingError): void {
    this.#dead = error;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    this.#late.clear();
    for (const { reject } of waiting) reject(error);
  }

  #settle(message: Message): void {
    if (!("id" in message) || message.id === undefined) return;
    const waiting = this.#waiting.get(message.id);
    if (waiting === undefined) {
      // Cancelled meanwhile.
      if ("answer" in message) this.#late.get(message.id)?.(message.answer);
      this.#late.delete(message.id);
      return;
    }
    this.#waiting.delete(message.id);
    if ("failure" in message) waiting.reject(errorOf(message.failure));
    else if ("answer" in message) waiting.resolve(message.answer);
  }
}

/** What the other end does for each kind. The signal aborts where the caller gives up. */
export type Handlers<C extends Calls<C>> = {
  readonly [Kind in keyof C]: (
    ask: Ask<C[Kind]>,
    signal: AbortSignal,
  ) => Answer<Result<C[Kind]>> | Promise<Answer<Result<C[Kind]>>>;
};

type Answer<T> = T | Moved<T>;

const NEVER = new AbortController().signal;

/**
 * The end that answers. A call that nobody waits for throws into this thread where it fails. Answers how to tell the
 * other end something without being asked.
 */
export function answerCalls<C extends Calls<C>>(
  port: Port,
  handlers: Handlers<C>,
): (notice: unknown) => void {
  const outbox = new Outbox(port);
  const cancellable = new Map<number, AbortController>();
  const byKind = handlers as Readonly<
    Record<string, (ask: unknown, signal: AbortSignal) => unknown>
  >;

  const answered = (id: number, answer: unknown): void => {
    if (answer instanceof Moved) outbox.post({ id, answer: answer.value }, answer.buffers);
    else outbox.post({ id, answer });
  };
  const answer = (id: number, kind: string, ask: unknown, stoppable: boolean): void => {
    let signal = NEVER;
    if (stoppable) {
      const controller = new AbortController();
      cancellable.set(id, controller);
      signal = controller.signal;
    }
    Promise.try(byKind[kind] as (ask: unknown, signal: AbortSignal) => unknown, ask, signal).then(
      (value) => {
        if (stoppable) cancellable.delete(id);
        answered(id, value);
      },
      (error: unknown) => {
        if (stoppable) cancellable.delete(id);
        outbox.post({ id, failure: failureOf(error) });
      },
    );
  };
  port.on("message", (messages) => {
    for (const message of messages as readonly Message[])
      if ("cancel" in message)
        cancellable.get(message.cancel)?.abort(new DOMException("cancelled", "AbortError"));
      else if ("kind" in message) {
        const { id, kind, ask } = message;
        if (id === undefined) byKind[kind]?.(ask, NEVER);
        else answer(id, kind, ask, message.cancellable === true);
      }
  });
  return (notice) => outbox.post({ notice });
}

function failureOf(error: unknown): Failure {
  if (error instanceof OperatingError) return { code: error.code, message: error.message };
  if (error instanceof Error)
    return { name: error.name, message: error.message, stack: error.stack ?? "" };
  return { name: "Error", message: String(error), stack: "" };
}

function errorOf(failure: Failure): Error {
  if ("code" in failure) return new OperatingError(failure.code, failure.message);
  const error = new Error(failure.message);
  error.name = failure.name;
  error.stack = failure.stack;
  return error;
}

function tooMany(callsMax: number): OperatingError {
  return new OperatingError("queue.full", `${callsMax} calls wait already; try again shortly`);
}
