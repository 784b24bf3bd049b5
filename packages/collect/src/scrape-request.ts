import { OperatingError, quote } from "@pharos/base";
import { BODY_LIMITS } from "@pharos/kernels";
import type { HttpClient, HttpResponse } from "@pharos/ports";
import { requestHeaders } from "./request-headers.ts";
import type { ScrapeJob, ScrapeProtocol } from "./scrape-job.ts";
import type { Target } from "./target.ts";

export interface ScrapedBody {
  readonly body: Uint8Array;
  readonly format: ScrapeProtocol;
}

const ACCEPT =
  "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

/**
 * Fetches the metrics of a target.
 *
 * @throws OperatingError `scrape.failed` with what a person needs to see, or the signal's reason.
 */
export async function fetchMetrics(
  target: Target,
  job: ScrapeJob,
  { http, userAgent, signal }: { http: HttpClient; userAgent: string; signal: AbortSignal },
): Promise<ScrapedBody> {
  if (job.readBody !== undefined) return { body: await job.readBody(), format: "text" };
  const bodySizeMax = Math.min(
    job.bodySizeLimit || Number.POSITIVE_INFINITY,
    BODY_LIMITS.bodySizeMax,
  );
  const response = await requestMetrics(target, job, bodySizeMax, { http, userAgent, signal });
  if (response.status !== 200)
    throw failed(`server returned HTTP status ${response.status}${reasonPhrase(response.status)}`);
  return { body: response.body, format: formatOf(response, job) };
}

async function requestMetrics(
  target: Target,
  job: ScrapeJob,
  bodySizeMax: number,
  { http, userAgent, signal }: { http: HttpClient; userAgent: string; signal: AbortSignal },
): Promise<HttpResponse> {
  try {
    return await http.request(
      {
        method: "GET",
        url: target.url,
        headers: headersOf(target, job, userAgent),
        timeoutMs: target.scrapeTimeoutMs,
        bodySizeMax,
        followRedirects: job.followRedirects,
        ...(job.tls === undefined ? {} : { tls: job.tls }),
      },
      signal,
    );
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    if (error.code === "input.too_large")
      throw failed(`body size limit exceeded (limit: ${bodySizeMax} bytes)`);
    throw failed(`Get ${quote(target.url)}: ${error.message}`);
  }
}

function headersOf(target: Target, job: ScrapeJob, userAgent: string): Record<string, string> {
  const compress = job.enableCompression && !isNearby(new URL(target.url).hostname);
  const headers: Record<string, string> = {
    Accept: ACCEPT,
    "Accept-Encoding": compress ? "gzip" : "identity",
    "User-Agent": userAgent,
    "X-Prometheus-Scrape-Timeout-Seconds": String(target.scrapeTimeoutMs / 1000),
  };
  return { ...headers, ...requestHeaders(job) };
}

/**
 * Whether a host is on this machine or in a private network. Unpacking gzip costs three times what parsing does, which
 * pays only where bandwidth is dear.
 */
function isNearby(hostname: string): boolean {
  return (
    hostname === "localhost" ||
    /^(?:127|10)\.\d+\.\d+\.\d+$/.test(hostname) ||
    /^192\.168\.\d+\.\d+$/.test(hostname) ||
    /^172\.(?:1[6-9]|2\d|3[01])\.\d+\.\d+$/.test(hostname) ||
    /^\[(?:::1|f[cd][0-9a-f]{2}:.*|fe80:.*)\]$/.test(hostname)
  );
}

function formatOf(response: HttpResponse, job: ScrapeJob): ScrapeProtocol {
  const contentType = response.headers["content-type"] ?? "";
  const mediaType = contentType.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  if (mediaType === "application/openmetrics-text") return "openmetrics";
  if (mediaType === "text/plain") return "text";
  if (job.fallbackScrapeProtocol !== undefined) return job.fallbackScrapeProtocol;
  throw failed(
    contentType === ""
      ? "non-compliant scrape target sending blank Content-Type and no fallback_scrape_protocol specified for target"
      : `received unsupported Content-Type ${quote(contentType)} and no fallback_scrape_protocol specified for target`,
  );
}

const REASONS: Readonly<Record<number, string>> = {
  301: "Moved Permanently",
  302: "Found",
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  429: "Too Many Requests",
  500: "Internal Server Error",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
};

function reasonPhrase(status: number): string {
  const reason = REASONS[status];
  return reason === undefined ? "" : ` ${reason}`;
}

function failed(message: string): OperatingError {
  return new OperatingError("scrape.failed", message);
}
