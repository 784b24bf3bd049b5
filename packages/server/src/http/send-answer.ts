import type { ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import type { Answer, Pieces } from "./answer.ts";
import { compressedWhole, compressor, encodingFor, isCompressible } from "./compression.ts";
import { CORS_HEADERS } from "./cors.ts";
import type { ReadRequest } from "./read-request.ts";

type Headers = Record<string, string>;

/**
 * Writes an answer to a connection, as the router does it for all other routes: compressed for who takes that, readable
 * for pages of other origins, without a body for HEAD. Pieces go out as fast as the client takes them; where it goes
 * away, no more are made. Rejects where pieces fail.
 */
export async function sendAnswer(
  response: ServerResponse,
  request: ReadRequest,
  { status, headers, body }: Answer,
): Promise<void> {
  const own: Headers = { ...headers };
  addCors(own, request);
  const pieces = body === null || body instanceof Uint8Array ? undefined : body;
  if (request.method === "HEAD" || body === null) {
    response.writeHead(status, own).end();
    pieces?.return();
    return;
  }
  const length = own["Content-Length"] ?? null;
  const encoding = canCompress(own) ? addEncoding(own, request, length) : undefined;
  if (body instanceof Uint8Array) {
    const bytes = encoding === undefined ? body : await compressedWhole(body, encoding);
    own["Content-Length"] = String(bytes.length);
    response.writeHead(status, own).end(bytes);
    return;
  }
  response.writeHead(status, own);
  try {
    if (encoding === undefined) await pipeline(read(body), response);
    else await pipeline(read(body), compressor(encoding), response);
  } catch (error) {
    // Nobody is left to hear of it.
    if (!isGone(error)) throw error;
  } finally {
    body.return();
  }
}

async function* read(pieces: Pieces): AsyncGenerator<Uint8Array, void, undefined> {
  for (;;) {
    const { done, value } = await pieces.next();
    if (done === true) return;
    yield value;
  }
}

function isGone(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ERR_STREAM_PREMATURE_CLOSE";
}

function canCompress(headers: Headers): boolean {
  return headers["Content-Encoding"] === undefined && isCompressible(headers["Content-Type"] ?? "");
}

/** What the body is to be compressed with, and says so. */
function addEncoding(headers: Headers, request: ReadRequest, length: string | null) {
  // Caches between must not give one client what another takes.
  addVary(headers, "Accept-Encoding");
  const encoding = encodingFor(request.header("accept-encoding"), length);
  if (encoding !== undefined) headers["Content-Encoding"] = encoding;
  return encoding;
}

function addCors(headers: Headers, request: ReadRequest): void {
  if (request.headers["origin"] === undefined || !request.target.startsWith("/api/")) return;
  Object.assign(headers, CORS_HEADERS);
  addVary(headers, "Origin");
}

function addVary(headers: Headers, name: string): void {
  const before = headers["Vary"];
  headers["Vary"] = before === undefined ? name : `${before}, ${name}`;
}
