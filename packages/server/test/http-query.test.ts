import { deepEqual, equal, match, ok } from "node:assert/strict";
import { test } from "node:test";
import { queryDataSchema } from "@pharos/api";
import { formatMatcher, labelsFrom, type NativeHistogram, STALE_HISTOGRAM } from "@pharos/base";
import { parseTime } from "../src/http/parameters.ts";
import { HttpWorld, NOW_MS, NOW_SECONDS } from "./http-world.ts";

async function filled(): Promise<HttpWorld> {
  const world = new HttpWorld();
  await world.write({ __name__: "up", job: "api" }, 60, () => 1);
  await world.write({ __name__: "up", job: "web" }, 60, () => 0);
  await world.write({ __name__: "requests_total", job: "api" }, 60, (i) => i * 2);
  return world;
}

const success = (data: unknown, rest: object = {}): unknown => ({
  status: "success",
  data,
  ...rest,
});

test("an instant query answers a vector with values as strings", async () => {
  const world = await filled();
  deepEqual(await world.ask("query?query=up"), {
    status: 200,
    body: success({
      resultType: "vector",
      result: [
        { metric: { __name__: "up", job: "api" }, value: [NOW_SECONDS, "1"] },
        { metric: { __name__: "up", job: "web" }, value: [NOW_SECONDS, "0"] },
      ],
    }),
  });
});

test("every result type has its shape", async () => {
  const world = await filled();
  deepEqual(await world.data("query?query=1%2B1&time=4"), {
    resultType: "scalar",
    result: [4, "2"],
  });
  deepEqual(await world.data('query?query="a"&time=4.5'), {
    resultType: "string",
    result: [4.5, "a"],
  });
  deepEqual(await world.data("query?query=up{job='api'}[2s]"), {
    resultType: "matrix",
    result: [
      {
        metric: { __name__: "up", job: "api" },
        values: [
          [NOW_SECONDS - 1, "1"],
          [NOW_SECONDS, "1"],
        ],
      },
    ],
  });
});

test("NaN and infinities are written as Prometheus writes them", async () => {
  const world = new HttpWorld();
  for (const [query, value] of [
    ["0/0", "NaN"],
    ["1/0", "+Inf"],
    ["-1/0", "-Inf"],
    ["1e-7", "1e-07"],
  ]) {
    const url = `query?time=1&query=${encodeURIComponent(query as string)}`;
    deepEqual(await world.data(url), { resultType: "scalar", result: [1, value] });
  }
});

test("a range query answers a matrix, by GET and by a form", async () => {
  const world = await filled();
  const expected = success({
    resultType: "matrix",
    result: [
      {
        metric: { __name__: "requests_total", job: "api" },
        values: [
          [NOW_SECONDS - 2, "114"],
          [NOW_SECONDS - 1, "116"],
          [NOW_SECONDS, "118"],
        ],
      },
    ],
  });
  const parameters = {
    query: "requests_total",
    start: String(NOW_SECONDS - 2),
    end: new Date(NOW_SECONDS * 1000).toISOString(),
    step: "1s",
  };
  const byForm = await world.post("/api/v1/query_range", parameters);
  deepEqual(await byForm.json(), expected);
  const byUrl = await world.ask(`query_range?${new URLSearchParams(parameters)}`);
  deepEqual(byUrl, { status: 200, body: expected });
});

test("a form's parameters come before those of the URL", async () => {
  const world = new HttpWorld();
  const response = await world.post("/api/v1/query?query=1&time=1", { query: "2" });
  deepEqual(((await response.json()) as { data: unknown }).data, {
    resultType: "scalar",
    result: [1, "2"],
  });
});

test("a range may begin between two milliseconds and have any step", async () => {
  const world = await filled();
  const data = (await world.data(
    `query_range?query=vector(1)&start=${NOW_SECONDS - 1}.0004&end=${NOW_SECONDS}&step=0.25`,
  )) as { result: { values: unknown[] }[] };
  deepEqual(data.result[0]?.values.slice(0, 2), [
    [NOW_SECONDS - 1, "1"],
    [NOW_SECONDS - 0.75, "1"],
  ]);
});

