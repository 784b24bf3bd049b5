import { equal, match, ok } from "node:assert/strict";
import { test } from "node:test";
import type { QueryData } from "@pharos/api";
import { type ChartOptions, resultChart } from "../src/commands/query/result-chart.ts";
import { resultCsv } from "../src/commands/query/result-csv.ts";
import { resultTable } from "../src/commands/query/result-table.ts";

const START = 1_767_225_600;

const vector = (...result: { metric: Record<string, string>; value: [number, string] }[]) =>
  ({ resultType: "vector", result }) satisfies QueryData;

/** Series of a point a minute. */
function matrix(series: Readonly<Record<string, readonly string[]>>): QueryData {
  const result = Object.entries(series).map(([host, texts]) => ({
    metric: { __name__: "cpu", host },
    values: texts.map((text, i): [number, string] => [START + i * 60, text]),
  }));
  return { resultType: "matrix", result };
}

test("a table has a column for each label, and what all series have in common above it once", () => {
  const data = vector(
    { metric: { __name__: "up", job: "api", instance: "a:1" }, value: [START, "1"] },
    { metric: { __name__: "up", job: "api", instance: "bb:10", zone: "z" }, value: [START, "0"] },
  );
  equal(
    resultTable(data),
    [
      "metric=up  job=api",
      "instance  zone  value",
      "a:1                 1",
      "bb:10     z         0",
      "",
    ].join("\n"),
  );
  equal(resultTable(vector()), "no series\n");
  equal(resultTable({ resultType: "scalar", result: [START, "3.5"] }), "3.5\n");
});

test("a table of ranges says how the points of each series are spread", () => {
  equal(
    resultTable(matrix({ a: ["1", "2", "6"], b: ["NaN"] })),
    [
      "metric=cpu",
      "host  points  min  avg  max  last",
      "a          3    1    3    6     6",
      "b          1  NaN  NaN  NaN   NaN",
      "",
    ].join("\n"),
  );
});

test("CSV has a line for each point, quoted as RFC 4180 says", () => {
  const data = vector({
    metric: { __name__: "up", path: 'a,"b"\n' },
    value: [START + 0.5, "+Inf"],
  });
  equal(
    [...resultCsv(data)].join(""),
    `__name__,path,timestamp,value\r\nup,"a,""b""\n",${START + 0.5},+Inf\r\n`,
  );
});

const OPTIONS: ChartOptions = {
  ...{ width: 40, ticks: 2, colors: false },
  ...{ startSeconds: START, endSeconds: START + 600 },
};

test("a chart has round values on its axis, the times below, and a legend", () => {
  const rising = Array.from({ length: 11 }, (_, i) => String(i * 9.7));
  const lines = resultChart(matrix({ a: rising }), OPTIONS)
    .trimEnd()
    .split("\n");
  equal(lines.length, 9 + 3);
  match(lines[0] ?? "", /^100 ┤/);
  match(lines[4] ?? "", /^ 50 ┤/);
  match(lines[8] ?? "", /^ {2}0 ┤/);
  match(lines[9] ?? "", /^ {4}└─+$/);
  equal(lines[10], "     00:00:00               00:10:00 UTC");
  equal(lines[11], ' ━ cpu{host="a"}');
  // From the bottom left to the top right.
  match(lines[8] ?? "", /^ {2}0 ┤[\u2801-\u28ff]/u);
  match(lines[0] ?? "", /[\u2801-\u28ff]$/u);
  for (const line of lines) ok([...line].length <= OPTIONS.width, line);
});

test("several series are told apart by marks where there are no colours, and else by colours", () => {
  const data = matrix({ a: ["1", "1", "1"], b: ["5", "5", "5"] });
  const marked = resultChart(data, OPTIONS);
  match(marked, /\*\*\*/);
  match(marked, /\+\+\+/);
  match(marked, /^ \+ cpu\{host="b"\}$/m);
  ok(!marked.includes("\u001b"));
  const colored = resultChart(data, { ...OPTIONS, colors: true });
  ok(colored.includes("\u001b[36m") && colored.includes("\u001b[33m"));
  ok(!colored.includes("*"));
});

test("a line is not drawn over a gap, nor through what is no number", () => {
  const flat = Array.from({ length: 11 }, (_, i) => (i > 3 && i < 8 ? "NaN" : "7"));
  const chart = resultChart(matrix({ a: flat }), OPTIONS);
  match(chart, /[\u2801-\u28ff] {5,}[\u2801-\u28ff]/u);
  equal(resultChart(matrix({ a: ["NaN"] }), OPTIONS), "no series\n");
});

test("a chart shows eight series and says how many there are beyond", () => {
  const many = Object.fromEntries(
    Array.from({ length: 11 }, (_, i) => [`h${i}`, [String(i), "3"]]),
  );
  const chart = resultChart(matrix(many), OPTIONS);
  match(chart, /cpu\{host="h7"\}\n {3}and 3 more series\n$/);
});
