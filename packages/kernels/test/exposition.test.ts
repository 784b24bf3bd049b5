import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { test } from "node:test";
import {
  formatLabels,
  type Labels,
  labelsKey,
  OperatingError,
  type Rng,
  seededRng,
} from "@pharos/base";
import fc from "fast-check";
import {
  decodeLabels,
  ExpositionDecoder,
  type ExpositionFormat,
  type ExpositionOptions,
  Kernels,
  parseSeriesText,
  SampleColumns,
  SeriesTable,
  VALUE_DROPPED,
} from "../src/index.ts";
import { createPowersOfTen } from "../src/powers-of-ten.ts";
import { readExposition } from "./oracle/exposition.ts";

const kernels = await Kernels.load();
const NOW = 1_700_000_000_000;

/** One target: its table, columns and decoder, and a resolver that numbers series and counts what it was asked. */
function target({ capacity = 1000, drop = (_: Labels): boolean => false } = {}) {
  const table = new SeriesTable(kernels);
  const columns = new SampleColumns(kernels, capacity);
  const decoder = new ExpositionDecoder(kernels, table, columns);
  const namespace = table.openNamespace();
  const known = new Map<string, number>();
  const labelsOf: Labels[] = [];
  const asked: string[] = [];
  const decode = (body: string | Uint8Array, options: Partial<ExpositionOptions> = {}) => {
    const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
    return decoder.decode(
      bytes,
      { format: "text", namespace, defaultTimestampMs: NOW, honorTimestamps: true, ...options },
      (labels) => {
        asked.push(formatLabels(labels));
        if (drop(labels)) return VALUE_DROPPED;
        const key = labelsKey(labels);
        const reference = known.get(key) ?? labelsOf.push(labels) - 1;
        known.set(key, reference);
        return reference;
      },
    );
  };
  /** The columns as text: `up{job="api"} 1`, with `@` where the line had a timestamp. */
  const rows = (): string[] =>
    Array.from({ length: columns.length }, (_, i) => {
      const series = formatLabels(labelsOf[columns.series[i] as number] as Labels);
      const time = decoder.explicitTimestamps[i] === 1 ? ` @${columns.timestampsMs[i]}` : "";
      if (time === "") equal(columns.timestampsMs[i], NOW);
      equal(table.valueOf(decoder.entries[i] as number), columns.series[i]);
      return `${series} ${columns.values[i]}${time}`;
    });
  return { table, columns, decoder, namespace, labelsOf, asked, decode, rows };
}

function check(format: ExpositionFormat, body: string, expected: string[]): void {
  const { decode, rows, asked } = target();
  decode(body, { format });
  deepEqual(rows(), expected);
  const askedOnce = asked.length;
  decode(body, { format });
  deepEqual(rows(), expected);
  equal(asked.length, askedOnce, "a series is asked for once");
}

function checkRefused(format: ExpositionFormat, body: string | Uint8Array, message: RegExp): void {
  const { columns, decode, asked } = target();
  throws(
    () => decode(body, { format }),
    (error) => {
      ok(error instanceof OperatingError && error.code === "input.invalid", String(error));
      ok(message.test(error.message), `${error.message} is not ${message}`);
      return true;
    },
    String(body),
  );
  equal(columns.length, 0);
  equal(asked.length, 0);
}

