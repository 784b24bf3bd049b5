import fc from "fast-check";
import { expect, test } from "vitest";
import { filterGroups, readAlertFilter, writeAlertFilter } from "../src/alert-filter.ts";
import { Json } from "../src/json-reader.ts";
import { ALERT_STATES, countFiring, readRuleGroups } from "../src/rule-state.ts";
import { parseSearch, stringifySearch } from "../src/search-params.ts";
import { filterPools, readTargetFilter, writeTargetFilter } from "../src/target-filter.ts";
import { readTargets, TARGET_HEALTHS } from "../src/target-state.ts";
import { RULES, TARGETS } from "./samples.ts";

const groups = readRuleGroups(new Json(RULES, "data"));
const targets = readTargets(new Json(TARGETS, "data"));

/** The rules that pass, as `group/rule`, in the order of the page. */
function rulesFor(search: string): string[] {
  return filterGroups(groups, readAlertFilter(parseSearch(search))).flatMap((group) =>
    group.rules.map((rule) => `${group.name}/${rule.name}`),
  );
}

function targetsFor(search: string): string[] {
  return filterPools(targets.active, readTargetFilter(parseSearch(search))).flatMap((pool) =>
    pool.targets.map((target) => `${pool.name} ${pool.upCount}/${pool.count} ${target.scrapeUrl}`),
  );
}

test("what fires is on top, then what fails, what is pending, and the rest", () => {
  expect(rulesFor("")).toEqual([
    "hosts/TargetDown",
    "hosts/HighCpu",
    "hosts/instance:cpu:rate1m",
    "other/Broken",
    "other/Quiet",
  ]);
});

test("rules are filtered by state, failure and words in any of their texts", () => {
  expect(rulesFor("?state=firing,pending")).toEqual(["hosts/TargetDown", "hosts/HighCpu"]);
  expect(rulesFor("?health=err")).toEqual(["other/Broken"]);
  expect(rulesFor("?q=db-1")).toEqual(["hosts/TargetDown"]);
  expect(rulesFor("?q=HOSTS+cpu")).toEqual(["hosts/HighCpu", "hosts/instance:cpu:rate1m"]);
  expect(rulesFor("?state=firing&q=cpu")).toEqual([]);
});

test("the badge counts alerts and not rules", () => {
  expect(countFiring(groups)).toBe(2);
});

test("what is down is on top, and the counts are those of the whole pool", () => {
  expect(targetsFor("")).toEqual([
    "web 1/2 http://10.0.0.2:80/metrics",
    "web 1/2 http://10.0.0.1:80/metrics",
    "db 1/1 http://10.0.0.3:9187/metrics",
  ]);
  expect(targetsFor("?health=up&q=web")).toEqual(["web 1/2 http://10.0.0.1:80/metrics"]);
  expect(targetsFor("?q=refused")).toEqual(["web 1/2 http://10.0.0.2:80/metrics"]);
});

test("every filter survives its URL", () => {
  fc.assert(
    fc.property(
      fc.subarray([...ALERT_STATES]),
      fc.subarray([...TARGET_HEALTHS]),
      fc.boolean(),
      fc.string({ unit: "grapheme" }),
      (states, healths, failing, text) => {
        const alert = { states, failing, text };
        const alertSearch = stringifySearch(writeAlertFilter(alert));
        expect(readAlertFilter(parseSearch(alertSearch))).toEqual(alert);
        const target = { healths, text };
        const targetSearch = stringifySearch(writeTargetFilter(target));
        expect(readTargetFilter(parseSearch(targetSearch))).toEqual(target);
      },
    ),
  );
});
