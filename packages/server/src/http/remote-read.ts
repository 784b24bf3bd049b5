import {
  ChunkFrames,
  decodeReadRequest,
  type ReadQuery,
  type ReadRequest as RemoteReadRequest,
  SamplesResponse,
} from "@pharos/adapters/prometheus";
import { errorText, type Labels, type Matcher, mergeLabels, OperatingError } from "@pharos/base";
import type { Selection } from "@pharos/ports";
import { type Answer, type Pieces, wholeAnswer } from "./answer.ts";
import { HTTP_ERRORS } from "./errors.ts";
import type { ReadRequest } from "./read-request.ts";
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
export async function remoteRead(
  request: ReadRequest,
  dependencies: Dependencies,
): Promise<Answer> {
  try {
    const asked = decodeReadRequest(request.body ?? new Uint8Array(0));
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
function failed(error: OperatingError): Answer {
  // Prometheus says so of a query that is too large.
  const status = error.code === "query.too_many_samples" ? 400 : HTTP_ERRORS[error.code].status;
  const text = new TextEncoder().encode(`${errorText(error)}\n`);
  return wholeAnswer(text, "text/plain; charset=utf-8", status);
}

async function samples(
  { queries }: RemoteReadRequest,
  dependencies: Dependencies,
  signal: AbortSignal,
): Promise<Answer> {
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
  const headers = { "Content-Encoding": "snappy" };
  return wholeAnswer(response.packed(), "application/x-protobuf", 200, headers);
}

async function streamedChunks(
  request: RemoteReadRequest,
  dependencies: Dependencies,
  signal: AbortSignal,
): Promise<Answer> {
  const frames = framesOf(request, dependencies, signal);
  // What fails before the first frame can still be said with a status.
  let next = await frames.next();
  const body: Pieces = {
    async next() {
      const piece = next;
      if (piece.done !== true) next = await frames.next();
      return piece;
    },
    return: () => frames.return(),
  };
  const type = "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse";
  return { status: 200, headers: { "Content-Type": type }, body };
}

async function* framesOf(
  { queries }: RemoteReadRequest,
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