test("text: names, labels, blanks, escapes, timestamps and comments", () => {
  check("text", "", []);
  check("text", "\n\n  \n\t\n# only comments\n#none\n#", []);
  check("text", "up 1", ["up 1"]);
  check("text", "up 1\nup{} 2\n", ["up 1", "up 2"]);
  check("text", ' \tup { a = "b" , c="d",} \t 1.5e3\t 123 \n', ['up{a="b", c="d"} 1500 @123']);
  check("text", 'a{b="1" c="2"} 1\na{b="1"c="2"}2', ['a{b="1", c="2"} 1', 'a{b="1", c="2"} 2']);
  check("text", String.raw`a{b="x\"y\\z\nw\q"} 1`, [String.raw`a{b="x\"y\\z\nw\\q"} 1`]);
  check("text", 'a{b="}# {",c="{ 1"} 7 8', ['a{b="}# {", c="{ 1"} 7 @8']);
  check("text", 'a:b:c{_d1="é⌘😀"} -0.5', ['a:b:c{_d1="é⌘😀"} -0.5']);
  check("text", 'a{b=""} 1', ["a 1"]);
  check("text", "a NaN\na +Inf\na -inf\na 1E3 0", [
    "a NaN",
    "a Infinity",
    "a -Infinity",
    "a 1000 @0",
  ]);
  check("text", "ab 1\na 2\nab 3\na{} 4\na\t5\n", ["ab 1", "a 2", "ab 3", "a 4", "a 5"]);
});

test("text: names that are not of the old alphabet stand in quotes", () => {
  check("text", '{"with.dots"} 1', ['{"with.dots"} 1']);
  check("text", '{ "a b" , "c.d" = "e", f="g" } 1', ['{"a b", "c.d"="e", f="g"} 1']);
  check("text", '{f="g","a b"} 1', ['{"a b", f="g"} 1']);
  check("text", '{"up"} 1', ["up 1"]);
});

test("text: a malformed line is named with line and column", () => {
  checkRefused("text", "up", /^line 1, column 3: expected a value/);
  checkRefused("text", "ok 1\nup \n", /^line 2, column 4: expected a value/);
  checkRefused("text", "up one", /^line 1, column 4: expected a value/);
  checkRefused("text", "up 1_000", /^line 1, column 4: expected a value/);
  checkRefused("text", "up 0x1p-3", /^line 1, column 4: expected a value/);
  checkRefused("text", "up 0xff", /^line 1, column 4: expected a value/);
  checkRefused("text", "up 1\r\n", /^line 1, column 4: expected a value/);
  checkRefused("text", "up 1e400", /^line 1, column 4: the value is out of range/);
  checkRefused("text", "up 1 1.5", /^line 1, column 7: expected the end of the line/);
  checkRefused("text", "up 1 -5", /^line 1, column 6: expected a timestamp/);
  checkRefused("text", "up 1 2 3", /^line 1, column 8: expected the end of the line/);
  checkRefused(
    "text",
    "up 1 99999999999999999999",
    /^line 1, column 6: the timestamp is out of range/,
  );
  checkRefused("text", "0up 1", /^line 1, column 1: expected a metric name/);
  checkRefused("text", "up-1 1", /^line 1, column 3: expected a space before the value/);
  checkRefused(
    "text",
    '\n\na{b="c} 1\nd 1',
    /^line 3, column 5: a string is not closed on this line/,
  );
  checkRefused("text", 'a{b="c"\n} 1', /^line 1, column 2: the labels are not closed on this line/);
  checkRefused("text", "a{", /^line 1, column 2: the labels are not closed on this line/);
  checkRefused("text", 'a{b="\\', /^line 1, column 5: a string is not closed on this line/);
  checkRefused("text", "a{b=c} 1", /^line 1, column 5: expected a label value in double quotes/);
  checkRefused("text", 'a{b"c"} 1', /^line 1, column 4: expected "=" after a label name/);
  checkRefused("text", 'a{b="c",,} 1', /^line 1, column 9: expected a label name or "}"/);
  checkRefused("text", 'a{1="c"} 1', /^line 1, column 3: expected a label name or "}"/);
  checkRefused("text", 'a{"é"="é",b="1",b="2"} 1', /^line 1, column 19: label b comes twice/);
  checkRefused("text", 'a{__name__="b"} 1', /^line 1, column 3: label __name__ comes twice/);
  checkRefused("text", 'a{""="b"} 1', /^line 1, column 3: a label name is empty/);
  checkRefused("text", '{b="c"} 1', /^line 1, column 1: a series has no metric name/);
  checkRefused("text", '{""} 1', /^line 1, column 2: the metric name is empty/);
  checkRefused("text", 'a{"b"} 1', /^line 1, column 3: the metric name comes twice/);
  checkRefused(
    "text",
    Uint8Array.of(97, 123, 98, 61, 34, 0xff, 34, 125, 32, 49),
    /^line 1, column 1: the series is not UTF-8/,
  );
  checkRefused("text", "# TYPE up countr\nup 1", /^line 1, column 1: invalid metric type "countr"/);
  checkRefused(
    "text",
    "# TYPE up\nup 1",
    /^line 1, column 1: nothing after the metric name of TYPE/,
  );
  checkRefused("text", "# HELP 1up\nup 1", /^line 1, column 1: no metric name after HELP/);
});

