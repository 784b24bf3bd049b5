import { equal, match, ok } from "node:assert/strict";
import { test } from "node:test";
import { type Labels, labelValue, METRIC_NAME } from "@pharos/base";
import { ExpositionDecoder, Kernels, SampleColumns, SeriesTable } from "@pharos/kernels";
import { OwnMetrics } from "../src/own-metrics.ts";

/** The line of a metric without labels. */
function valueIn(text: string, name: string): number | undefined {
  const value = new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1];
  return value === undefined ? undefined : Number(value);
}

test("figures of others are read when somebody asks for them, not before", async () => {
  const metrics = new OwnMetrics();
  let reads = 0;
  metrics.gauge("pharos_depth", "How deep.", () => ++reads);
  equal(reads, 0);
  equal(valueIn(await metrics.text(), "pharos_depth"), 1);
  equal(valueIn(await metrics.text(), "pharos_depth"), 2);
});

test("a total is what its keeper says, not a sum of readings", async () => {
  const metrics = new OwnMetrics();
  let total = 5;
  metrics.counter("pharos_things_total", "Things.", () => total);
  equal(valueIn(await metrics.text(), "pharos_things_total"), 5);
  total = 7;
  equal(valueIn(await metrics.text(), "pharos_things_total"), 7);
});

test("label sets that are gone are no longer told", async () => {
  const metrics = new OwnMetrics();
  let groups = ["a", "b"];
  const read = () => groups.map((group) => [{ group }, 1] as const);
  metrics.gauge("pharos_groups", "Groups.", read, ["group"]);
  match(await metrics.text(), /pharos_groups\{group="b"\} 1/);
  groups = ["a"];
  ok(!(await metrics.text()).includes('group="b"'));
});

test("the process tells of itself under the names that every client library has", async () => {
  const text = await new OwnMetrics().text();
  for (const name of [
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
    "process_virtual_memory_bytes",
    "process_open_fds",
    "process_max_fds",
    "process_start_time_seconds",
  ])
    ok((valueIn(text, name) ?? 0) > 0, name);
  ok(
    (valueIn(text, "process_virtual_memory_bytes") ?? 0) >
      (valueIn(text, "process_resident_memory_bytes") ?? 0),
  );
});

test("what we say of ourselves is what our own decoder reads, to the end", async () => {
  const metrics = new OwnMetrics();
  metrics.observeHttp("/api/v1/query", 200, 0.004);
  metrics.gauge(
    "pharos_odd",
    "A text with a \\ and\na new line.",
    () => [[{ path: 'a"b\\c\nd' }, Number.NaN]],
    ["path"],
  );
  const text = await metrics.text();
  const kernels = await Kernels.load();
  const table = new SeriesTable(kernels);
  const columns = new SampleColumns(kernels, 10_000);
  const decoder = new ExpositionDecoder(kernels, table, columns);
  const seen: Labels[] = [];
  const options = {
    format: "text",
    namespace: table.openNamespace(),
    defaultTimestampMs: 1,
    honorTimestamps: true,
  } as const;
  const { samples } = decoder.decode(new TextEncoder().encode(text), options, (labels) => {
    seen.push(labels);
    return seen.length;
  });
  const lines = text.split("\n").filter((line) => /^\w/.test(line));
  equal(samples, lines.length);
  const odd = seen.find((labels) => labelValue(labels, METRIC_NAME) === "pharos_odd") ?? [];
  equal(labelValue(odd, "path"), 'a"b\\c\nd');
});
