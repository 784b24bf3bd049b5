import type { Labels } from "@pharos/base";
import { OperatingError } from "@pharos/base";
import { type ErrorType, HTTP_ERRORS } from "./errors.ts";

const encoder = new TextEncoder();

/** Small answers go out whole, so that they have a length; larger ones as a stream. */
const WHOLE_SIZE_MAX = 256 * 1024;

/** Parts of a body, made as fast as they are asked for; `return` where nobody wants the others. */
export interface Pieces {
  next(): Piece | Promise<Piece>;
  return(): unknown;
}
type Piece = IteratorResult<Uint8Array<ArrayBuffer>, void>;

/** What a route answers: plain data, until somebody writes it to a connection. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** A body that is there as a whole has its length among the headers. */
  readonly body: Uint8Array<ArrayBuffer> | Pieces | null;
}

/** An answer as the router wants it. */
export function responseOf({ status, headers, body }: Answer): Response {
  const own = { status, headers: { ...headers } };
  if (body === null || body instanceof Uint8Array) return new Response(body, own);
  const stream = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await body.next();
      if (done === true) controller.close();
      else controller.enqueue(value);
    },
    cancel() {
      body.return();
    },
  });
  return new Response(stream, own);
}

/**
 * An answer that is made piece by piece, as fast as its reader takes it; nothing more is made when the reader goes away.
 */
export function streamed(
  pieces: Generator<Uint8Array<ArrayBuffer>, void, undefined>,
  contentType: string,
  headers: Answer["headers"] = {},
): Answer {
  const first: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for (let next = pieces.next(); next.done !== true; next = pieces.next()) {
    first.push(next.value);
    size += next.value.length;
    if (size > WHOLE_SIZE_MAX) {
      const body = { next: () => firstOr(first, pieces), return: () => pieces.return() };
      return { status: 200, headers: { "Content-Type": contentType, ...headers }, body };
    }
  }
  return wholeAnswer(joined(first, size), contentType, 200, headers);
}

function firstOr(
  first: Uint8Array<ArrayBuffer>[],
  pieces: Iterator<Uint8Array<ArrayBuffer>, void>,
) {
  const value = first.shift();
  return value === undefined ? pieces.next() : { done: false as const, value };
}

function joined(pieces: readonly Uint8Array<ArrayBuffer>[], size: number): Uint8Array<ArrayBuffer> {
  const [only] = pieces;
  if (only !== undefined && pieces.length === 1) return only;
  const whole = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** The bytes of a text that comes in pieces. */
export function* encoded(
  pieces: Generator<string, void, undefined>,
): Generator<Uint8Array<ArrayBuffer>, void, undefined> {
  for (const piece of pieces) yield encoder.encode(piece);
}

/** With its length, so that short answers are not compressed and HEAD can tell it. */
export function jsonAnswer(json: string, status = 200, headers: Answer["headers"] = {}): Answer {
  return wholeAnswer(encoder.encode(json), "application/json", status, headers);
}

/** An answer whose body is there. */
export function wholeAnswer(
  body: Uint8Array<ArrayBuffer>,
  contentType: string,
  status = 200,
  headers: Answer["headers"] = {},
): Answer {
  const own = { "Content-Type": contentType, "Content-Length": String(body.length) };
  return { status, headers: { ...own, ...headers }, body };
}

/** What a successful answer carries beside its data. */
export interface Notes {
  readonly warnings?: readonly string[];
  readonly infos?: readonly string[];
}

/** Said where `limit` has cut an answer short. */
export const TRUNCATED = "results truncated due to limit";

/** Prometheus's envelope around `data`, anything that JSON can hold. */
export function success(data: unknown, notes: Notes = {}): Answer {
  return jsonAnswer(`{"status":"success","data":${JSON.stringify(data)}${notesJson(notes)}}`);
}

/** The end of an envelope: warnings and infos, where there are some. */
export function notesJson({ warnings = [], infos = [] }: Notes): string {
  return (
    (warnings.length > 0 ? `,"warnings":${JSON.stringify(warnings)}` : "") +
    (infos.length > 0 ? `,"infos":${JSON.stringify(infos)}` : "")
  );
}

/** Text is handed on in pieces of about so many characters. */
const PIECE_LENGTH = 64 * 1024;

/**
 * A list, cut to `limit` entries (0 for all) with a warning where that drops some; made as it is read.
 *
 * @param jsonOf an entry in JSON.
 */
export function successList<T>(
  list: readonly T[],
  limit: number,
  jsonOf: (entry: T) => string = JSON.stringify,
): Answer {
  return streamed(encoded(listPieces(list, limit, jsonOf)), "application/json");
}

function* listPieces<T>(
  list: readonly T[],
  limit: number,
  jsonOf: (entry: T) => string,
): Generator<string, void, undefined> {
  const isCut = limit > 0 && list.length > limit;
  const count = isCut ? limit : list.length;
  let piece = `{"status":"success","data":[`;
  for (let i = 0; i < count; i++) {
    piece += `${i > 0 ? "," : ""}${jsonOf(list[i] as T)}`;
    if (piece.length < PIECE_LENGTH) continue;
    yield piece;
    piece = "";
  }
  yield `${piece}]${notesJson(isCut ? { warnings: [TRUNCATED] } : {})}}`;
}

export function failure(status: number, errorType: ErrorType, error: string): Answer {
  const body = JSON.stringify({ status: "error", errorType, error });
  const again = status === 503 || status === 429;
  return jsonAnswer(body, status, again ? { "Retry-After": "1" } : {});
}

/** The answer to what a route has thrown, or undefined for what is no failure of the world but a bug. */
export function failureOf(error: unknown): Answer | undefined {
  if (error instanceof OperatingError) {
    const { status, type } = HTTP_ERRORS[error.code];
    return failure(status, type, error.message);
  }
  if (error instanceof Error && error.name === "AbortError")
    return failure(HTTP_ERRORS["query.cancelled"].status, "canceled", "the request was cancelled");
  return undefined;
}

/** The answer where the program has a bug, which its log tells more of. */
export const INTERNAL_ERROR = failure(500, "internal", "internal error; see the server's log");

/** A label set as JSON has it. Without a prototype: `__proto__` is a possible label name. */
export function labelsObject(labels: Labels): Readonly<Record<string, string>> {
  const object = Object.create(null) as Record<string, string>;
  for (const [name, value] of labels) object[name] = value;
  return object;
}

/** What Go writes for a time that was never set, and clients know as such. */
const NEVER = "0001-01-01T00:00:00Z";

/** RFC 3339 in UTC, with ms; Go's zero time for what has not happened yet. */
export function formatTime(timestampMs: number | undefined): string {
  return timestampMs === undefined ? NEVER : new Date(timestampMs).toISOString();
}