/** Each request with the status, the error type and the text of the answer. */
const ERRORS: readonly (readonly [path: string, status: number, type: string, error: string])[] = [
  [
    "query?query=up%20foo",
    400,
    "bad_data",
    'invalid parameter "query": 1:4: parse error: unexpected identifier "foo"',
  ],
  ["query?query=up&timeout=0", 503, "timeout", "query timed out in query queue"],
  ["query?query=up&timeout=-1", 503, "timeout", "query timed out in query queue"],
  [
    "query?query=up&time=now",
    400,
    "bad_data",
    'invalid parameter "time": invalid time value for \'time\': cannot parse "now" to a valid timestamp',
  ],
  [
    "query?query=up&time=2026-02-30T00:00:00Z",
    400,
    "bad_data",
    'invalid parameter "time": invalid time value for \'time\': cannot parse "2026-02-30T00:00:00Z" to a valid timestamp',
  ],
  [
    "query?query=up&timeout=soon",
    400,
    "bad_data",
    'invalid parameter "timeout": cannot parse "soon" to a valid duration',
  ],
  [
    "query?query=up&limit=-1",
    400,
    "bad_data",
    'invalid parameter "limit": limit must be non-negative',
  ],
  [
    "query?query=up&limit=x",
    400,
    "bad_data",
    'invalid parameter "limit": strconv.Atoi: parsing "x": invalid syntax',
  ],
  [
    "query?query=up&lookback_delta=x",
    400,
    "bad_data",
    'error parsing lookback delta duration: cannot parse "x" to a valid duration',
  ],
  [
    "query_range?query=up&end=2&step=1",
    400,
    "bad_data",
    'invalid parameter "start": cannot parse "" to a valid timestamp',
  ],
  [
    "query_range?query=up&start=1&step=1",
    400,
    "bad_data",
    'invalid parameter "end": cannot parse "" to a valid timestamp',
  ],
  [
    "query_range?query=up&start=2&end=1&step=1",
    400,
    "bad_data",
    'invalid parameter "end": end timestamp must not be before start time',
  ],
  [
    "query_range?query=up&start=1&end=2",
    400,
    "bad_data",
    'invalid parameter "step": cannot parse "" to a valid duration',
  ],
  [
    "query_range?query=up&start=1&end=2&step=1e20",
    400,
    "bad_data",
    'invalid parameter "step": cannot parse "1e20" to a valid duration. It overflows int64',
  ],
  [
    "query_range?query=up&start=1&end=2&step=0",
    400,
    "bad_data",
    'invalid parameter "step": zero or negative query resolution step widths are not accepted. Try a positive integer',
  ],
  [
    "query_range?query=up&start=1&end=2&step=-1",
    400,
    "bad_data",
    'invalid parameter "step": zero or negative query resolution step widths are not accepted. Try a positive integer',
  ],
  [
    "query_range?query=up&start=0&end=11001&step=1",
    400,
    "bad_data",
    "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
  ],
  [
    "query_range?query=up[5m]&start=0&end=1&step=1",
    400,
    "bad_data",
    'invalid parameter "query": invalid expression type "range vector" for range query, must be Scalar or instant Vector',
  ],
  [
    "query_exemplars?query=up&start=2&end=1",
    400,
    "bad_data",
    "end timestamp must not be before start timestamp",
  ],
  [
    "query?query=up*on()requests_total",
    422,
    "execution",
    "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)",
  ],
  ["series", 400, "bad_data", "no match[] parameter provided"],
  [
    "series?match[]={x=~'.*'}",
    400,
    "bad_data",
    'invalid parameter "match[]": match[] must contain at least one non-empty matcher',
  ],
  [
    "labels?start=x",
    400,
    "bad_data",
    'invalid parameter "start": invalid time value for \'start\': cannot parse "x" to a valid timestamp',
  ],
  ["labels?match[]={", 400, "bad_data", "1:2: parse error: unexpected end of input inside braces"],
  ["metadata?limit=x", 400, "bad_data", "limit must be a number"],
  ["metadata?limit_per_metric=x", 400, "bad_data", "limit_per_metric must be a number"],
  ["metrics/labels", 400, "bad_data", 'the parameter "metric" is missing'],
  ["rules?type=all", 400, "bad_data", 'invalid parameter "type": not supported value "all"'],
  [
    "rules?exclude_alerts=maybe",
    400,
    "bad_data",
    'invalid parameter "exclude_alerts": error converting exclude_alerts: not true or false',
  ],
  [
    "rules?group_next_token=x",
    400,
    "bad_data",
    'invalid parameter "group_limit": group_limit needs to be set in order to paginate over the groups',
  ],
  [
    "rules?group_limit=0",
    400,
    "bad_data",
    'invalid parameter "group_limit": group_limit must be a number of 1 or more',
  ],
  ["status/tsdb?limit=0", 400, "bad_data", "limit must be a positive number"],
  ["status/tsdb?limit=99999", 400, "bad_data", "limit must not exceed 10000"],
  ["nothing", 404, "not_found", "there is no /api/v1/nothing in this API"],
];

