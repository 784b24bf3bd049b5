import { OperatingError } from "@pharos/base";
import {
  INGEST_RETRY_AFTER_SECONDS,
  type IngestQueue,
  JSON_BODY_SIZE_MAX,
  type JsonMetricsResult,
  type RemoteWriteResult,
  writeRequestOfVersion2,
} from "@pharos/collect";
import { type ErrorType, HTTP_ERRORS } from "./errors.ts";

/** An answer for plain `node:http`, which the ingest path uses. */
export interface IngestAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** As `node:http` gives them: names in lower case. */
export type IngestHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

export interface IngestDependencies {
  readonly queue: IngestQueue;
  readonly receiver: PushReceiver;
}

/** What stores pushed bodies, which it may keep. */
export interface PushReceiver {
  /** A body of remote write. */
  receive(body: Uint8Array): Promise<RemoteWriteResult>;
  receiveJson(body: Uint8Array): Promise<JsonMetricsResult>;
}

const PROTOBUF = "application/x-protobuf";
const VERSION_1 = "prometheus.WriteRequest";
const VERSION_2 = "io.prometheus.write.v2.Request";

/**
 * `POST /api/v1/write`, remote write 1.0 and 2.0. 204 when the samples are durable. As Prometheus does, 400 where some
 * were too old or contradict others, after the rest has been taken: the sender does not try again. Senders of 2.0 are told
 * how much of what they sent is there.
 */
export async function remoteWrite(
  headers: IngestHeaders,
  body: Uint8Array,
  { queue, receiver }: IngestDependencies,
): Promise<IngestAnswer> {
  const [type = "", ...options] = header(headers, "content-type").split(";").map(trimmed);
  const proto = options.find((option) => option.startsWith("proto="))?.slice("proto=".length);
  if (type !== "" && type !== PROTOBUF)
    return text(415, `Content-Type ${type} is not supported; use ${PROTOBUF}`);
  const version = proto?.replaceAll('"', "") ?? VERSION_1;
  if (version !== VERSION_1 && version !== VERSION_2)
    return text(415, `${proto} is not supported; use ${VERSION_1} or ${VERSION_2}`);
  const encoding = header(headers, "content-encoding");
  if (encoding !== "" && encoding !== "snappy")
    return text(415, `Content-Encoding ${encoding} is not supported; use snappy`);
  return answer(async () => {
    const whole = version === VERSION_2 ? writeRequestOfVersion2(body) : body;
    const result = await queue.run(whole.length, () => receiver.receive(whole));
    if (result.refused !== undefined) queue.countRefused(result.refused.samples);
    const problem = refusals(result);
    const taken: IngestAnswer =
      problem === undefined ? { status: 204, headers: {}, body: "" } : text(400, problem);
    if (version === VERSION_1) return taken;
    return { ...taken, headers: { ...taken.headers, ...writtenHeaders(result) } };
  });
}

/**
 * `POST /api/v1/metrics`, `{"metrics": [{name, labels, timestamp, value}]}`. 202 when the samples are durable, with how
 * many were taken; 400 names every field that is wrong, and then nothing was taken.
 */
export async function jsonMetrics(
  headers: IngestHeaders,
  body: Uint8Array,
  { queue, receiver }: IngestDependencies,
): Promise<IngestAnswer> {
  const [type = ""] = header(headers, "content-type").split(";").map(trimmed);
  if (type !== "" && type !== "application/json")
    return failure(415, [`Content-Type ${type} is not supported; use application/json`]);
  const encoding = header(headers, "content-encoding");
  if (encoding !== "" && encoding !== "identity")
    return failure(415, [`Content-Encoding ${encoding} is not supported; send plain JSON`]);
  if (body.length > JSON_BODY_SIZE_MAX)
    return failure(413, [
      `body of ${body.length} bytes; at most ${JSON_BODY_SIZE_MAX} are allowed`,
    ]);
  return answer(async () => {
    const result = await queue.run(body.length, () => receiver.receiveJson(body));
    if ("errors" in result) return failure(400, result.errors);
    return json(202, { status: "success", data: result });
  });
}

async function answer(work: () => Promise<IngestAnswer>): Promise<IngestAnswer> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    const { status, type } = HTTP_ERRORS[error.code];
    const refused = failure(status, [error.message], type);
    if (!error.retryable) return refused;
    const retryAfter = { "Retry-After": String(INGEST_RETRY_AFTER_SECONDS) };
    return { ...refused, headers: { ...refused.headers, ...retryAfter } };
  }
}

/** What version 2.0 wants to be told. */
function writtenHeaders({ written }: RemoteWriteResult): Readonly<Record<string, string>> {
  return {
    "X-Prometheus-Remote-Write-Samples-Written": String(written.samples),
    "X-Prometheus-Remote-Write-Histograms-Written": String(written.histograms),
    "X-Prometheus-Remote-Write-Exemplars-Written": String(written.exemplars),
  };
}

/** Why some samples of a body were not taken; undefined where all were. */
function refusals(received: RemoteWriteResult): string | undefined {
  const { appended: result, refused, refusedHistograms } = received;
  const parts: string[] = [];
  if (result.tooOld > 0) parts.push(`${result.tooOld} too old`);
  if (result.tooNew > 0) parts.push(`${result.tooNew} too far in the future`);
  if (result.conflicting > 0)
    parts.push(`${result.conflicting} with another value than the one already stored`);
  if (refused !== undefined)
    parts.push(`${refused.samples} of a refused series (${refused.reason})`);
  if (refusedHistograms !== undefined)
    parts.push(
      `${refusedHistograms.histograms} native histograms (the first: ${refusedHistograms.reason})`,
    );
  if (parts.length === 0) return undefined;
  return `samples dropped: ${parts.join(", ")}; ${result.appended + result.duplicate} taken`;
}

function header(headers: IngestHeaders, name: string): string {
  const value = headers[name];
  return (typeof value === "string" ? value : (value?.[0] ?? "")).trim();
}

function trimmed(part: string): string {
  return part.trim().toLowerCase() === PROTOBUF ? PROTOBUF : part.trim();
}

function failure(
  status: number,
  errors: readonly string[],
  errorType: ErrorType = "bad_data",
): IngestAnswer {
  return json(status, { status: "error", errorType, error: errors.join("; "), errors });
}

function json(status: number, body: unknown): IngestAnswer {
  const headers = { "Content-Type": "application/json" };
  return { status, headers, body: JSON.stringify(body) };
}

function text(status: number, body: string): IngestAnswer {
  const headers = { "Content-Type": "text/plain; charset=utf-8" };
  return { status, headers, body: `${body}\n` };
}
