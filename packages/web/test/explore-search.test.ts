import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type ExploreState,
  PANELS_MAX,
  REFRESH_MS,
  readExploreState,
  TABS,
  writeExploreState,
} from "../src/explore-search.ts";
import { parseSearch, stringifySearch } from "../src/search-params.ts";
import { lastRange, type TimeBound } from "../src/time-range.ts";

const bounds = fc.oneof(
  fc.nat(315_360_000).map((sec): TimeBound => ({ kind: "relative", agoMs: sec * 1000 })),
  fc.nat(4_000_000_000_000).map((timestampMs): TimeBound => ({ kind: "absolute", timestampMs })),
);

const states: fc.Arbitrary<ExploreState> = fc.record({
  panels: fc.array(
    fc.record({
      expr: fc.string({ unit: "grapheme" }),
      tab: fc.constantFrom(...TABS),
      stacked: fc.boolean(),
      stepMs: fc.option(fc.integer({ min: 1, max: 1_000_000_000 }), { nil: undefined }),
    }),
    { maxLength: PANELS_MAX },
  ),
  range: fc.option(fc.record({ from: bounds, to: bounds }), { nil: undefined }),
  refreshMs: fc.option(fc.constantFrom(...REFRESH_MS), { nil: undefined }),
});

test("every state of the page survives its URL", () => {
  fc.assert(
    fc.property(states, (state) => {
      const search = stringifySearch(writeExploreState(state));
      expect(readExploreState(parseSearch(search))).toEqual(state);
    }),
  );
});

test("any text at all after the question mark is read without an error", () => {
  fc.assert(
    fc.property(fc.webQueryParameters({ size: "small" }), fc.string(), (query, junk) => {
      const state = readExploreState(parseSearch(`?${query}&from=${junk}&g0.expr=${junk}`));
      expect(state.panels.length).toBeLessThanOrEqual(PANELS_MAX);
    }),
  );
});

test("a URL is readable: no braces of JSON, and defaults are left out", () => {
  const state = readExploreState(parseSearch("?g0.expr=up&from=now-6h&to=now"));
  expect(stringifySearch(writeExploreState(state))).toBe("?g0.expr=up&from=now-6h&to=now");
});

test("the links of Prometheus and of its alerts are understood", () => {
  const old = readExploreState(
    parseSearch(
      "?g0.expr=up%20%3D%3D%200&g0.tab=1&g0.range_input=2h&g0.end_input=2026-11-21%2012:00",
    ),
  );
  expect(old.panels).toEqual([
    { expr: "up == 0", tab: "table", stacked: false, stepMs: undefined },
  ]);
  const endMs = Date.parse("2026-11-21T12:00:00Z");
  expect(old.range).toEqual({
    from: { kind: "absolute", timestampMs: endMs - 7_200_000 },
    to: { kind: "absolute", timestampMs: endMs },
  });
  const relative = readExploreState(parseSearch("?g0.expr=up&g0.tab=0&g0.range_input=6h"));
  expect(relative.range).toEqual(lastRange(6 * 3_600_000));
  expect(relative.panels[0]?.tab).toBe("graph");
});
