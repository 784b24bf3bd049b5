import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { formatLabels, formatValue } from "@pharos/base";
import fc from "fast-check";
import { JSON_METRICS_MAX, parseJsonMetrics } from "../src/json-metrics.ts";

const NOW_MS = 1_700_000_000_123;

function bytes(body: unknown): Uint8Array {
  return new TextEncoder().encode(typeof body === "string" ? body : JSON.stringify(body));
}

/** One line a sample: `cpu{host="a"} 0.5 @1613707265000`; or the errors. */
function parse(body: unknown): readonly string[] {
  const result = parseJsonMetrics(bytes(body), NOW_MS);
  if (result.status === "invalid") return result.errors;
  const { batch } = result;
  return Array.from(batch.series, (series, at) => {
    const labels = formatLabels(batch.labelSets[series] ?? []);
    return `${labels} ${formatValue(batch.values[at] ?? 0)} @${batch.timestampsMs[at]}`;
  });
}

function one(metric: unknown): readonly string[] {
  return parse({ metrics: [metric] });
}

test("a metric has a name, labels, a time and a value", () => {
  deepEqual(
    one({
      name: "cpu.load",
      labels: { host: "web-01", region: "us-west" },
      timestamp: 1613707265,
      value: 0.75,
    }),
    ['{"cpu.load", host="web-01", region="us-west"} 0.75 @1613707265000'],
  );
});

test("times are seconds, with fractions, or milliseconds, or now", () => {
  for (const [timestamp, wanted] of [
    [1613707265, 1613707265000],
    [1613707265.5, 1613707265500],
    [1613707265000, 1613707265000],
    [1e12, 1e12],
    [0, 0],
    [undefined, NOW_MS],
  ])
    deepEqual(one({ name: "a", timestamp, value: 1 }), [`a 1 @${wanted}`]);
});

test("numbers that JSON lacks are written as strings", () => {
  deepEqual(one({ name: "a", value: "NaN" }), [`a NaN @${NOW_MS}`]);
  deepEqual(one({ name: "a", value: "+Inf" }), [`a +Inf @${NOW_MS}`]);
  deepEqual(one({ name: "a", value: "-Inf" }), [`a -Inf @${NOW_MS}`]);
});

test("samples of one series share its label set, and a label with an empty value is none", () => {
  const metrics = [
    { name: "a", labels: { x: "1", y: "" }, timestamp: 1, value: 1 },
    { name: "b", timestamp: 1, value: 2 },
    { name: "a", labels: { x: "1" }, timestamp: 2, value: 3 },
  ];
  const result = parseJsonMetrics(bytes({ metrics }), NOW_MS);
  ok(result.status === "valid");
  deepEqual(result.batch.labelSets.map(formatLabels), ['a{x="1"}', "b"]);
  deepEqual([...result.batch.series], [0, 1, 0]);
});

const GOOD = { name: "a", value: 1 };
const MANY_LABELS = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`l${i}`, "x"]));