test("openmetrics: exemplars come with the references of their lines' series", () => {
  const { decode, labelsOf } = target({ drop: (labels) => labels[0]?.[1] === "gone_total" });
  const body = [
    '# HELP a Not one # {x="1"} 2.',
    "# TYPE a histogram",
    'a_bucket{le="1"} 3 # {trace_id="x\\"y",span="s"} 0.5 1700000000.25',
    'a_bucket{le="+Inf",q=" # {"} 4',
    'a_bucket{le="+Inf",q=" # {z"} 4 1700000000 # {trace_id="t"} -Inf',
    "# TYPE gone counter",
    'gone_total 1 # {trace_id="g"} 1',
    'gone_created 1 # {a="1",a="2"} 1',
    '# TYPE "é" unknown',
    '{"é"} 1 # {} 7 ',
    "# EOF",
    "",
  ];
  // The last exemplar's blank at the end is not allowed.
  throws(() => decode(body.join("\n"), { format: "openmetrics" }), OperatingError);
  const good = body.join("\n").replace("7 \n", "7\n");
  for (const _ of ["unknown series", "known series"]) {
    const { exemplars } = decode(good, { format: "openmetrics" });
    ok(exemplars);
    const { refs, timestampsMs, values, labels, timed } = exemplars;
    const shown = Array.from(refs, (ref, at) => {
      const bytes = labels.bytes.subarray(labels.ends[at - 1] ?? 0, labels.ends[at]);
      const time = timed[at] === 1 ? ` @${timestampsMs[at]}` : "";
      if (time === "") equal(timestampsMs[at], NOW);
      const series = formatLabels(labelsOf[ref] as Labels);
      return `${series} # ${formatLabels(decodeLabels(bytes))} ${values[at]}${time}`;
    });
    deepEqual(shown, [
      'a_bucket{le="1.0"} # {span="s", trace_id="x\\"y"} 0.5 @1700000000250',
      'a_bucket{le="+Inf", q=" # {z"} # {trace_id="t"} -Infinity',
      '{"é"} # {} 7',
    ]);
  }
  equal(decode('a{q=" # {"} 1\n', { format: "text" }).exemplars, undefined);
});

test("openmetrics: seconds, exemplars, created series and the end", () => {
  check("openmetrics", "# EOF\n", []);
  check("openmetrics", "# EOF", []);
  check("openmetrics", "up 1\n# EOF\n", ["up 1"]);
  check("openmetrics", "a 1 1520879607.789\nb 2 -1\nc 3 1e3\n# EOF\n", [
    "a 1 @1520879607789",
    "b 2 @-1000",
    "c 3 @1000000",
  ]);
  check("openmetrics", "a 1 1520879607.78900000000000000000000001\n# EOF", ["a 1 @1520879607789"]);
  check(
    "openmetrics",
    [
      "# TYPE a counter",
      "# HELP a Help.",
      'a_total{b="c"} 17 # {trace_id="KOO5S4vxi0o"} 0.67',
      'a_total{b="d"} 17.0 1520879607.5 # {} 1 2.5',
      'a_total 1 # {a="}",b="\\"",} 1 1520879607',
      "a_created 1520872607.123",
      "# EOF",
    ].join("\n"),
    [
      'a_total{b="c"} 17',
      'a_total{b="d"} 17 @1520879607500',
      "a_total 1",
      "a_created 1520872607.123",
    ],
  );
  check("openmetrics", '{"a.b","c.d"="e",} 1\n# EOF', ['{"a.b", "c.d"="e"} 1']);
});

