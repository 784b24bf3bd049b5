import { deepEqual, equal, rejects, throws } from "node:assert/strict";
import { test } from "node:test";
import { formatLabels, OperatingError } from "@pharos/base";
import {
  exportWindows,
  type VictoriaMetricsClient,
  VictoriaMetricsExport,
  victoriaMetricsClient,
} from "../src/victoria-metrics/index.ts";

const { signal } = new AbortController();
const DAY_MS = 86_400_000;

/** Answers each request with a text, in pieces of some bytes. */
function clientOf(
  answer: (parameters: Readonly<Record<string, string | readonly string[]>>) => string,
  pieceSize = 1 << 20,
): VictoriaMetricsClient {
  return {
    async get(_path, parameters) {
      const bytes = new TextEncoder().encode(answer(parameters));
      let at = 0;
      return new ReadableStream({
        pull(controller) {
          if (at >= bytes.length) return controller.close();
          controller.enqueue(bytes.slice(at, at + pieceSize));
          at += pieceSize;
        },
      });
    },
  };
}

async function linesOf(text: string, pieceSize?: number): Promise<string[]> {
  const client = clientOf(() => text, pieceSize);
  const source = new VictoriaMetricsExport(client, ["a"], { minMs: 0, maxMs: 1 });
  const lines: string[] = [];
  for await (const { labelSets, timestampsMs, valueBits } of source.batches(undefined, signal)) {
    const values = new Float64Array(valueBits.slice().buffer);
    for (const [i, timeMs] of timestampsMs.entries()) {
      const [low = 0, high = 0] = valueBits.subarray(i * 2, i * 2 + 2);
      const value = values[i] ?? 0;
      const text = Number.isNaN(value) ? `${high.toString(16)}:${low}` : String(value);
      lines.push(`${formatLabels(labelSets[0] ?? [])} ${timeMs} ${text}`);
    }
  }
  return lines;
}

const METRIC = String.raw`{"__name__":"a","x":"},\"values\":[Inf] ü","empty":""}`;
const SERIES = String.raw`a{x="},\"values\":[Inf] ü"}`;

test("an export is read in pieces of any size, whatever way it writes what JSON has no numbers for", async () => {
  const text =
    `{"metric":${METRIC},"values":[1.5,null,"Infinity","-Infinity"],"timestamps":[1,2,3,4]}\n` +
    `{"metric":${METRIC},"values":[+Inf,-Inf,NaN,-0.25],"timestamps":[5,6,7,8]}\n`;
  const wanted = [
    ...[`${SERIES} 1 1.5`, `${SERIES} 2 7ff00000:2`, `${SERIES} 3 Infinity`],
    ...[`${SERIES} 4 -Infinity`, `${SERIES} 5 Infinity`, `${SERIES} 6 -Infinity`],
    ...[`${SERIES} 7 7ff00000:2`, `${SERIES} 8 -0.25`],
  ];
  for (const pieceSize of [1, 7, 50, 1000]) deepEqual(await linesOf(text, pieceSize), wanted);
});

test("what is no line of an export is refused", async () => {
  for (const line of [
    "<html>",
    "[1]",
    '{"metric":{"a":1},"values":[1],"timestamps":[1]}',
    '{"metric":{},"values":[1,2],"timestamps":[1]}',
    '{"metric":{},"values":["x"],"timestamps":[1]}',
    '{"metric":{},"values":[1],"timestamps":["1"]}',
  ])
    await rejects(linesOf(line), (error) => {
      equal(error instanceof OperatingError && error.code, "input.invalid");
      return true;
    });
});

test("days are asked for in the months that have something, and the first and last are cut", async () => {
  const hasMs = 100 * DAY_MS + 946_684_800_000;
  const client = clientOf(({ start, end }) => {
    const isIn = Number(start) * 1000 <= hasMs && Number(end) * 1000 >= hasMs;
    return isIn ? "{}" : "";
  });
  const range = { minMs: 0, maxMs: hasMs + 1000 };
  const windows = await exportWindows(client, ["a"], range, signal);
  equal(windows[0]?.minMs, 946_684_800_000 + 90 * DAY_MS);
  deepEqual(windows.at(-1), { minMs: hasMs, maxMs: hasMs + 1000 });
  equal(windows.length, 11);
});

test("an address that is none is refused, and one where nobody answers is named", async () => {
  throws(() => victoriaMetricsClient("localhost:8428"), /begins with http/);
  const client = victoriaMetricsClient("http://user:password@127.0.0.1:1/x/");
  await rejects(client.get("/api/v1/export", {}, signal), (error) => {
    equal(error instanceof OperatingError && error.code, "http.failed");
    return (
      error instanceof Error && error.message.startsWith("http://127.0.0.1:1/x/api/v1/export: ")
    );
  });
});
