import { ENDPOINTS } from "@pharos/api";
import { type Rng, seededRng } from "@pharos/base";

/** A request that nobody in their right mind sends. */
export interface FuzzedRequest {
  readonly url: string;
  readonly init: {
    readonly method: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: string | Uint8Array<ArrayBuffer>;
  };
}

const METHODS = ["GET", "POST", "PUT", "HEAD", "OPTIONS", "DELETE", "PATCH"];

const EXPRESSIONS = [
  "up",
  "rate(m[5m])",
  'sum by (job) (m{job=~"a.*"}) / ignoring(x) group_left up',
  "m[5m:1s]",
  'histogram_quantile(0.9, {"cpu.load"})',
  "topk(3, m) or absent(zz) @ end() offset -1h",
  'label_replace(m, "a", "$1", "b", "(.*)")',
  "m{",
  "1 + (2 * (3",
  "'text'",
  "count_values('v', m) > bool 1e300",
  "m{x=~'(a+)+$'}",
];
const TIMES = ["0", "-1", "1767225600", "1e15", "NaN", "Inf", "2026-01-01T00:00:00Z", "now", "0x1"];
const DURATIONS = [
  "1s",
  "5m",
  "0",
  "-1",
  "1e300",
  "15",
  "0.0001",
  "1y2w",
  "x",
  "1h1h",
  "99999999y",
];
const COUNTS = ["0", "1", "-1", "5", "1e9", "999999999999999999999", "x", "1.5", "+3"];
const TEXTS = [
  "",
  "true",
  "all",
  "a",
  "job",
  "\u0000",
  "\uD83D\uDE00",
  "\uFFFD",
  "__proto__",
  "constructor",
  "U__a_2e_b",
  "U___ffffff_",
  "../..",
  "{}",
  "[]",
  '{"a":"b"}',
  "a".repeat(5000),
  "(".repeat(500),
  "'\"\\`",
];

/** What a parameter of this name is likely to be, so that requests get beyond the first check. */
const LIKELY: ReadonlyMap<string, readonly string[]> = new Map([
  ["query", EXPRESSIONS],
  ["match[]", EXPRESSIONS],
  ["match_target", EXPRESSIONS],
  ["labels", ['{"a":"b"}', '{job="api"}', "[]"]],
  ...["start", "end", "time", "start_time", "end_time"].map((name) => [name, TIMES] as const),
  ...["step", "timeout", "lookback_delta", "range", "maxLifetime"].map(
    (name) => [name, DURATIONS] as const,
  ),
  ...["limit", "limit_per_metric", "batch_size", "points", "percentile", "topN"].map(
    (name) => [name, COUNTS] as const,
  ),
  ["scrapePool", ["node", "web", "zz"]],
  ["label", ["job", "__name__", "a"]],
  ["search[]", ["u", "up", "job", "\uD83D\uDE00"]],
]);

/** Broken in ways that encoders never make. */
const RAW = [
  "%",
  "%zz",
  "%ff%fe",
  "&&==&",
  "a=%00",
  "query=up;x",
  "match[]=%c3%28",
  "=",
  "?query=1",
];

const HEADERS: Readonly<Record<string, readonly string[]>> = {
  Accept: ["*/*", "application/vnd.pharos.columns", "text/html;q=x,,;", "application/json"],
  "Accept-Encoding": ["gzip", "zstd", "br", "*;q=0", "identity, gzip;q=0.5"],
  Origin: ["http://evil.example", "null"],
  "Content-Type": [
    "application/x-www-form-urlencoded",
    "application/x-www-form-urlencoded; charset=latin1",
    "application/json",
    "multipart/form-data; boundary=x",
    "text/plain",
    "",
  ],
};

/** The paths of the API, and some that are none. */
const PATHS = [
  ...ENDPOINTS.map(({ path }) => path),
  ...[
    "/api/v1/",
    "/api/v1/query/",
    "/api/v2/query",
    "/-/ready",
    "/metrics",
    "/version",
    "/x",
    "//",
  ],
];

/** The request of this number; the same each time. */
export function fuzzedRequest(seed: number): FuzzedRequest {
  const rng = seededRng(seed);
  const path = one(rng, PATHS);
  const endpoint = ENDPOINTS.find((known) => known.path === path);
  const parameters = new URLSearchParams();
  for (const { name } of endpoint?.parameters ?? [])
    if (rng.chance(60)) parameters.append(name, parameterValue(rng, name));
  while (rng.chance(30)) parameters.append(one(rng, TEXTS), one(rng, TEXTS));
  let text = parameters.toString();
  if (rng.chance(15)) text += `&${one(rng, RAW)}`;
  const filled = path.replaceAll(/\{\w+\}/g, () =>
    rng.chance(20) ? one(rng, RAW) : encodeURIComponent(one(rng, TEXTS).slice(0, 50)),
  );
  const isKnown = endpoint !== undefined && rng.chance(80);
  const method = isKnown ? one(rng, endpoint.methods).toUpperCase() : one(rng, METHODS);
  const headers: Record<string, string> = {};
  for (const [name, values] of Object.entries(HEADERS))
    if (rng.chance(30)) headers[name] = one(rng, values);
  const hasBody = !["GET", "HEAD"].includes(method) && rng.chance(70);
  if (!hasBody) return { url: `http://x${filled}?${text}`, init: { method, headers } };
  if (headers["Content-Type"] === undefined)
    headers["Content-Type"] = "application/x-www-form-urlencoded";
  const body = rng.chance(10) ? bytes(rng) : text;
  return { url: `http://x${filled}`, init: { method, headers, body } };
}

function parameterValue(rng: Rng, name: string): string {
  const likely = LIKELY.get(name);
  const value = likely !== undefined && rng.chance(85) ? one(rng, likely) : one(rng, TEXTS);
  if (!rng.chance(10)) return value;
  // A character goes, or comes twice.
  const at = rng.below(value.length + 1);
  return value.slice(0, at) + value.slice(rng.chance(50) ? at + 1 : Math.max(0, at - 1));
}

function one<T>(rng: Rng, list: readonly T[]): T {
  return list[rng.below(list.length)] as T;
}

function bytes(rng: Rng): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: rng.below(200) }, () => rng.below(256));
}

/** What is wrong with how an API answers a request; undefined if nothing is. */
export async function fuzzProblem(
  fetch: (request: Request) => Response | Promise<Response>,
  { url, init }: FuzzedRequest,
  answeredMsMax: number,
): Promise<string | undefined> {
  const leaving = new AbortController();
  const late = Promise.withResolvers<string>();
  const timer = setTimeout(() => late.resolve(`no answer in ${answeredMsMax} ms`), answeredMsMax);
  const answered = async (): Promise<string | undefined> => {
    const response = await fetch(new Request(url, { ...init, signal: leaving.signal }));
    const { status } = response;
    if (status >= 500 && status !== 503) return `status ${status}: ${await response.text()}`;
    const type = response.headers.get("Content-Type") ?? "";
    // Events go on for ever.
    if (type === "text/event-stream") await response.body?.cancel();
    else if (type === "application/json" && !response.headers.has("Content-Encoding")) {
      const text = await response.text();
      if (text !== "") JSON.parse(text);
    } else await response.arrayBuffer();
    return undefined;
  };
  try {
    return await Promise.race([answered(), late.promise]);
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  } finally {
    clearTimeout(timer);
    leaving.abort();
  }
}
