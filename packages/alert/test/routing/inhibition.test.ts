import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { type Labels, labelsFrom, labelValue, matchesLabels } from "@pharos/base";
import fc from "fast-check";
import { fingerprint } from "../../src/fingerprint.ts";
import { parseMatchers } from "../../src/matching/parse-matchers.ts";
import {
  INHIBITORS_SHOWN_MAX,
  type InhibitingAlert,
  Inhibitor,
  type InhibitRule,
} from "../../src/routing/inhibition.ts";

const NOW_MS = 1_700_000_000_000;

function rule(source: string, target: string, equalNames = ""): InhibitRule {
  return {
    name: "",
    sources: [
      { matchers: parseMatchers(source).matchers, equal: equalNames.split(" ").filter(Boolean) },
    ],
    targetMatchers: parseMatchers(target).matchers,
  };
}

function alert(
  labels: Readonly<Record<string, string>>,
  endsAtMs: number | null = null,
): InhibitingAlert {
  const set = labelsFrom(labels);
  return { fingerprint: fingerprint(set), labels: set, endsAtMs };
}

/** Whether an alert with `labels` is inhibited while the `firing` ones fire. */
function isInhibited(
  rules: readonly InhibitRule[],
  firing: readonly InhibitingAlert[],
  labels: Readonly<Record<string, string>>,
): boolean {
  const inhibitor = new Inhibitor(rules);
  for (const one of firing) inhibitor.set(one);
  return inhibitor.inhibitedBy(labelsFrom(labels), NOW_MS).length > 0;
}

test("a target is inhibited while a source with the same values of the equal labels fires", () => {
  const rules = [rule("s=1", "t=1", "e"), rule("s=2", "t=2")];
  const source = [alert({ s: "1", e: "1" })];
  equal(isInhibited(rules, source, { t: "1", e: "1" }), true);
  equal(isInhibited(rules, source, { t: "1", e: "1", other: "x" }), true);
  equal(isInhibited(rules, source, { t: "1", e: "2" }), false);
  equal(isInhibited(rules, source, { t: "1" }), false);
  equal(isInhibited(rules, source, { t: "2", e: "1" }), false, "another rule's source");
  equal(isInhibited(rules, source, { e: "1" }), false, "no target");
  equal(isInhibited(rules, [alert({ s: "2" })], { t: "2", e: "9" }), true, "no equal labels");
});

test("a label that both lack is equal", () => {
  const rules = [rule("s=1", "t=1", "e f")];
  equal(isInhibited(rules, [alert({ s: "1" })], { t: "1" }), true);
  equal(isInhibited(rules, [alert({ s: "1", e: "" })], { t: "1", f: "" }), true);
  equal(isInhibited(rules, [alert({ s: "1", f: "x" })], { t: "1" }), false);
});

test("a source that is over inhibits no more", () => {
  const rules = [rule("s=1", "t=1")];
  equal(isInhibited(rules, [alert({ s: "1" }, NOW_MS)], { t: "1" }), false);
  equal(isInhibited(rules, [alert({ s: "1" }, NOW_MS + 1)], { t: "1" }), true);
  const inhibitor = new Inhibitor(rules);
  const source = alert({ s: "1" });
  inhibitor.set(source);
  inhibitor.set({ ...source, endsAtMs: NOW_MS - 1 });
  deepEqual(inhibitor.inhibitedBy(labelsFrom({ t: "1" }), NOW_MS), []);
  inhibitor.set(source);
  deepEqual(inhibitor.inhibitedBy(labelsFrom({ t: "1" }), NOW_MS), [source.fingerprint]);
  inhibitor.delete(source.fingerprint, source.labels);
  deepEqual(inhibitor.inhibitedBy(labelsFrom({ t: "1" }), NOW_MS), []);
});

test("an alert that is source and target is inhibited neither by itself nor by another such", () => {
  const rules = [rule("severity=~critical|warning", "severity=~warning|info", "cluster")];
  const both = { severity: "warning", cluster: "a" };
  equal(isInhibited(rules, [alert(both)], both), false);
  equal(isInhibited(rules, [alert({ ...both, instance: "x" })], both), false);
  equal(isInhibited(rules, [alert({ severity: "critical", cluster: "a" })], both), true);
  // A pure target is inhibited by those that are both.
  equal(isInhibited(rules, [alert(both)], { severity: "info", cluster: "a" }), true);
});

