import { deepEqual, equal, rejects } from "node:assert/strict";
import { test } from "node:test";
import { formatLabels, type OperatingError } from "@pharos/base";
import { type TextBytes, TextSamples } from "../src/text-samples.ts";

const { signal } = new AbortController();

/** A text in pieces of some bytes, with how many bytes were read of it. */
function bytesOf(text: string, pieceSize: number, isSeekable = true): TextBytes {
  const bytes = new TextEncoder().encode(text);
  return {
    isSeekable,
    async *open(offset) {
      for (let at = offset; at < bytes.length; at += pieceSize)
        yield bytes.slice(at, at + pieceSize);
    },
  };
}

function hex(word: number | undefined): string {
  return (word ?? 0).toString(16).padStart(8, "0");
}

/** All samples as lines: series, time, value (the bits of a NaN); and where one could go on after each batch. */
async function read(
  source: TextSamples,
  resumeAt?: string,
): Promise<{ lines: string[]; places: string[] }> {
  const lines: string[] = [];
  const places: string[] = [];
  for await (const batch of source.batches(resumeAt, signal)) {
    const values = new Float64Array(batch.valueBits.slice().buffer);
    for (const [i, series] of batch.series.entries()) {
      const labels = formatLabels(batch.labelSets[series] ?? []);
      const [low, high] = batch.valueBits.subarray(i * 2, i * 2 + 2);
      const value = values[i] ?? 0;
      const text = Number.isNaN(value) ? hex(high) + hex(low) : String(value);
      lines.push(`${labels} ${batch.timestampsMs[i]} ${text}`);
    }
    places.push(batch.resumeAt ?? "");
  }
  return { lines, places };
}

async function linesOf(text: string, format: "openmetrics" | "text"): Promise<string[]> {
  return (await read(new TextSamples(bytesOf(text, 1 << 20), format))).lines;
}

const OPEN_METRICS = [
  "# TYPE a counter",
  "# HELP a Something } odd {",
  'a_total{x="1"} 1 1700000000.123',
  'a_total{x="} # \\" ü"} 2.5e-3 1700000001 # {trace="abc"} 0.5 1700000000.5',
  "b NaN 1700000000.001",
  "b +Inf 1700000000.002",
  "b -Inf -1.5",
  "# EOF",
  "",
].join("\n");

const OPEN_METRICS_LINES = [
  'a_total{x="1"} 1700000000123 1',
  'a_total{x="} # \\" ü"} 1700000001000 0.0025',
  "b 1700000000001 7ff8000000000001",
  "b 1700000000002 Infinity",
  "b -1500 -Infinity",
];

test("timestamps are seconds in OpenMetrics, and exemplars are passed over", async () => {
  deepEqual(await linesOf(OPEN_METRICS, "openmetrics"), OPEN_METRICS_LINES);
});

test("timestamps are milliseconds in Prometheus's text, which may have blanks and Windows's line ends", async () => {
  const text = '# HELP a b\r\n\r\na {x="1", y="2",} 1 1700000000123\r\na\t3\t5\r\n';
  deepEqual(await linesOf(text, "text"), ['a{x="1", y="2"} 1700000000123 1', "a 5 3"]);
});

test("a text that comes in pieces of any size is the same", async () => {
  for (let pieceSize = 1; pieceSize < 60; pieceSize++) {
    const source = new TextSamples(bytesOf(OPEN_METRICS, pieceSize), "openmetrics");
    deepEqual((await read(source)).lines, OPEN_METRICS_LINES);
  }
});

test("reading goes on after any batch, from a file and from a stream that comes again", async () => {
  for (const isSeekable of [true, false]) {
    const bytes = bytesOf(OPEN_METRICS, 40, isSeekable);
    const { places, lines } = await read(new TextSamples(bytes, "openmetrics"));
    equal(places.length > 3, true);
    for (const place of places) {
      const rest = await read(new TextSamples(bytes, "openmetrics"), place);
      deepEqual(rest.lines, lines.slice(lines.length - rest.lines.length));
    }
    const last = await read(new TextSamples(bytes, "openmetrics"), places.at(-1));
    deepEqual(last.lines, []);
  }
});

test("a stream that is another one than at the first time is refused", async () => {
  const { places } = await read(new TextSamples(bytesOf(OPEN_METRICS, 40, false), "openmetrics"));
  const other = OPEN_METRICS.replace("Something", "Everything");
  for (const [text, message] of [
    [other, "this is another text than at the first time"],
    ["# EOF\n", "this is a shorter text than at the first time"],
  ] as const)
    await rejects(read(new TextSamples(bytesOf(text, 40, false), "openmetrics"), places.at(-1)), {
      message,
    });
});

test("what is wrong is told with its line", async () => {
  const wrong: readonly (readonly [string, "openmetrics" | "text", RegExp])[] = [
    ["a 1 5\n", "openmetrics", /^line 1: the text does not end with "# EOF"/],
    ["a 1 5\n# EOF\nb 1 5\n", "openmetrics", /^line 3: text after "# EOF"$/],
    ["a 1 5\na 1\n# EOF\n", "openmetrics", /^line 2: the sample has no timestamp/],
    ["a one 5\n# EOF\n", "openmetrics", /^line 1: value one is not a decimal number/],
    ["a 1 0x5\n# EOF\n", "openmetrics", /^line 1: timestamp 0x5 is not a number$/],
    ["a 1 1.5\n", "text", /^line 1: timestamp 1.5 is not a whole number of milliseconds$/],
    ["a 1 2 3\n", "text", /^line 1: unexpected text after the timestamp$/],
    ['a 1 2\na{x="1} 1 2\n', "text", /^line 2: expected a series, a value and a timestamp$/],
    ['a 1 2\na{1x="1"} 1 2\n', "text", /^line 2: column 3: expected a label name/],
    ["\n", "openmetrics", /^line 1: expected a series/],
  ];
  for (const [text, format, message] of wrong)
    await rejects(linesOf(text, format), (error: OperatingError) => {
      equal(error.code, "input.invalid");
      equal(message.test(error.message), true, error.message);
      return true;
    });
});
