import { deepEqual, equal, throws } from "node:assert/strict";
import { test } from "node:test";
import type { StorageConfig } from "../src/config/config.ts";
import { ConfigError, formatDiagnosticLine } from "../src/config/diagnostics.ts";
import { configJsonSchema } from "../src/config/json-schema.ts";
import { loadConfig } from "../src/config/load-config.ts";

const DAY_MS = 86_400_000;
const NO_FILES = { env: {}, glob: (): string[] => [], readFile: () => "" };

function storageOf(text: string): StorageConfig {
  return loadConfig(text, "file", NO_FILES).config.storage;
}

/** Without the file's name: `line:column: path: message`. */
function problemsOf(text: string): readonly string[] {
  let problems: readonly string[] = [];
  throws(
    () => storageOf(text),
    (error) => {
      if (!(error instanceof ConfigError)) throw error;
      problems = error.diagnostics.map((one) => formatDiagnosticLine(one).replace(/^file:/, ""));
      return true;
    },
  );
  return problems;
}

const ALL = ["1m", "5m", "1h", "1d"];

test("a file that says nothing keeps as the widest preset does, and rolls up everything", () => {
  deepEqual(storageOf("global: {}"), {
    outOfOrderTimeWindowMs: undefined,
    retentionSizeMax: undefined,
    retention: { preset: "widest", rawMs: undefined, rules: [] },
    rollups: [{ matchers: [], tiers: ALL, quantiles: ["5m", "1d"] }],
    archive: undefined,
  });
});

test("retention rules keep their order, and name only the tiers that they change", () => {
  const { retention } = storageOf(`
retention_preset: s2
retention:
  - match: '{job="api", __name__=~"slo:.*"}'
    raw: 90d
    1d: forever
  - match: debug_info
    raw: 12h
    1m: 0s
  - 5m: 1w
`);
  deepEqual(retention, {
    preset: "s2",
    rawMs: undefined,
    rules: [
      {
        matchers: [
          { type: "=", name: "job", value: "api" },
          { type: "=~", name: "__name__", value: "slo:.*" },
        ],
        keepMs: { raw: 90 * DAY_MS, "1d": Number.POSITIVE_INFINITY },
      },
      {
        matchers: [{ type: "=", name: "__name__", value: "debug_info" }],
        keepMs: { raw: DAY_MS / 2, "1m": 0 },
      },
      { matchers: [], keepMs: { "5m": 7 * DAY_MS } },
    ],
  });
});

test("what the file says about storage can be sent to another thread", () => {
  const storage = storageOf(`
retention: [{match: '{a=~"b.*"}', raw: 1d}]
rollups: [{match: '{b="x", a!~"c|d"}'}]
`);
  deepEqual(structuredClone(storage), storage);
});

test("rollups say which series get which tiers, in the order of the tiers", () => {
  const { rollups } = storageOf(`
rollups:
  - match: '{job="batch"}'
    tiers: [1d, 1h]
    quantiles: []
    made: {1h: daily}
  - tiers: [5m]
`);
  deepEqual(rollups, [
    {
      matchers: [{ type: "=", name: "job", value: "batch" }],
      tiers: ["1h", "1d"],
      quantiles: [],
      made: { "1h": "daily" },
    },
    { matchers: [], tiers: ["5m"], quantiles: ["5m", "1d"], made: {} },
  ]);
});

test("an empty list of rollups makes none", () => {
  deepEqual(storageOf("rollups: []").rollups, []);
});

test("the out-of-order window has Prometheus's name and a shorter one", () => {
  const long = storageOf("storage: {tsdb: {out_of_order_time_window: 45m}}");
  equal(long.outOfOrderTimeWindowMs, 45 * 60_000);
  equal(storageOf("storage: {out_of_order_window: 45m}").outOfOrderTimeWindowMs, 45 * 60_000);
});

test("retention by age and by size is read where Prometheus has it", () => {
  const { retention, retentionSizeMax } = storageOf(
    "storage: {tsdb: {retention: {time: 30d, size: 512GB}}}",
  );
  equal(retention.rawMs, 30 * DAY_MS);
  equal(retentionSizeMax, 512 * 1024 ** 3);
});

test("mistakes in retention and rollups are found at their place, and say what is allowed", () => {
  const text = `retention_preset: s9
retention:
  - match: '{}'
    raw: 1d
  - match: '{a="b"'
    raw: soon
    1w: 3d
rollups:
  - tiers: [1h, 2h]
    made: {5m: dayly}
storage:
  out_of_order_window: 1h
  tsdb: {out_of_order_time_window: 2h}
`;
  deepEqual(problemsOf(text), [
    '1:19: retention_preset: "s9" is not one of s0, s1, s2, s3, s4, widest; did you mean s0?',
    "3:12: retention[0].match: the selector must contain at least one non-empty matcher; leave match out for every series",
    "5:12: retention[1].match: 1:7: parse error: unexpected end of input inside braces",
    '6:10: retention[1].raw: "soon" is not a duration such as "15s", "5m", "1h30m", "7d", or forever',
    "7:5: retention[1].1w: unknown key; did you mean 1m?",
    '9:17: rollups[0].tiers[1]: "2h" is not one of 1m, 5m, 1h, 1d; did you mean 1h?',
    '10:16: rollups[0].made.5m: "dayly" is not one of at_once, daily, before_expiry; did you mean daily?',
    "12:24: storage.out_of_order_window: the same as tsdb.out_of_order_time_window, which is given as well; one of them must go",
  ]);
});

test("editors learn of retention and rollups from the JSON Schema", () => {
  const { properties } = configJsonSchema("prometheus") as {
    properties: Record<string, Record<string, unknown>>;
  };
  deepEqual(properties["retention_preset"]?.["enum"], ["s0", "s1", "s2", "s3", "s4", "widest"]);
  equal(properties["retention"]?.["type"], "array");
  equal(properties["rollups"]?.["type"], "array");
});

test("an archive is a folder beside the file, for blocks of thirty days unless it says otherwise", () => {
  deepEqual(storageOf("archive: { directory: /mnt/cold }").archive, {
    directory: "/mnt/cold",
    afterMs: 30 * DAY_MS,
  });
  const text = "archive: { directory: cold, after: 1w }";
  deepEqual(loadConfig(text, "/etc/pharos/pharos.yml", NO_FILES).config.storage.archive, {
    directory: "/etc/pharos/cold",
    afterMs: 7 * DAY_MS,
  });
});

test("an archive without a folder, or for blocks that are gone by then, is a mistake", () => {
  equal(problemsOf("archive:").length, 1);
  equal(problemsOf("archive: { after: 1d }").length, 1);
  equal(problemsOf("archive: { directory: cold, after: 0s }").length, 1);
  deepEqual(
    problemsOf(`
storage: { tsdb: { retention: { time: 20d } } }
archive: { directory: cold, after: 20d }
`).map((line) => line.slice(line.indexOf("archive"))),
    [
      "archive.after: must be less than storage.tsdb.retention.time, after which blocks are removed: 20d",
    ],
  );
});