test("with several sources, each must have an alert, with its own equal labels", () => {
  const rules: InhibitRule[] = [
    {
      name: "both links down",
      sources: [
        { matchers: parseMatchers("link=1").matchers, equal: ["site"] },
        { matchers: parseMatchers("link=2").matchers, equal: ["site", "rack"] },
      ],
      targetMatchers: parseMatchers("alertname=HostDown").matchers,
    },
  ];
  const target = { alertname: "HostDown", site: "a", rack: "r" };
  const first = alert({ link: "1", site: "a" });
  const second = alert({ link: "2", site: "a", rack: "r" });
  equal(isInhibited(rules, [first], target), false);
  equal(isInhibited(rules, [second], target), false);
  equal(isInhibited(rules, [first, second], target), true);
  equal(isInhibited(rules, [first, alert({ link: "2", site: "a", rack: "q" })], target), false);
});

test("one alert may stand for two sources", () => {
  const matchers = parseMatchers("down=yes").matchers;
  const sources = [
    { matchers, equal: ["a"] },
    { matchers, equal: ["b"] },
  ];
  const rules = [{ name: "", sources, targetMatchers: parseMatchers("t=1").matchers }];
  equal(
    isInhibited(rules, [alert({ down: "yes", a: "1", b: "1" })], { t: "1", a: "1", b: "1" }),
    true,
  );
});

test("of many sources a few are named", () => {
  const inhibitor = new Inhibitor([rule("s=1", "t=1")]);
  for (let i = 0; i < 50; i++) inhibitor.set(alert({ s: "1", i: String(i) }));
  equal(inhibitor.inhibitedBy(labelsFrom({ t: "1" }), NOW_MS).length, INHIBITORS_SHOWN_MAX);
});

const value = fc.constantFrom("", "1", "2");
const labelsArb = fc
  .record({ a: value, b: value, s: value, t: value })
  .map((labels) => labelsFrom(labels));
const matchersArb = fc
  .array(
    fc
      .tuple(
        fc.constantFrom("s", "t", "a"),
        fc.constantFrom("=", "!=", "=~"),
        fc.constantFrom("1", "2", "1|2"),
      )
      .map((parts) => `${parts[0]}${parts[1]}"${parts[2]}"`),
    { minLength: 1, maxLength: 2 },
  )
  .map((texts) => parseMatchers(texts.join(",")).matchers);
const ruleArb = fc.record({
  name: fc.constant(""),
  sources: fc.array(
    fc.record({ matchers: matchersArb, equal: fc.subarray(["a", "b", "missing"]) }),
    { minLength: 1, maxLength: 2 },
  ),
  targetMatchers: matchersArb,
});

/** The rule of Alertmanager, said plainly. */
function isInhibitedPlainly(
  { sources, targetMatchers }: InhibitRule,
  alerts: readonly InhibitingAlert[],
  labels: Labels,
): boolean {
  if (!matchesLabels(targetMatchers, labels)) return false;
  const isSource = sources.some(({ matchers }) => matchesLabels(matchers, labels));
  return sources.every((source) =>
    alerts.some(
      (other) =>
        (other.endsAtMs === null || other.endsAtMs > NOW_MS) &&
        matchesLabels(source.matchers, other.labels) &&
        source.equal.every((name) => labelValue(other.labels, name) === labelValue(labels, name)) &&
        !(isSource && matchesLabels(targetMatchers, other.labels)),
    ),
  );
}

test("after any changes, the index decides as the plain rule over all alerts", () => {
  const change = fc.record({
    labels: labelsArb,
    what: fc.constantFrom("fires", "fires", "ends", "is deleted"),
  });
  const found = { inhibited: 0, free: 0 };
  fc.assert(
    fc.property(
      fc.array(ruleArb, { minLength: 1, maxLength: 3 }),
      fc.array(change, { maxLength: 25 }),
      (rules, changes) => {
        const inhibitor = new Inhibitor(rules);
        const alerts = new Map<string, InhibitingAlert>();
        for (const { labels, what } of changes) {
          const id = fingerprint(labels);
          const one = { fingerprint: id, labels, endsAtMs: what === "ends" ? NOW_MS - 1 : null };
          if (what === "is deleted") {
            inhibitor.delete(id, labels);
            alerts.delete(id);
          } else {
            inhibitor.set(one);
            alerts.set(id, one);
          }
        }
        const all = [...alerts.values()];
        for (const { labels } of changes) {
          const by = inhibitor.inhibitedBy(labels, NOW_MS);
          const expected = rules.some((one) => isInhibitedPlainly(one, all, labels));
          equal(by.length > 0, expected);
          for (const id of by) ok(alerts.get(id)?.endsAtMs === null, "only firing ones inhibit");
          found[expected ? "inhibited" : "free"]++;
        }
      },
    ),
    { numRuns: 600 },
  );
  ok(found.inhibited > 100, "some are inhibited");
  ok(found.free > 100, "some are not");
});
