import { OperatingError } from "@pharos/base";
import type { TimeRange } from "@pharos/ports";

const DAY_MS = 86_400_000;
/** Whether there is something is asked for so much time at once: VictoriaMetrics has an index for each day, up to 40. */
const PROBE_MS = 30 * DAY_MS;
/** Before this, the first of January 2000, nobody had metrics. */
const EARLIEST_MS = 946_684_800_000;
/** How much of an error's text is told. */
const ERROR_TEXT_MAX = 500;

export interface VictoriaMetricsClient {
  /** @throws OperatingError `http.failed` with the address and the reason. */
  get(
    path: string,
    parameters: Readonly<Record<string, string | readonly string[]>>,
    signal: AbortSignal,
  ): Promise<ReadableStream<Uint8Array>>;
}

/**
 * Requests to a VictoriaMetrics, or to anything else that has its `/api/v1/export`.
 * @param url what stands before `/api/v1`; a name and a password in it are sent as such.
 * @throws OperatingError `input.invalid`.
 */
export function victoriaMetricsClient(url: string): VictoriaMetricsClient {
  const parsed = URL.parse(url);
  if (parsed === null || !/^https?:$/.test(parsed.protocol))
    throw new OperatingError(
      "input.invalid",
      `${url} is no address that begins with http:// or https://`,
    );
  const headers: Record<string, string> = {};
  if (parsed.username !== "") {
    const credentials = `${decodeURIComponent(parsed.username)}:${decodeURIComponent(parsed.password)}`;
    headers["authorization"] = `Basic ${Buffer.from(credentials).toString("base64")}`;
    [parsed.username, parsed.password] = ["", ""];
  }
  const base = parsed.href.replace(/\/+$/, "");
  return {
    async get(path, parameters, signal) {
      const search = new URLSearchParams();
      for (const [name, value] of Object.entries(parameters))
        for (const one of typeof value === "string" ? [value] : value) search.append(name, one);
      const address = `${base}${path}`;
      let response: Response;
      try {
        response = await fetch(`${address}?${search}`, { headers, signal });
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        throw httpFailed(address, error);
      }
      if (response.ok && response.body !== null) return response.body;
      const text = (await response.text().catch(() => "")).trim().slice(0, ERROR_TEXT_MAX);
      throw new OperatingError("http.failed", `${address} answers ${response.status}: ${text}`);
    },
  };
}

/** What a request that ended early is to the caller. */
export function httpFailed(what: string, error: unknown): OperatingError {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new OperatingError("http.failed", `${what}: ${reason}`, { cause: error });
}

/**
 * The days of a range, from the first month that has something on, without the months that have nothing; the first day
 * and the last may be cut.
 * @throws OperatingError `http.failed`.
 */
export async function exportWindows(
  client: VictoriaMetricsClient,
  match: readonly string[],
  { minMs, maxMs }: TimeRange,
  signal: AbortSignal,
): Promise<readonly TimeRange[]> {
  const windows: TimeRange[] = [];
  const firstMs = Math.max(minMs, EARLIEST_MS);
  for (let atMs = Math.floor(firstMs / DAY_MS) * DAY_MS; atMs <= maxMs; atMs += PROBE_MS) {
    const part = { minMs: Math.max(atMs, firstMs), maxMs: Math.min(atMs + PROBE_MS - 1, maxMs) };
    if (!(await hasSamples(client, match, part, signal))) continue;
    for (let dayMs = atMs; dayMs <= part.maxMs; dayMs += DAY_MS)
      windows.push({
        minMs: Math.max(dayMs, firstMs),
        maxMs: Math.min(dayMs + DAY_MS - 1, maxMs),
      });
  }
  return windows;
}

/** Begins an export, and ends it with its first bytes: other questions are answered for more than the range. */
async function hasSamples(
  client: VictoriaMetricsClient,
  match: readonly string[],
  range: TimeRange,
  signal: AbortSignal,
): Promise<boolean> {
  const parameters = { "match[]": match, ...timeParameters(range), max_rows_per_line: "1" };
  const body = await client.get("/api/v1/export", parameters, signal);
  const reader = body.getReader();
  try {
    const { done } = await reader.read();
    return !done;
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw httpFailed("/api/v1/export", error);
  } finally {
    await reader.cancel().catch(() => {});
  }
}

/** Times as VictoriaMetrics takes them: seconds, with three decimals. */
export function timeParameters({ minMs, maxMs }: TimeRange): { start: string; end: string } {
  return { start: (minMs / 1000).toFixed(3), end: (maxMs / 1000).toFixed(3) };
}