const WRONG: readonly (readonly [body: unknown, error: string])[] = [
  ["", "body: must be JSON: Unexpected end of JSON input"],
  ["[]", 'body: must be an object with the field "metrics"'],
  ["null", 'body: must be an object with the field "metrics"'],
  ["{}", "metrics: is missing"],
  [{ metrics: {} }, "metrics: must be a list"],
  [{ metrics: [] }, "metrics: must not be empty"],
  [{ metrics: [GOOD], metric: 1 }, 'metric: unknown field; known are "metrics"'],
  [{ metrics: [1] }, 'metrics[0]: must be an object with "name" and "value"'],
  [{ metrics: [GOOD, null] }, 'metrics[1]: must be an object with "name" and "value"'],
  [{ metrics: [{ value: 1 }] }, "metrics[0].name: is missing"],
  [{ metrics: [{ name: 5, value: 1 }] }, "metrics[0].name: must be a string"],
  [{ metrics: [{ name: "", value: 1 }] }, "metrics[0].name: must not be empty"],
  [
    { metrics: [{ name: "a".repeat(4097), value: 1 }] },
    "metrics[0].name: a value of 4097 bytes; at most 4096 are allowed",
  ],
  [{ metrics: [{ name: "a" }] }, "metrics[0].value: is missing"],
  [
    { metrics: [{ name: "a", value: "1" }] },
    'metrics[0].value: must be a number, or one of "NaN", "+Inf", "-Inf"',
  ],
  [{ metrics: [{ name: "a", value: null }] }, "metrics[0].value: must be a number"],
  [{ metrics: [{ name: "a", value: true }] }, "metrics[0].value: must be a number"],
  [
    '{"metrics":[{"name":"a","value":1e999}]}',
    'metrics[0].value: is too large for a 64-bit float; write "+Inf" or "-Inf" for infinity',
  ],
  [
    { metrics: [{ ...GOOD, timestamp: "1613707265" }] },
    "metrics[0].timestamp: must be a number: Unix time in seconds or in milliseconds",
  ],
  [
    { metrics: [{ ...GOOD, timestamp: null }] },
    "metrics[0].timestamp: must be a number: Unix time in seconds or in milliseconds",
  ],
  [
    { metrics: [{ ...GOOD, timestamp: -1 }] },
    "metrics[0].timestamp: -1 is not a Unix time in seconds or in milliseconds",
  ],
  [
    { metrics: [{ ...GOOD, timestamp: 1e18 }] },
    "metrics[0].timestamp: 1000000000000000000 is not a Unix time in seconds or in milliseconds",
  ],
  [{ metrics: [{ ...GOOD, labels: [] }] }, "metrics[0].labels: must be an object of strings"],
  [{ metrics: [{ ...GOOD, labels: "x" }] }, "metrics[0].labels: must be an object of strings"],
  [
    { metrics: [GOOD, GOOD, GOOD, { ...GOOD, labels: { region: 5 } }] },
    "metrics[3].labels.region: must be a string",
  ],
  [
    { metrics: [{ ...GOOD, labels: { __name__: "b" } }] },
    'metrics[0].labels.__name__: a label name must not start with "__", which is reserved',
  ],
  [
    '{"metrics":[{"name":"a","value":1,"labels":{"__proto__":"b"}}]}',
    'metrics[0].labels.__proto__: a label name must not start with "__", which is reserved',
  ],
  [{ metrics: [{ ...GOOD, labels: { "": "x" } }] }, "metrics[0].labels: a label name is empty"],
  [
    { metrics: [{ ...GOOD, labels: { ["é".repeat(129)]: "x" } }] },
    "metrics[0].labels: a label name of 258 bytes; at most 256 are allowed",
  ],
  [
    { metrics: [{ ...GOOD, labels: { x: "€".repeat(1366) } }] },
    "metrics[0].labels.x: a value of 4098 bytes; at most 4096 are allowed",
  ],
  [
    '{"metrics":[{"name":"a","value":1,"labels":{"x":"\\ud800"}}]}',
    "metrics[0].labels.x: its value is not UTF-8",
  ],
  [
    { metrics: [{ ...GOOD, labels: MANY_LABELS }] },
    "metrics[0].labels: has 40 labels; at most 39 are allowed",
  ],
  [
    { metrics: [{ ...GOOD, lables: {} }] },
    'metrics[0].lables: unknown field; known are "name", "labels", "timestamp", "value"',
  ],
  [
    { metrics: Array.from({ length: JSON_METRICS_MAX + 1 }, () => GOOD) },
    "metrics: has 10001 entries; at most 10000 are allowed in one request",
  ],
];

test("every fault is named with its field", () => {
  for (const [body, error] of WRONG)
    deepEqual(parse(body), [error], JSON.stringify(body).slice(0, 200));
});

test("an error is short, however long the field's name", () => {
  const [error = ""] = parse({ metrics: [GOOD], [`x${"y".repeat(100_000)}`]: 1 });
  ok(error.startsWith("xyyy") && error.length < 500, error.slice(0, 600));
});

test("bytes that are not UTF-8 are refused", () => {
  const result = parseJsonMetrics(Uint8Array.of(0x22, 0xff, 0x22), NOW_MS);
  ok(result.status === "invalid");
  ok(result.errors[0]?.startsWith("body: must be JSON: "));
});

test("all faults are counted, and the first twenty told", () => {
  const errors = parse({ metrics: Array.from({ length: 30 }, () => ({ name: "a" })) });
  equal(errors.length, 21);
  equal(errors[0], "metrics[0].value: is missing");
  equal(errors[20], "… and 10 more errors");
});

test("any JSON at all is either valid or told what is wrong with it", () => {
  fc.assert(
    fc.property(fc.json(), (json) => {
      const result = parseJsonMetrics(bytes(`{"metrics":[${json}]}`), NOW_MS);
      ok(result.status === "valid" || result.errors.length > 0);
    }),
  );
});

test("what is valid comes out as it went in", () => {
  const metric = fc.record({
    name: fc.string({ minLength: 1, maxLength: 20 }),
    labels: fc.dictionary(
      fc.string({ minLength: 1, maxLength: 8 }).filter((name) => !name.startsWith("__")),
      fc.string({ minLength: 1, maxLength: 20 }),
    ),
    timestamp: fc.integer({ min: 1e12, max: 2e12 }),
    value: fc.double({ noDefaultInfinity: true, noNaN: true }),
  });
  fc.assert(
    fc.property(fc.array(metric, { minLength: 1, maxLength: 20 }), (metrics) => {
      const result = parseJsonMetrics(bytes({ metrics }), NOW_MS);
      ok(result.status === "valid");
      const { batch } = result;
      for (const [at, { name, labels, timestamp, value }] of metrics.entries()) {
        const set = new Map(batch.labelSets[batch.series[at] ?? -1]);
        deepEqual(set, new Map([["__name__", name], ...Object.entries(labels)]));
        equal(batch.timestampsMs[at], timestamp);
        // JSON has no negative zero.
        equal(batch.values[at], value === 0 ? 0 : value);
      }
    }),
  );
});
