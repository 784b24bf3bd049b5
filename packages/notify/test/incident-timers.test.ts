import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_FLAP_POLICY, type Incident, nextStepMs, stepIncident } from "@pharos/alert";
import { labelsFrom } from "@pharos/base";
import fc from "fast-check";
import { IncidentTimers } from "../src/incidents/incident-timers.ts";

const START_MS = 1_700_000_000_000;

/** An incident of one alert that ends then. */
function incident(id: string, endsAtMs: number | null): Incident {
  const labels = labelsFrom({ alertname: "Down" });
  const alert = { labels, annotations: [], startsAtMs: START_MS, endsAtMs, generatorUrl: "" };
  const group = { id, key: id, receiver: "team", labels };
  const step = stepIncident(undefined, { kind: "alerts", group, alerts: [{ alert }] }, START_MS);
  if (step.incident === undefined) throw new Error("an alert that fires opens one");
  return step.incident;
}

function idsOf(incidents: readonly Incident[]): string[] {
  return incidents.map(({ group }) => group.id).sort();
}

test("whatever changes and whenever it is asked, all that are due are given, and none before", () => {
  const change = fc.record({
    id: fc.constantFrom("a", "b", "c"),
    /** Until its end; null for none. */
    endsInS: fc.option(fc.integer({ min: 1, max: 20 })),
    afterS: fc.integer({ min: 0, max: 10 }),
  });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 30 }), (changes) => {
      const timers = new IncidentTimers(DEFAULT_FLAP_POLICY);
      const live = new Map<string, Incident>();
      let nowMs = START_MS;
      for (const { id, endsInS, afterS } of changes) {
        nowMs += afterS * 1000;
        const all = [...live.values()];
        const wanted = all.filter((each) => (nextStepMs(each) ?? Infinity) <= nowMs);
        const due = timers.take(() => all, nowMs);
        deepEqual(idsOf(due), idsOf(wanted));
        for (const { group } of due) live.delete(group.id);
        const changed = incident(id, endsInS === null ? null : nowMs + endsInS * 1000);
        live.set(id, changed);
        timers.changed(changed);
        for (const each of live.values()) {
          const nextMs = nextStepMs(each);
          if (nextMs !== undefined) equal(timers.dueMs <= nextMs, true);
        }
      }
    }),
  );
});

test("nothing is looked at while nothing can be due", () => {
  const timers = new IncidentTimers(DEFAULT_FLAP_POLICY);
  const one = incident("a", START_MS + 10_000);
  timers.take(() => [one], START_MS);
  const looks: string[] = [];
  const look = (): Incident[] => {
    looks.push("look");
    return [one];
  };
  equal(timers.take(look, START_MS + 9_999).length, 0);
  deepEqual(looks, []);
  equal(timers.take(look, START_MS + 10_000).length, 1);
});