test("openmetrics: what Prometheus refuses is refused", () => {
  checkRefused("openmetrics", "", /^line 1, column 1: the body does not end with "# EOF"/);
  checkRefused("openmetrics", "up 1\n", /does not end with "# EOF"/);
  checkRefused("openmetrics", "up 1", /does not end with "# EOF"/);
  checkRefused("openmetrics", "# TYPE a gauge", /^line 1, column 15: the body does not end/);
  checkRefused("openmetrics", "# EOF\nup 1\n", /^line 2, column 1: text after "# EOF"/);
  checkRefused("openmetrics", "# EOFx", /text after "# EOF"/);
  checkRefused("openmetrics", "# EOF\n\n", /text after "# EOF"/);
  checkRefused("openmetrics", "\nup 1\n# EOF", /^line 1, column 1: a blank line/);
  checkRefused("openmetrics", " up 1\n# EOF", /^line 1, column 1: expected a metric name/);
  checkRefused("openmetrics", "up  1\n# EOF", /^line 1, column 4: expected a value/);
  checkRefused("openmetrics", "up\t1\n# EOF", /^line 1, column 3: expected a space/);
  checkRefused("openmetrics", "up 1 \n# EOF", /^line 1, column 6: expected a timestamp/);
  checkRefused(
    "openmetrics",
    "up 1 NaN\n# EOF",
    /^line 1, column 6: the timestamp is out of range/,
  );
  checkRefused("openmetrics", "up 1 1e300\n# EOF", /the timestamp is out of range/);
  checkRefused("openmetrics", "up 1 1e400\n# EOF", /the timestamp is out of range/);
  checkRefused("openmetrics", 'up {a="b"} 1\n# EOF', /^line 1, column 4: expected a value/);
  checkRefused(
    "openmetrics",
    'up{a="b", c="d"} 1\n# EOF',
    /^line 1, column 10: expected a label name/,
  );
  checkRefused("openmetrics", 'up{a="b"c="d"} 1\n# EOF', /^line 1, column 9: expected "," or "}"/);
  checkRefused("openmetrics", "# note\nup 1\n# EOF", /^line 1, column 1: a comment that is not/);
  checkRefused("openmetrics", "#TYPE a gauge\n# EOF", /a comment that is not/);
  checkRefused("openmetrics", "# TYPE a untyped\n# EOF", /invalid metric type "untyped"/);
  checkRefused("openmetrics", "# TYPE a  gauge\n# EOF", /invalid metric type " gauge"/);
  checkRefused("openmetrics", "# HELP a\n# EOF", /nothing after the metric name of HELP/);
  checkRefused(
    "openmetrics",
    "# UNIT a_seconds bytes\n# EOF",
    /unit "bytes" is no suffix of the metric "a_seconds"/,
  );
  checkRefused("openmetrics", "# UNIT seconds seconds\n# EOF", /is no suffix/);
  checkRefused("openmetrics", 'a_total 1 # {a="b"}\n# EOF', /^line 1, column 20: expected a value/);
  checkRefused(
    "openmetrics",
    "a_total 1 # {a=b} 1\n# EOF",
    /^line 1, column 15: the exemplar's labels/,
  );
  checkRefused("openmetrics", 'a_total 1 # {"a"} 1\n# EOF', /the exemplar's labels are malformed/);
  checkRefused("openmetrics", "a_total 1 # {} 1 inf\n# EOF", /the timestamp is out of range/);
  checkRefused("openmetrics", "a_total 1 # {} 1 2 3\n# EOF", /expected the end of the line/);
});

test("metadata is told when the comments change, and not otherwise", () => {
  const { decode } = target();
  const body =
    "# HELP up It is \\\\ \\n up.\n# TYPE up gauge\nup 1\n# HELP b\nb 1\n# TYPE c untyped\n";
  deepEqual(decode(body).metadata, [
    { family: "up", type: "gauge", help: "It is \\ \n up.", unit: "" },
    { family: "b", type: "unknown", help: "", unit: "" },
    { family: "c", type: "unknown", help: "", unit: "" },
  ]);
  equal(decode(body).metadata, null);
  equal(decode(`${body}new 1\n`).metadata, null);
  equal(decode(body.replace("It", "it")).metadata?.length, 3);
  const open =
    '# TYPE a_seconds counter\n# UNIT a_seconds seconds\n# HELP a_seconds "\\"q\\"\n# EOF';
  const { metadata } = target().decode(open, { format: "openmetrics" });
  deepEqual(metadata, [{ family: "a_seconds", type: "counter", help: '""q"', unit: "seconds" }]);
});

test("metadata of a body that was refused is told with the next", () => {
  const { decode } = target({
    drop: (labels) => {
      if (labels.some(([, value]) => value === "bad"))
        throw new OperatingError("input.too_large", "no");
      return false;
    },
  });
  const comment = "# HELP up Up.\n";
  throws(() => decode(`${comment}bad 1`), { code: "input.too_large" });
  equal(decode(`${comment}up 1`).metadata?.length, 1);
});

test("bounds of histograms and quantiles are written as Prometheus 3 stores them", () => {
  const bounds = [
    "1",
    "0.5",
    "+Inf",
    "1e6",
    "100000",
    "1000000",
    "1234567",
    "0.00001",
    "0.0001",
    "-0",
    "x",
  ];
  const bucket = (le: string): string => `h_bucket{le="${le}"} 1`;
  const { decode, asked } = target();
  decode(
    `q{le="1",quantile="1"} 1\n# TYPE h histogram\n${bounds.map(bucket).join("\n")}\n` +
      `# TYPE s summary\ns{quantile="1"} 2\n# TYPE g gauge\ng{le="1"} 1\n`,
  );
  deepEqual(asked, [
    'q{le="1", quantile="1"}',
    ...[
      "1.0",
      "0.5",
      "+Inf",
      "1e+06",
      "100000.0",
      "1e+06",
      "1.234567e+06",
      "1e-05",
      "0.0001",
      "-0.0",
      "x",
    ].map((le) => `h_bucket{le="${le}"}`),
    's{quantile="1.0"}',
    'g{le="1"}',
  ]);
});

test("dropped series are left out, and the rest stays aligned", () => {
  const { decode, rows, asked } = target({
    drop: (labels) => labels.some(([, value]) => value.startsWith("go_")),
  });
  const body = "go_a 1\nup 2 5\ngo_b 3 6\ndown 4\ngo_c 1e400000";
  throws(() => decode(body), /out of range/);
  for (let round = 0; round < 3; round++) {
    const summary = decode(body.replace("1e400000", "12345678901234567890123"));
    deepEqual(summary, {
      samples: 2,
      dropped: 3,
      withTimestamp: 2,
      metadata: null,
      exemplars: undefined,
    });
    deepEqual(rows(), ["up 2 @5", "down 4"]);
  }
  deepEqual(asked, ["go_a", "up", "go_b", "down", "go_c"]);
});

test("timestamps that do not count are checked and replaced", () => {
  const { decode, rows } = target();
  const { withTimestamp } = decode("a 1 5\nb 2\n", { honorTimestamps: false });
  equal(withTimestamp, 0);
  deepEqual(rows(), ["a 1", "b 2"]);
  throws(() => decode("a 1 x", { honorTimestamps: false }), /expected a timestamp/);
});

test("targets do not see each other's series", () => {
  const { table, decode, asked } = target();
  decode("up 1");
  decode("up 1", { namespace: table.openNamespace() });
  equal(asked.length, 2);
});

test("bodies are read at addresses beyond 2 GiB as well", async () => {
  // Reserved and never touched, so that no memory is used for it.
  const high = await Kernels.load();
  for (let i = 0; i < 2; i++) high.allocate(2 ** 30);
  const table = new SeriesTable(high);
  const columns = new SampleColumns(high, 100);
  const decoder = new ExpositionDecoder(high, table, columns);
  const namespace = table.openNamespace();
  const read = (body: string): number[] => {
    const options = { namespace, defaultTimestampMs: NOW, honorTimestamps: true } as const;
    decoder.decode(
      new TextEncoder().encode(body),
      { format: "text", ...options },
      () => table.size,
    );
    return [...columns.values.subarray(0, columns.length)];
  };
  for (let round = 0; round < 2; round++)
    deepEqual(read('a 1\nb{c="d"} 12345678901234567890123 7\n{"e.f"} NaN\n'), [
      1,
      1.2345678901234568e22,
      NaN,
    ]);
  throws(() => read("a 1\nb x"), /line 2, column 3/);
});

test("a line is not taken for the series that came there last time because it begins like it", () => {
  const { decode, rows } = target();
  const bodies: [body: string, rows: string[]][] = [
    ["a 1\nb 2", ["a 1", "b 2"]],
    ['a {c="d"} 1\nb{} 2', ['a{c="d"} 1', "b 2"]],
    ["a 1\nb 2", ["a 1", "b 2"]],
    ['a{c="d"} 1\nbc 2', ['a{c="d"} 1', "bc 2"]],
    ['a{c="d"}1 2\nbc\t2', ['a{c="d"} 1 @2', "bc 2"]],
    ['a{c="d"} 1', ['a{c="d"} 1']],
    ["a\t1", ["a 1"]],
  ];
  for (const [body, expected] of [...bodies, ...bodies]) {
    decode(body);
    deepEqual(rows(), expected);
  }
});

test("a series that was removed is asked for again, though the hint still points to it", () => {
  const { decode, rows, asked, table } = target();
  const body = "a 1\nb 2\nc 3\n";
  decode(body);
  decode(body);
  equal(asked.length, 3);
  equal(
    table.removeWhere((value) => value === 1),
    1,
  );
  decode(body);
  equal(asked.length, 4);
  // Another target takes the freed entry, with the very same text.
  table.removeWhere((value) => value === 1);
  table.insert(table.openNamespace(), new TextEncoder().encode("b"), 77);
  decode(body);
  equal(asked.length, 5);
  deepEqual(rows(), ["a 1", "b 2", "c 3"]);
});

test("limits are named when a body goes beyond them", () => {
  const { decode, table, columns, namespace } = target({ capacity: 2 });
  throws(() => decode("a 1\nb 1\nc 1\n"), {
    code: "input.too_large",
    message: "more than 2 samples in one body",
  });
  checkRefused(
    "text",
    `a{b="${"x".repeat(70_000)}"} 1`,
    /^line 1, column 1: the series takes more than 65535 bytes/,
  );
  const small = new ExpositionDecoder(kernels, table, columns, { bodySizeMax: 3 });
  const options = {
    format: "text",
    namespace,
    defaultTimestampMs: NOW,
    honorTimestamps: true,
  } as const;
  throws(() => small.decode(new Uint8Array(4), options, () => 0), /a body of 4 bytes; at most 3/);
});

test("the text of a series alone is read with its columns", () => {
  deepEqual(parseSeriesText('up{b="c",a="d"}'), [
    ["__name__", "up"],
    ["a", "d"],
    ["b", "c"],
  ]);
  throws(
    () => parseSeriesText('up{b="c"'),
    /^OperatingError: column 9: expected a label name or "}"/,
  );
  throws(() => parseSeriesText("up 1"), /column 4: unexpected text after the series/);
});

/** A body as targets write it, with what the formats allow. */
function anyBody(rng: Rng, format: ExpositionFormat): string {
  const pick = <T>(list: readonly T[]): T => list[rng.below(list.length)] as T;
  const value = (): string =>
    pick([
      "0",
      "1",
      "-1",
      "1.5",
      "1e+09",
      "1.234567e-05",
      "NaN",
      "+Inf",
      "-Inf",
      String(rng.unit() * 1e6),
      "12345678901234567890.5",
    ]);
  const lines: string[] = [];
  for (let i = rng.below(14); i > 0; i--) {
    const id = rng.below(25);
    const blank = format === "text" && rng.chance(20) ? pick(["  ", "\t", " \t "]) : " ";
    const label = `id="${id}"${pick(["", ",", ',x="\\"}\\\\"', ',long="éé é{}#"'])}`;
    let line = pick([
      `m${id % 9}`,
      `m${id % 9}{${label}}`,
      `{"m.${id % 9}",${label}}`,
      `m_total{${label}}`,
    ]);
    line += `${blank}${value()}`;
    if (rng.chance(30))
      line += `${blank}${format === "text" ? rng.below(2 ** 31) : pick(["1.5", "1520879607.789", "-3"])}`;
    if (format === "openmetrics" && rng.chance(20)) line += ` # {trace="${id}"} ${value()} 12.5`;
    if (rng.chance(10)) lines.push(`# TYPE m${id % 9} ${pick(["counter", "gauge", "summary"])}`);
    if (rng.chance(10)) lines.push(`# HELP m${id % 9} Some help, "quoted" \\n ${rng.below(3)}.`);
    if (format === "text" && rng.chance(10)) lines.push(pick(["", "  ", "# a comment", "#"]));
    lines.push(line);
  }
  if (format === "openmetrics") lines.push("# EOF");
  return lines.join("\n") + (rng.chance(80) ? "\n" : "");
}

const PIECES = [
  "\n",
  "{",
  "}",
  '"',
  "\\",
  " ",
  ",",
  "=",
  "#",
  "\t",
  "0",
  "e",
  ".",
  "-",
  "a",
  ":",
  "# EOF\n",
  " # {",
  "\0",
  "\r",
];

function damage(text: string, rng: Rng): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  const at = rng.below(bytes.length + 1);
  const piece = new TextEncoder().encode(PIECES[rng.below(PIECES.length)]);
  switch (rng.below(5)) {
    case 0:
      return bytes.subarray(0, at);
    case 1:
      return Uint8Array.from([...bytes.subarray(0, at), ...piece, ...bytes.subarray(at)]);
    case 2:
      return Uint8Array.from([...bytes.subarray(0, at), ...piece, ...bytes.subarray(at + 1)]);
    case 3:
      return Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + 1 + rng.below(5))]);
    default:
      return Uint8Array.from([...bytes.subarray(0, at), rng.below(256), ...bytes.subarray(at + 1)]);
  }
}

