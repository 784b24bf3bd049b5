// What a server says to a query, in a shape that two servers can be compared by.

/** An instant query has a time, a range query a start, an end and a step; all in seconds. */
export type Times =
  | { readonly kind: "instant"; readonly time: number }
  | { readonly kind: "range"; readonly start: number; readonly end: number; readonly step: number };

export interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly points: readonly (readonly [seconds: number, value: number])[];
}

export type Answer =
  | { readonly kind: "error"; readonly errorType: string; readonly error: string }
  | { readonly kind: "scalar"; readonly value: number }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "vector" | "matrix"; readonly series: readonly Series[] };

type Point = readonly [seconds: number, value: string];

interface Body {
  readonly status: string;
  readonly errorType?: string;
  readonly error?: string;
  readonly data?:
    | { readonly resultType: "scalar" | "string"; readonly result: Point }
    | {
        readonly resultType: "vector";
        readonly result: readonly { metric: Record<string, string>; value: Point }[];
      }
    | {
        readonly resultType: "matrix";
        readonly result: readonly { metric: Record<string, string>; values: readonly Point[] }[];
      };
}

/** Asks a server with Prometheus's API, by POST, so that a query may be long. */
export async function ask(url: string, query: string, times: Times): Promise<Answer> {
  const { kind, ...rest } = times;
  const params = new URLSearchParams({ query });
  for (const [name, seconds] of Object.entries(rest)) params.set(name, String(seconds));
  const path = kind === "instant" ? "query" : "query_range";
  const response = await fetch(`${url}/api/v1/${path}`, { method: "POST", body: params });
  const text = await response.text();
  let body: Body;
  try {
    body = JSON.parse(text) as Body;
  } catch {
    return { kind: "error", errorType: `status ${response.status}`, error: text };
  }
  const { data } = body;
  if (data === undefined || body.status !== "success")
    return { kind: "error", errorType: body.errorType ?? "", error: body.error ?? "" };
  switch (data.resultType) {
    case "scalar":
      return { kind: "scalar", value: numberOf(data.result[1]) };
    case "string":
      return { kind: "string", value: data.result[1] };
    case "vector":
      return {
        kind: "vector",
        series: data.result.map(({ metric, value }) => ({ metric, points: pointsOf([value]) })),
      };
    case "matrix":
      return {
        kind: "matrix",
        series: data.result.map(({ metric, values }) => ({ metric, points: pointsOf(values) })),
      };
  }
}

function pointsOf(points: readonly Point[]): [number, number][] {
  return points.map(([seconds, value]) => [seconds, numberOf(value)]);
}

/** Prometheus writes `+Inf` where JavaScript reads `Infinity`. */
function numberOf(text: string): number {
  return Number(text.replace("Inf", "Infinity"));
}
