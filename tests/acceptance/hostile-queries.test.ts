// Queries that nobody in their right mind sends: each is answered, or refused in words that say why, soon after its time
// is up, and the server takes no more memory than it has and goes on.
import { equal, match, ok } from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { labelsFrom, METRIC_NAME } from "@pharos/base";
import { encodeWriteRequest } from "@pharos/testing";
import { compress } from "snappyjs";
import { PharosProcess, temporaryFolder } from "../harness/pharos-process.ts";

const TIMEOUT_SECONDS = 3;
/** How long an answer may take after the time is up: more than a second, since others use this machine as well. */
const LATE_SECONDS_MAX = 12;
const MEMORY_MIB_MAX = 2048;
const SERIES = 500;
const SAMPLES = 100;
const INTERVAL_MS = 10_000;
const START_MS = 1_700_006_400_000;
const NOW = START_MS / 1000 + 900;

type Range = { readonly start: number; readonly end: number; readonly step: number };

interface Hostile {
  readonly query: string;
  readonly range?: Range;
  /** The error; an answer where it says "answered". */
  readonly expected: RegExp;
}

const TIMED_OUT = /^query timed out/;
const ANSWERED = /^answered$/;
const TOO_DEEP = /expression nested deeper than 1000 levels/;
const TOO_MANY_SAMPLES = /^query processing would load too many samples into memory/;
const PATTERN_TOO_LONG = /regular expression of 1\d{5} characters; at most 65536 are allowed/;
const LABEL_TOO_LONG = /makes a label value of more than 65536 characters/;
const either = (...patterns: readonly RegExp[]): RegExp =>
  new RegExp(patterns.map(({ source }) => source).join("|"));

const matching = (pattern: string): string => `load{text=~"${pattern}"}`;
const nested = (times: number, wrap: (inner: string) => string): string =>
  Array.from({ length: times }).reduce<string>(wrap, "load");
const times = <T>(count: number, make: (i: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i));
const over = (seconds: number, step: number): Range => ({ start: NOW - seconds, end: NOW, step });

const HOSTILE: Readonly<Record<string, Hostile>> = {
  "a pattern that backtracks": { query: matching("(a+)+$"), expected: ANSWERED },
  "stars within stars": { query: matching("((a*)*)*b"), expected: ANSWERED },
  "many stars": { query: matching(`${".*a".repeat(200)}z`), expected: ANSWERED },
  "optional parts": {
    query: matching(`${"a?".repeat(500)}${"a".repeat(500)}`),
    expected: ANSWERED,
  },
  "a repetition of a repetition": {
    query: matching("(a{1000}){1000}"),
    expected: /regular expressions? of .* parts, repetitions written out/,
  },
  "too large a repetition": { query: matching("a{100000}"), expected: /invalid repeat count/ },
  "a pattern of 100,000 letters": {
    query: matching("a".repeat(100_000)),
    expected: PATTERN_TOO_LONG,
  },
  "a pattern of 100,000 dots": { query: matching(".".repeat(100_000)), expected: PATTERN_TOO_LONG },
  "20,000 alternatives": {
    query: matching(times(20_000, (i) => `x${i}`).join("|")),
    expected: PATTERN_TOO_LONG,
  },
  "a thousand patterns": {
    query: `load{${times(1000, (i) => `text!~"(a|b)*${i}"`).join(",")}}`,
    expected: either(ANSWERED, TIMED_OUT),
  },
  "a pattern of label_replace that backtracks": {
    query: 'label_replace(load, "x", "$1", "text", "(a+)+$")',
    expected: ANSWERED,
  },
  "a pattern of label_replace in 5,000 parentheses": {
    query: `label_replace(load, "x", "$1", "text", "${"(".repeat(5000)}a${")".repeat(5000)}")`,
    expected: /^invalid regular expression in label_replace\(\)/,
  },
  "labels made of ten thousand others": {
    query: `label_replace(load, "x", "${"$0".repeat(10_000)}", "text", ".*")`,
    expected: LABEL_TOO_LONG,
  },
  "labels doubled by label_replace": {
    query: nested(30, (one) => `label_replace(${one}, "text", "$1$1", "text", "(.*)")`),
    expected: either(LABEL_TOO_LONG, TIMED_OUT),
  },
  "labels doubled by label_join": {
    query: nested(30, (one) => `label_join(${one}, "text", "", "text", "text")`),
    expected: either(LABEL_TOO_LONG, TIMED_OUT),
  },
  "labels joined 50,000 times": {
    query: `label_join(load, "x", "-", ${times(50_000, () => '"text"').join(",")})`,
    expected: LABEL_TOO_LONG,
  },
  "10,000 parentheses": {
    query: `${"(".repeat(10_000)}1${")".repeat(10_000)}`,
    expected: TOO_DEEP,
  },
  "100,000 signs": { query: `${"-".repeat(100_000)}1`, expected: TOO_DEEP },
  "100,000 sums": { query: `1${"+1".repeat(100_000)}`, expected: TOO_DEEP },
  "50,000 powers": { query: `1${"^1".repeat(50_000)}`, expected: TOO_DEEP },
  "5,000 calls": { query: `${"abs(".repeat(5000)}load${")".repeat(5000)}`, expected: TOO_DEEP },
  "a duration in 5,000 parentheses": {
    query: `rate(load[${"(".repeat(5000)}5m${")".repeat(5000)}])`,
    expected: /duration expression of more than 1000 parts/,
  },
  "a duration beyond all measure": {
    query: "rate(load[1000000000y])",
    expected: /duration out of range/,
  },
  "a duration that grows": { query: "load[5m ^ 1000000]", expected: /duration is out of range/ },
  "290 years": { query: "rate(load[290y])", expected: ANSWERED },
  "290 years ago": { query: "load offset 290y", expected: ANSWERED },
  "in 290 years": { query: "load offset -290y", expected: ANSWERED },
  "at the end of time": {
    query: "load @ 1e300",
    expected: /timestamp out of bounds for @ modifier/,
  },
  "a subquery of 86,400,000,000 points": {
    query: "count_over_time(load[1000d:1ms])",
    expected: TOO_MANY_SAMPLES,
  },
  "a subquery of 10^12 points": {
    query: "sum_over_time(vector(1)[20000d:1ms])",
    expected: TOO_MANY_SAMPLES,
  },
  "a subquery of rates in a century": {
    query: "max_over_time(rate(load[5m])[100y:1s])",
    expected: TOO_MANY_SAMPLES,
  },
  "30 subqueries within one another": {
    query: nested(30, (one) => `max_over_time(${one}[1h:1s])`),
    expected: either(TOO_MANY_SAMPLES, TIMED_OUT),
  },
  "a point each millisecond of a year": {
    query: "load",
    range: over(365 * 86_400, 0.001),
    expected: /^exceeded maximum resolution of 11,000 points per timeseries/,
  },
  "a step of a nanosecond": {
    query: "load",
    range: over(10, 1e-9),
    expected: /^exceeded maximum resolution of 11,000 points per timeseries/,
  },
  "a range from and to where no time is": {
    query: "load",
    range: { start: -1e300, end: 1e300, step: 1e299 },
    expected: /cannot parse "-1e\+300" to a valid timestamp/,
  },
  "a step of 31 years": {
    query: "load",
    range: { start: 0, end: 1e11, step: 1e9 },
    expected: ANSWERED,
  },
  "as many labels as samples": {
    query: 'count_values("v", load + on() group_left vector(time()))',
    range: over(1000, 0.1),
    expected: either(TOO_MANY_SAMPLES, TIMED_OUT, /^the query needs more than \d+ bytes of memory/),
  },
  "the first 10^18 series": { query: "topk(1e18, load)", expected: ANSWERED },
  "the first 10^300 series": {
    query: "topk(1e300, load)",
    expected: /^Scalar value 1e\+300 overflows int64$/,
  },
  "a quantile of 10^308": { query: "quantile(1e308, load)", expected: ANSWERED },
  "each with each": {
    query: "load * on() group_left load",
    expected: /^found duplicate series for the match group \{\}/,
  },
  "500 alternatives": {
    query: times(500, () => "load").join(" or "),
    expected: either(ANSWERED, TIMED_OUT),
  },
  "3,000 matchers": {
    query: `absent(nope{${times(3000, (i) => `l${i}="v"`).join(",")}})`,
    expected: ANSWERED,
  },
  "an order by 5,000 labels": {
    query: `sort_by_label(load, ${times(5000, (i) => `"l${i}"`).join(",")})`,
    expected: either(ANSWERED, TIMED_OUT),
  },
  "five million letters": {
    query: `"${"a".repeat(5_000_000)}"`,
    expected: /expression of 5000002 characters; at most 1048576 are allowed/,
  },
};