for (const format of ["text", "openmetrics"] as const) {
  test(`${format}: whole or damaged, body after body reads as the plain reader reads it, or both refuse`, () => {
    const { decode, labelsOf, columns, decoder } = target();
    const rng = seededRng(format.length);
    let refused = 0;
    const runs = 8000;
    for (let run = 0; run < runs; run++) {
      const text = anyBody(rng, format);
      const body = rng.chance(30) ? new TextEncoder().encode(text) : damage(text, rng);
      let expected: string[] | "refused";
      try {
        expected = readExposition(body, format).map(
          ({ series, value, timestampMs }) => `${series} ${value} ${timestampMs ?? "-"}`,
        );
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        expected = "refused";
      }
      let got: string[] | "refused";
      try {
        decode(body, { format });
        got = Array.from({ length: columns.length }, (_, i) => {
          const labels = labelsOf[columns.series[i] as number];
          const time = decoder.explicitTimestamps[i] === 1 ? columns.timestampsMs[i] : "-";
          return `${JSON.stringify(labels)} ${columns.values[i]} ${time}`;
        });
      } catch (error) {
        if (!(error instanceof OperatingError && error.code === "input.invalid")) throw error;
        equal(columns.length, 0);
        got = "refused";
        refused++;
      }
      deepEqual(got, expected, `run ${run}: ${JSON.stringify(new TextDecoder().decode(body))}`);
    }
    ok(refused > runs / 10 && refused < (runs * 8) / 10, `${refused} refused`);
  });
}

