import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import {
  fingerprint,
  type Incident,
  type IncidentEvent,
  incidentFromJson,
  incidentToJson,
  stepIncident,
} from "@pharos/alert";
import { labelsFrom } from "@pharos/base";
import { KnownIncidents } from "../src/incidents/known-incidents.ts";

const NOW_MS = 1_700_000_000_000;
const GROUP = { id: "g", key: "{}:{}", receiver: "team", labels: labelsFrom({}) };

function after(before: Incident | undefined, event: IncidentEvent): Incident {
  const { incident } = stepIncident(before, event, NOW_MS);
  if (incident === undefined) throw new Error("there is an incident");
  return incident;
}

/** Of an alert that fires until somebody puts its end off. */
function opened(): Incident {
  const labels = labelsFrom({ alertname: "Down", host: "ä" });
  const alert = {
    labels,
    annotations: [["summary", "it is down"]] as const,
    startsAtMs: NOW_MS - 1000,
    endsAtMs: NOW_MS + 60_000,
    generatorUrl: "http://rules/",
  };
  return after(undefined, {
    kind: "alerts",
    group: GROUP,
    alerts: [{ alert, suppressedBy: ["silence:1"] }],
  });
}

function commented(before: Incident, comment: string): Incident {
  return after(before, { kind: "comment", by: "ann", comment });
}

test("an incident is known when it is kept, and then as it would be read", () => {
  const known = new KnownIncidents();
  const incident = opened();
  equal(
    incident.alerts.get(
      fingerprint([
        ["alertname", "Down"],
        ["host", "ä"],
      ]),
    )?.firing,
    true,
  );
  known.written(incident);
  equal(known.get("g"), undefined);
  known.kept(incident);
  deepEqual(known.get("g"), incidentFromJson(incident.id, incidentToJson(incident)));
});

test("one that was written over in vain is not known: what is stored is older", () => {
  const known = new KnownIncidents();
  const [first, second] = [opened(), commented(opened(), "looking")];
  known.written(first);
  known.written(second); // Its transaction fails.
  known.kept(first);
  equal(known.get("g"), undefined);
});

test("of two that are written one after the other, the newer is known whenever the older is kept", () => {
  const known = new KnownIncidents();
  const [first, second] = [opened(), commented(opened(), "looking")];
  known.written(first);
  known.written(second);
  known.kept(second);
  known.kept(first);
  equal(known.get("g")?.transitionCount, second.transitionCount);
});

test("what is over is forgotten: it may be taken away", () => {
  const known = new KnownIncidents();
  const incident = opened();
  known.written(incident);
  known.kept(incident);
  const over = after(incident, { kind: "resolve", by: "ann", comment: "" });
  known.written(over);
  known.kept(over);
  equal(known.get("g"), undefined);
});
