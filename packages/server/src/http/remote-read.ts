import {
  ChunkFrames,
  decodeReadRequest,
  type ReadQuery,
  type ReadRequest,
  SamplesResponse,
} from "@pharos/adapters/prometheus";
import { errorText, type Labels, type Matcher, mergeLabels, OperatingError } from "@pharos/base";
import type { Selection } from "@pharos/ports";
import { HTTP_ERRORS } from "./errors.ts";
import { formChunks } from "./parameters.ts";
import type { ReadDependencies } from "./read-routes.ts";

/** What one request may read, and how its answer comes. */
export interface RemoteReadLimits {
  /** Samples of one query where all are answered at once; 0 for no limit. A stream has none. */
  readonly samplesMax: number;
  /** A frame of a stream ends when it has so many bytes. */
  readonly frameSizeMax: number;
}

/** As Prometheus has them. */
export const REMOTE_READ_LIMITS: RemoteReadLimits = {
  samplesMax: 50_000_000,
  frameSizeMax: 1024 * 1024,
};

type Dependencies = Pick<ReadDependencies, "store" | "externalLabels" | "remoteRead">;

/**
 * `POST /api/v1/read`, remote read: a `prometheus.ReadRequest` in snappy, answered with all samples at once or with a
 * stream of chunks, whichever the client names first. External labels stand on what is answered. Errors are plain text.
 */
export async function remoteRead(request: Request, dependencies: Dependencies): Promise<Response> {
  try {
    const parts: Uint8Array[] = [];
    for await (const chunk of formChunks(request)) parts.push(chunk);
    const asked = decodeReadRequest(Buffer.concat(parts));
    const [type] = asked.accepted;
    return type === "STREAMED_XOR_CHUNKS"
      ? await streamedChunks(asked, dependencies, request.signal)
      : await samples(asked, dependencies, request.signal);
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    return failed(error);
  }
}

/** Clients show the first line of a plain answer. */
function failed(error: OperatingError): Response {
  // Prometheus says so of a query that is too large.
  const status = error.code === "query.too_many_samples" ? 400 : HTTP_ERRORS[error.code].status;
  const headers = { "Content-Type": "text/plain; charset=utf-8" };
  return new Response(`${errorText(error)}\n`, { status, headers });
}

async function samples(
  { queries }: ReadRequest,
  dependencies: Dependencies,
  signal: AbortSignal,
): Promise<Response> {
  const { samplesMax } = dependencies.remoteRead ?? REMOTE_READ_LIMITS;
  const external = dependencies.externalLabels();
  const response = new SamplesResponse();
  for (const query of queries) {
    try {
      for await (const columns of select(query, dependencies, external, samplesMax, signal))
        response.add(mergeLabels(external, columns.labels), columns);
    } catch (error) {
      if (!(error instanceof OperatingError) || error.code !== "query.too_many_samples")
        throw error;
      throw new OperatingError(error.code, `exceeded sample limit (${samplesMax})`);
    }
    response.endQuery();
  }
  const body = response.packed();
  const headers = {
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
    "Content-Length": String(body.length),
  };
  return new Response(body, { headers });
}

async function streamedChunks(
  request: ReadRequest,
  dependencies: Dependencies,
  signal: AbortSignal,
): Promise<Response> {
  const frames = framesOf(request, dependencies, signal);
  // What fails before the first frame can still be said with a status.
  let next = await frames.next();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (next.done === true) return controller.close();
      controller.enqueue(next.value);
      next = await frames.next();
      return undefined;
    },
    async cancel() {
      await frames.return();
    },
  });
  const type = "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse";
  return new Response(body, { headers: { "Content-Type": type } });
}

async function* framesOf(
  { queries }: ReadRequest,
  dependencies: Dependencies,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  const { frameSizeMax } = dependencies.remoteRead ?? REMOTE_READ_LIMITS;
  const external = dependencies.externalLabels();
  const frames = new ChunkFrames(frameSizeMax);
  for (const [index, query] of queries.entries())
    for await (const columns of select(query, dependencies, external, 0, signal))
      yield* frames.frames(index, mergeLabels(external, columns.labels), columns);
}

function select(
  { range, matchers }: ReadQuery,
  { store }: Dependencies,
  external: Labels,
  samplesMax: number,
  signal: AbortSignal,
): Selection {
  const asked = withoutExternal(matchers, external);
  return store.select(range, asked, {
    samplesMax: samplesMax === 0 ? Number.POSITIVE_INFINITY : samplesMax,
    signal,
    histograms: true,
  });
}

/** Who asks for an external label asks for series that do not have it here, since it is put on them afterwards. */
function withoutExternal(matchers: readonly Matcher[], external: Labels): readonly Matcher[] {
  const values = new Map(external);
  return matchers.map((matcher) =>
    matcher.type === "=" && values.get(matcher.name) === matcher.value
      ? { ...matcher, value: "" }
      : matcher,
  );
}
