import { Duplex } from "node:stream";
import { promisify } from "node:util";
import { constants, createGzip, createZstdCompress, gzip, zstdCompress } from "node:zlib";
import type { MiddlewareHandler } from "hono";
import { negotiate } from "./negotiate.ts";

/** Shorter answers gain nothing. */
const SIZE_MIN = 1024;

/** In the order of preference: zstd takes a third of gzip's time and leaves fewer bytes. */
const ENCODINGS = ["zstd", "gzip"] as const;
export type Encoding = (typeof ENCODINGS)[number];

/** The fastest of both: an answer is read once, and the time until it is there counts more than its last bytes. */
const GZIP = { level: 1 };
const ZSTD = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

const gzipWhole = promisify(gzip);
const zstdWhole = promisify(zstdCompress);

/** What numbers and names are written in; pictures and fonts are compressed already, and events must go out at once. */
const COMPRESSIBLE =
  /^(?:text\/(?!event-stream)|application\/(?:json|yaml|x-ndjson|javascript|vnd\.google\.protobuf|vnd\.pharos\.columns|vnd\.oai\.openapi)|image\/svg)/;

export function isCompressible(contentType: string): boolean {
  return COMPRESSIBLE.test(contentType);
}

/** What an answer is compressed with for who accepts this; `length` is null where it comes in pieces. */
export function encodingFor(accepted: string, length: string | null): Encoding | undefined {
  if (accepted === "" || (length !== null && Number(length) < SIZE_MIN)) return undefined;
  return negotiate(accepted, ENCODINGS);
}

export function compressedWhole(bytes: Uint8Array, encoding: Encoding): Promise<Buffer> {
  return encoding === "zstd" ? zstdWhole(bytes, ZSTD) : gzipWhole(bytes, GZIP);
}

export function compressor(encoding: Encoding): Duplex {
  return encoding === "zstd" ? createZstdCompress(ZSTD) : createGzip(GZIP);
}

/** Compresses answers as the client takes them. It runs on zlib's own threads: nothing waits for it but the answer. */
export const compression: MiddlewareHandler = async (context, next) => {
  await next();
  const { res: response, req: request } = context;
  const { headers } = response;
  if (response.body === null || headers.has("Content-Encoding") || request.method === "HEAD")
    return;
  if (!isCompressible(headers.get("Content-Type") ?? "")) return;
  // Caches between must not give one client what another takes.
  if (!/\baccept-encoding\b/i.test(headers.get("Vary") ?? ""))
    headers.append("Vary", "Accept-Encoding");
  const length = headers.get("Content-Length");
  const encoding = encodingFor(request.header("Accept-Encoding") ?? "", length);
  if (encoding === undefined) return;
  const answer = await compressed(response, encoding, length !== null);
  context.res = undefined; // Else its headers would be put over the new ones.
  context.res = answer;
};

/** @param isWhole whether the body is in memory already, so that its length can be told. */
async function compressed(
  response: Response,
  encoding: Encoding,
  isWhole: boolean,
): Promise<Response> {
  const { status } = response;
  const headers = new Headers(response.headers);
  headers.set("Content-Encoding", encoding);
  if (isWhole) {
    const bytes = await compressedWhole(new Uint8Array(await response.arrayBuffer()), encoding);
    headers.set("Content-Length", String(bytes.length));
    return new Response(new Uint8Array(bytes), { status, headers });
  }
  headers.delete("Content-Length");
  const through = Duplex.toWeb(compressor(encoding)) as ReadableWritablePair<
    Uint8Array,
    Uint8Array
  >;
  return new Response(response.body?.pipeThrough(through) ?? null, { status, headers });
}