for (const [path, status, errorType, error] of ERRORS)
  test(`${path} is answered with ${status} ${errorType}`, async () => {
    const world = await filled();
    const answer = await world.ask(path);
    const body = answer.body as { error: string };
    equal(answer.status, status, JSON.stringify(body));
    // The engine adds to some texts what it found; the beginning is what clients look for.
    ok(body.error.startsWith(error), body.error);
    deepEqual(answer.body, { status: "error", errorType, error: body.error });
  });

test("a selector that is no selector is reported with the parameter's name", async () => {
  const { status, body } = await new HttpWorld().ask("series?match[]=up[5m");
  equal(status, 400);
  match((body as { error: string }).error, /^invalid parameter "match\[\]": 1:\d+: parse error: /);
});

test("10,000 points and one more step are within the resolution limit", async () => {
  const { status } = await new HttpWorld().ask("query_range?query=up&start=0&end=11000.9&step=1");
  equal(status, 200);
});

test("warnings and infos of the engine stand beside the data, with places in the text", async () => {
  const world = await filled();
  const { body } = await world.ask("query?query=rate(up[1m])");
  const { infos, warnings } = body as { infos: string[]; warnings?: string[] };
  equal(warnings, undefined);
  equal(infos.length, 1);
  match(infos[0] ?? "", /metric might not be a counter.*"up" \(1:6\)$/);
});

test("of very many warnings and infos the first ten are shown, and how many more there are", async () => {
  const world = new HttpWorld();
  for (let i = 0; i < 13; i++) await world.write({ __name__: `gauge_${i}` }, 60, () => i);
  const query = encodeURIComponent('count(rate({__name__=~"gauge_.+"}[30s]))');
  const { body } = await world.ask(`query?query=${query}`);
  const { infos } = body as { infos: string[] };
  equal(infos.length, 11);
  equal(infos.at(-1), "3 more info annotations omitted");
});

test("times are Unix seconds, RFC 3339, or the ends of time as Prometheus writes them", () => {
  for (const [text, timestampMs] of [
    ["1.2345", 1234],
    ["-5.5", -5500],
    ["1e3", 1_000_000],
    ["1767225600.123", 1_767_225_600_123],
    ["2026-01-01T00:00:00Z", 1_767_225_600_000],
    ["2026-01-01T01:00:00.1234567+01:00", 1_767_225_600_123],
    ["292277025-08-18T07:12:54.999999999Z", 8.64e15],
    ["", undefined],
    ["0x10", undefined],
    ["NaN", undefined],
    ["2026-01-01", undefined],
    ["2026-01-01T25:00:00Z", undefined],
    ["2025-02-29T00:00:00Z", undefined],
    ["1e30", undefined],
  ] as const)
    equal(parseTime(text), timestampMs, text);
});

test("a limit cuts the result and says so", async () => {
  const world = await filled();
  for (const path of [
    "query?query=up&limit=1",
    `query_range?query=up&limit=1&start=${NOW_SECONDS}&end=${NOW_SECONDS}&step=1`,
  ]) {
    const { body } = await world.ask(path);
    const { data, warnings } = body as { data: { result: unknown[] }; warnings: string[] };
    equal(data.result.length, 1);
    deepEqual(warnings, ["results truncated due to limit"]);
  }
  for (const path of ["query?query=up&limit=2", "query?query=up&limit=0"]) {
    const { body } = await world.ask(path);
    equal((body as { warnings?: unknown }).warnings, undefined);
  }
});