test("each hostile query ends soon, with an answer or with what is wrong, and the server goes on", async (t) => {
  await using folder = await temporaryFolder();
  await using server = await PharosProcess.start({
    folder: folder.path,
    config: "scrape_configs: []\n",
    args: ["--retention", "100y", "--query-timeout", `${TIMEOUT_SECONDS}s`],
  });
  await fill(server.url);
  const ask = async ({ query, range }: Omit<Hostile, "expected">): Promise<string> => {
    const body = new URLSearchParams({ query });
    for (const [name, value] of Object.entries(range ?? { time: NOW }))
      body.set(name, String(value));
    const response = await fetch(`${server.url}/api/v1/query${range ? "_range" : ""}`, {
      method: "POST",
      body,
      signal: AbortSignal.timeout((TIMEOUT_SECONDS + LATE_SECONDS_MAX) * 1000),
    });
    const { error } = (await response.json()) as { error?: string };
    return response.ok ? "answered" : (error ?? "an error without a text");
  };
  equal(await ask({ query: `count(load) == ${SERIES}` }), "answered");
  for (const [what, hostile] of Object.entries(HOSTILE))
    await t.test(what, async () => match(await ask(hostile), hostile.expected));
  equal(await ask({ query: `count(load) == ${SERIES}` }), "answered");
  ok(!/ERROR/.test(server.output), server.output);
  const status = await readFile(`/proc/${server.pid}/status`, "utf8");
  const peakMib = Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) / 1024;
  t.diagnostic(`${Math.round(peakMib)} MiB at most`);
  ok(peakMib < MEMORY_MIB_MAX, `${peakMib} MiB`);
});

async function fill(url: string): Promise<void> {
  const series = times(SERIES, (n) => ({
    labels: labelsFrom({ [METRIC_NAME]: "load", n: String(n), text: `${"a".repeat(30)}${n}` }),
    samples: times(SAMPLES, (i) => ({
      timestampMs: START_MS + i * INTERVAL_MS + n,
      value: n * 1000 + i,
    })),
  }));
  const response = await fetch(`${url}/api/v1/write`, {
    method: "POST",
    headers: { "Content-Type": "application/x-protobuf", "Content-Encoding": "snappy" },
    body: new Uint8Array(compress(encodeWriteRequest(series))),
  });
  ok(response.ok, await response.text());
}
