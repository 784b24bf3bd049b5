import { deepEqual, equal, throws } from "node:assert/strict";
import { test } from "node:test";
import { parseServeOptions } from "../src/options.ts";
import { queryCeilings } from "../src/queries/query-ceilings.ts";
import { queryTerms } from "../src/queries/query-terms.ts";

const NO_CONFIG = { logFile: undefined, seriesMax: 0, samplesReadMax: 0, durationMsMax: 0 };

function ceilings(given: Parameters<typeof parseServeOptions>[0] = {}, config = {}) {
  return queryCeilings(parseServeOptions(given, {}), { ...NO_CONFIG, ...config });
}

const terms = (parameters: Record<string, string>, limits = ceilings()) =>
  queryTerms(new URLSearchParams(parameters), limits);

test("without parameters a query has the terms of the server's options", () => {
  deepEqual(terms({}), {
    timeoutMs: 30_000,
    timeoutSetting: "--query-timeout",
    limits: {
      samples: { max: 50_000_000, setting: "--query-max-samples" },
      memorySize: { max: 1024 ** 3, setting: "--query-max-memory" },
    },
    answerSize: { max: 1024 ** 3, setting: "--query-max-response-size" },
    warnSamplesRead: { max: 50_000_000, setting: "--query-cost-warning-samples" },
    waitedMs: 0,
  });
});

test("what the configuration says of queries stands in place of the options", () => {
  const given = { querySeriesMax: "100", querySamplesReadMax: "7", queryTimeoutMs: "1m" };
  const { timeout, series, samplesRead } = ceilings(given, { seriesMax: 9, durationMsMax: 5000 });
  deepEqual(series, { max: 9, setting: "global.query_max_series" });
  deepEqual(samplesRead, { max: 7, setting: "--query-max-samples-read" });
  deepEqual(timeout, { max: 5000, setting: "global.query_max_duration" });
});

test("a request tightens what it may take, by Prometheus's names and an earlier draft's", () => {
  const { limits } = terms({ max_series: "10", max_samples_read: "20" });
  deepEqual(limits.series, { max: 10, setting: "max_series" });
  deepEqual(limits.samplesRead, { max: 20, setting: "max_samples_read" });
  deepEqual(terms({ max_samples_scanned: "30" }).limits.samplesRead?.max, 30);
  // 0 asks for nothing.
  equal(terms({ max_series: "0" }).limits.series, undefined);
});

test("a request for more than the server allows is refused, with the limit and its setting", () => {
  const limited = ceilings({ querySeriesMax: "100" });
  throws(() => terms({ max_series: "101" }, limited), {
    code: "input.invalid",
    message: 'invalid parameter "max_series": 101 is above the limit of 100 (--query-max-series)',
  });
  throws(() => terms({ max_query_duration: "1m" }), {
    message:
      'invalid parameter "max_query_duration": 1m is above the limit of 30s (--query-timeout)',
  });
  throws(() => terms({ max_series: "many" }), { message: /want a whole number, got "many"/ });
});

test("the lower of timeout, max_query_duration and the server's limit counts", () => {
  const timeout = (parameters: Record<string, string>) => {
    const { timeoutMs, timeoutSetting } = terms(parameters);
    return [timeoutMs, timeoutSetting];
  };
  deepEqual(timeout({ timeout: "5m" }), [30_000, "--query-timeout"]);
  deepEqual(timeout({ timeout: "5s" }), [5000, "timeout"]);
  deepEqual(timeout({ timeout: "5s", max_query_duration: "2s" }), [2000, "max_query_duration"]);
  deepEqual(timeout({ max_query_duration: "0" }), [30_000, "--query-timeout"]);
  deepEqual(timeout({ timeout: "-1" }), [0, "timeout"]);
});