test("statistics are given when asked for", async () => {
  const world = await filled();
  const statistics = async (
    query: string,
  ): Promise<{ samples: Record<string, unknown>; timings: Record<string, number> } | undefined> =>
    ((await world.data(query)) as { stats?: Awaited<ReturnType<typeof statistics>> }).stats;
  const all = await statistics("query?query=up[10s]&stats=all");
  equal(all?.samples["totalQueryableSamples"], 20);
  deepEqual(all?.samples["totalQueryableSamplesPerStep"], [[NOW_SECONDS, 20]]);
  equal(all?.timings["evalTotalTime"], 0);
  const range = `start=${NOW_SECONDS - 2}&end=${NOW_SECONDS}&step=1`;
  const steps = await statistics(`query_range?query=sum(rate(up[5s]))&${range}&stats=all`);
  equal(steps?.samples["totalQueryableSamples"], 30);
  deepEqual(steps?.samples["totalQueryableSamplesPerStep"], [
    [NOW_SECONDS - 2, 10],
    [NOW_SECONDS - 1, 10],
    [NOW_SECONDS, 10],
  ]);
  const total = await statistics("query?query=up[10s]&stats=true");
  equal(total?.samples["totalQueryableSamples"], 20);
  equal(total?.samples["totalQueryableSamplesPerStep"], undefined);
  equal(await statistics("query?query=up"), undefined);
});

test("the lookback of a request counts for it alone", async () => {
  const world = await filled();
  const later = NOW_SECONDS + 30;
  const count = async (query: string): Promise<number> =>
    ((await world.data(query)) as { result: unknown[] }).result.length;
  equal(await count(`query?query=up&time=${later}&lookback_delta=10s`), 0);
  equal(await count(`query?query=up&time=${later}`), 2);
});

test("a large matrix is streamed and is valid JSON with every point", async () => {
  const world = new HttpWorld();
  for (let series = 0; series < 20; series++)
    await world.write({ __name__: "m", series: String(series) }, 1000, (i) => i + series / 100);
  const url = `/api/v1/query_range?query=m&start=${NOW_SECONDS - 999}&end=${NOW_SECONDS}&step=1`;
  const response = await world.get(url);
  equal(response.headers.get("Content-Length"), null);
  const { data } = (await response.json()) as { data: { result: { values: unknown[][] }[] } };
  equal(data.result.length, 20);
  for (const { values } of data.result) equal(values.length, 1000);
  deepEqual(data.result[1]?.values[3], [NOW_SECONDS - 996, "3.01"]);
});

test("a large answer is compressed for those who accept it", async () => {
  const world = new HttpWorld();
  await world.write({ __name__: "m" }, 1000, (i) => i);
  const url = `/api/v1/query_range?query=m&start=${NOW_SECONDS - 999}&end=${NOW_SECONDS}&step=1`;
  const response = await world.get(url, { "Accept-Encoding": "gzip" });
  equal(response.headers.get("Content-Encoding"), "gzip");
  const body = response.body as ReadableStream<Uint8Array<ArrayBuffer>>;
  const plain = body.pipeThrough(new DecompressionStream("gzip"));
  equal(await new Response(plain).text(), await (await world.get(url)).text());
});

test("a small answer has its length and is not compressed", async () => {
  const response = await new HttpWorld().get("/api/v1/query?query=1&time=1", {
    "Accept-Encoding": "gzip",
  });
  equal(response.headers.get("Content-Encoding"), null);
  const length = Number(response.headers.get("Content-Length"));
  equal(length, (await response.arrayBuffer()).byteLength);
});

test("label names that JavaScript treats specially come through", async () => {
  const world = new HttpWorld();
  await world.write(
    { __name__: "odd", ["__proto__"]: "p", constructor: "c", "1": "one" },
    1,
    () => 1,
  );
  const series = (await (await world.get("/api/v1/series?match[]=odd")).text()) ?? "";
  match(series, /"__proto__":"p"/);
  match(series, /"constructor":"c"/);
  const query = await (await world.get("/api/v1/query?query=odd")).text();
  match(query, /"__proto__":"p"/);
});

test("queries are formatted and parsed", async () => {
  const world = new HttpWorld();
  equal(await world.data("format_query?query=sum(%20up%20)by(job)"), "sum by (job) (up)");
  const tree = (await world.data("parse_query?query=-up")) as { type: string; op: string };
  equal(tree.type, "unaryExpr");
  equal(tree.op, "-");
});