test("UTF-8 is told from other bytes as a decoder tells it", () => {
  const block = kernels.allocate(64);
  const strict = new TextDecoder("utf-8", { fatal: true });
  const check = (bytes: Uint8Array): void => {
    kernels.bytes.fill(0x80, block, block + 64);
    kernels.bytes.set(bytes, block);
    let valid = true;
    try {
      strict.decode(bytes);
    } catch {
      valid = false;
    }
    equal(kernels.call("isUtf8", block, block + bytes.length), valid ? 1 : 0, bytes.toHex());
  };
  // All pairs, and with each of them the edges of what may come third and fourth.
  for (let pair = 0; pair < 0x10000; pair++) {
    check(Uint8Array.of(pair >> 8, pair & 255));
    if (pair >> 8 < 0xe0) continue;
    for (const third of [0x7f, 0x80, 0xbf, 0xc0]) {
      check(Uint8Array.of(pair >> 8, pair & 255, third));
      check(Uint8Array.of(pair >> 8, pair & 255, third, 0x80));
    }
  }
});

test("the scan touches nothing outside its buffers and does not look at what lies behind a body", () => {
  const { table, namespace, decode } = target();
  const rng = seededRng(3);
  const size = 16 * 1024;
  const linesMax = 12;
  const block = kernels.allocate(8 * size);
  const at = (i: number): number => block + i * size;
  const job = new Uint32Array(kernels.buffer, at(0), 24);
  const powers = createPowersOfTen(kernels);
  for (let run = 0; run < 1000; run++) {
    const text = anyBody(rng, "text");
    try {
      decode(text);
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
    }
    const body = rng.chance(50) ? damage(text, rng) : new TextEncoder().encode(text);
    const results: string[] = [];
    for (const poison of [0x00, 0xff, 0x31]) {
      kernels.bytes.fill(poison, block, block + 8 * size);
      kernels.bytes.set(body, at(1));
      kernels.bytes[at(1) + body.length] = 10;
      job.set([
        table.pointer,
        namespace,
        at(1),
        body.length,
        at(2),
        linesMax,
        at(3),
        at(4),
        powers,
        0,
        1,
      ]);
      const status = kernels.call("expositionScan", at(0));
      for (const [i, used] of [
        [0, 96],
        [2, linesMax * 24],
        [3, linesMax * 8],
        [4, linesMax * 8],
      ] as const) {
        const behind = kernels.bytes.subarray(at(i) + used, at(i) + used + 512);
        ok(
          behind.every((byte) => byte === poison),
          `block ${i} is untouched behind ${used}`,
        );
      }
      results.push(`${status} ${status === 0 ? job.slice(15, 18) : (job[14] as number) - at(1)}`);
    }
    equal(new Set(results).size, 1, `run ${run}: ${results}`);
  }
  kernels.release(block, 8 * size);
});

test("a series is read by its plain shape as it is read in full", () => {
  const outcome = (text: string): unknown => {
    try {
      return parseSeriesText(text);
    } catch (error) {
      if (error instanceof OperatingError) return "refused";
      throw error;
    }
  };
  const piece = fc.constantFrom(
    ...[
      "up",
      "{",
      "}",
      ",",
      "=",
      '"',
      'a="1"',
      'b=""',
      'a.b="2"',
      '__name__="x"',
      'B="é",',
      "\\",
      "0",
    ],
  );
  const pieces = fc.array(piece, { maxLength: 8 }).map((list) => list.join(""));
  const label = fc
    .tuple(fc.constantFrom("a", "b", "B", "_c", "9"), fc.string())
    .map(([name, value]) => `${name}="${value}"`);
  const series = fc.array(label, { maxLength: 4 }).map((list) => `up{${list.join(",")}}`);
  fc.assert(
    // With a blank at its end a series is not of the plain shape, and means the same.
    fc.property(fc.oneof(pieces, series), (text) => deepEqual(outcome(text), outcome(`${text} `))),
    { numRuns: 3000 },
  );
});
