import fc from "fast-check";
import { expect, test } from "vitest";
import { formatSplits, valueRange } from "../src/chart-scale.ts";
import { formatAge, formatDateTime, formatTicks, formatZone } from "../src/time-format.ts";
import { formatCompact, unitOfExpr } from "../src/value-format.ts";

test("values are short and have a prefix that people know", () => {
  expect(formatCompact(0, "none")).toBe("0");
  expect(formatCompact(1_234_567, "none")).toBe("1.235M");
  expect(formatCompact(0.000012, "none")).toBe("1.2e-5");
  expect(formatCompact(999.97, "none")).toBe("1k");
  expect(formatCompact(25_276_514_304, "bytes")).toBe("23.54 GiB");
  expect(formatCompact(-2048, "bytes/s")).toBe("-2 KiB/s");
  expect(formatCompact(0.0123, "seconds")).toBe("12.3 ms");
  expect(formatCompact(5400, "seconds")).toBe("90 min");
  expect(formatCompact(42.4242, "percent")).toBe("42.42%");
  expect(formatCompact(Number.POSITIVE_INFINITY, "bytes")).toBe("+Inf");
});

test("a short text is never far from its value", () => {
  fc.assert(
    fc.property(fc.double({ min: 1e-9, max: 1e15, noNaN: true }), (value) => {
      const [, number = "", prefix = ""] =
        /^([\d.e+-]+)([kMGTP]?)$/.exec(formatCompact(value, "none")) ?? [];
      const read = Number(number) * 1000 ** ["", "k", "M", "G", "T", "P"].indexOf(prefix);
      expect(Math.abs(read - value) / value).toBeLessThan(0.05);
    }),
  );
});

test("the unit comes from the names, and not where arithmetic makes another of it", () => {
  expect(unitOfExpr("node_memory_MemFree_bytes")).toBe("bytes");
  expect(unitOfExpr("sum by (job) (rate(http_response_size_bytes_total[5m]))")).toBe("bytes/s");
  expect(unitOfExpr("scrape_duration_seconds")).toBe("seconds");
  expect(
    unitOfExpr(
      "histogram_quantile(0.9, sum by (le) (rate(http_request_duration_seconds_bucket[5m])))",
    ),
  ).toBe("seconds");
  expect(unitOfExpr("a_bytes / b_bytes")).toBe("none");
  expect(unitOfExpr("rate(node_cpu_seconds_total[5m])")).toBe("none");
  expect(unitOfExpr("process_start_time_seconds")).toBe("none");
  expect(unitOfExpr("count(a_bytes)")).toBe("none");
  expect(unitOfExpr('up{path="/a_bytes"}')).toBe("none");
});

test("an axis has no two equal texts", () => {
  expect(formatSplits([0, 0.1, 0.2, 0.30000000000000004], "none")).toEqual([
    "0",
    "0.1",
    "0.2",
    "0.3",
  ]);
  const close = [1_000_000.1, 1_000_000.2, 1_000_000.3];
  expect(new Set(formatSplits(close, "none")).size).toBe(3);
});

test("the vertical range holds all values, zero where they are near it, and is never empty", () => {
  expect(valueRange(null, null, false)).toEqual([0, 1]);
  expect(valueRange(0, 0, false)).toEqual([0, 1]);
  expect(valueRange(5, 5, false)).toEqual([0, 6.25]);
  expect(valueRange(2, 10, false)[0]).toBe(0);
  expect(valueRange(90, 100, false)[0]).toBeGreaterThan(80);
  expect(valueRange(90, 100, true)[0]).toBe(0);
  const finite = fc.double({ min: -1e12, max: 1e12, noNaN: true });
  fc.assert(
    fc.property(finite, finite, fc.boolean(), (a, b, stacked) => {
      const [low, high] = valueRange(Math.min(a, b), Math.max(a, b), stacked);
      expect(low).toBeLessThan(high);
      expect(low).toBeLessThanOrEqual(Math.min(a, b));
      expect(high).toBeGreaterThanOrEqual(Math.max(a, b));
    }),
  );
});

test("ages have two units at most", () => {
  expect([0.04, 0.37, 830, 12_000, 185_000, 7_800_000, 1_051_200_000, -5].map(formatAge)).toEqual([
    "0.1ms",
    "0.4ms",
    "830ms",
    "12s",
    "3m 5s",
    "2h 10m",
    "12d 4h",
    "0ms",
  ]);
});

test("times are on the 24 h clock of the zone", () => {
  const ms = Date.parse("2026-11-21T23:05:09Z");
  expect(formatDateTime(ms, "UTC")).toBe("2026-11-21 23:05:09");
  expect(formatDateTime(ms, "Europe/Berlin")).toBe("2026-11-22 00:05:09");
  expect([formatZone("UTC"), formatZone("America/New_York")]).toEqual(["UTC", "New York"]);
});

test("ticks show the date at the first and at each new day, and seconds only where they differ", () => {
  const noonSec = Date.parse("2026-11-21T22:00:00Z") / 1000;
  expect(formatTicks([noonSec, noonSec + 3600, noonSec + 7200], 3600, "UTC")).toEqual([
    "22:00\n21 Nov",
    "23:00",
    "00:00\n22 Nov",
  ]);
  expect(formatTicks([noonSec + 10], 10, "UTC")).toEqual(["22:00:10\n21 Nov"]);
  expect(formatTicks([noonSec], 86_400, "UTC")).toEqual(["21 Nov"]);
});