test("the probe for exemplars gets an empty list", async () => {
  const world = new HttpWorld();
  const ms = NOW_SECONDS * 1000;
  deepEqual(await world.data(`query_exemplars?query=test&start=${ms}&end=${ms + 1}`), []);
});

test("exemplars come with their series, for all selectors of a query", async () => {
  const world = new HttpWorld();
  const asked: string[] = [];
  world.exemplars = async ({ minMs, maxMs }, matcherLists) => {
    asked.push(
      `${minMs} ${maxMs} ${matcherLists.map((list) => list.map(formatMatcher)).join("|")}`,
    );
    return [
      {
        labels: labelsFrom({ __name__: "m_bucket", le: "1" }),
        exemplars: [{ labels: labelsFrom({ trace_id: "x" }), timestampMs: 1500, value: 0.25 }],
      },
    ];
  };
  const query = encodeURIComponent('rate(m_bucket[5m]) / on() n{a="b"}');
  deepEqual(await world.data(`query_exemplars?query=${query}&start=1&end=2.5`), [
    {
      seriesLabels: { __name__: "m_bucket", le: "1" },
      exemplars: [{ labels: { trace_id: "x" }, value: "0.25", timestamp: 1.5 }],
    },
  ]);
  deepEqual(asked, ['1000 2500 __name__="m_bucket"|a="b",__name__="n"']);
  deepEqual(await world.data("query_exemplars?query=1"), []);
});

test("a selector gives native histograms as Prometheus writes them", async () => {
  const world = new HttpWorld();
  await world.write({ __name__: "f" }, 1, () => 5);
  const labels = labelsFrom({ __name__: "h" });
  const histogram: NativeHistogram = {
    ...STALE_HISTOGRAM,
    stale: false,
    count: 6,
    zeroCount: 1,
    zeroThreshold: 0.001,
    sum: 18.5,
    positiveSpans: [{ offset: 0, length: 2 }],
    positiveCounts: [2, 1],
    negativeSpans: [{ offset: 1, length: 1 }],
    negativeCounts: [2],
  };
  const float = new Float64Array(0);
  const column = (times: readonly number[]) => ({
    timestampsMs: Float64Array.from(times),
    at: (index: number) => (index === 2 ? STALE_HISTOGRAM : histogram),
  });
  let times = [NOW_MS - 60_000, NOW_MS];
  world.store.select = async function* (range, _matchers, options) {
    const series = { labels, timestampsMs: float, values: float, stale: null };
    const within = times.filter((ms) => ms >= range.minMs && ms <= range.maxMs);
    if (options.histograms === true) yield { ...series, histograms: column(within) };
  };
  const shown = {
    count: "6",
    sum: "18.5",
    buckets: [
      [1, "-2", "-1", "2"],
      [3, "-0.001", "0.001", "1"],
      [0, "0.5", "1", "2"],
      [0, "1", "2", "1"],
    ],
  };
  const query = (text: string) => world.data(`query?query=${encodeURIComponent(text)}`);
  deepEqual(await query("h"), {
    resultType: "vector",
    result: [{ metric: { __name__: "h" }, histogram: [NOW_SECONDS, shown] }],
  });
  deepEqual(await query("h[2m]"), {
    resultType: "matrix",
    result: [
      {
        metric: { __name__: "h" },
        histograms: [
          [NOW_SECONDS - 60, shown],
          [NOW_SECONDS, shown],
        ],
      },
    ],
  });
  for (const expr of ["h", "h[2m]"]) {
    const data = await query(expr);
    deepEqual(queryDataSchema.parse(data), data);
  }
  times = [NOW_MS - 2, NOW_MS - 1, NOW_MS];
  deepEqual(await query("h"), { resultType: "vector", result: [] });
});

test("what is remembered of a metric stands where no target describes it now", async () => {
  const world = new HttpWorld();
  const up = { metric: "up", type: "gauge", help: "Now.", unit: "" };
  world.metadata = [{ ...up, target: [] }];
  world.storedMetadata = [
    { ...up, help: "Before." },
    { metric: "pushed", type: "counter", help: "Sent.", unit: "" },
  ];
  deepEqual(await world.data("metadata"), {
    up: [{ type: "gauge", help: "Now.", unit: "" }],
    pushed: [{ type: "counter", help: "Sent.", unit: "" }],
  });
});
