import { equal } from "node:assert/strict";
import { test } from "node:test";
import type { IncidentDetailJson, IncidentJson } from "@pharos/api";
import { incidentTable, incidentText } from "../src/commands/incidents.ts";
import { ACKNOWLEDGED, FIRING, filledWorld, RESOLVED } from "./filled-world.ts";

async function shown<T>(path: string): Promise<T> {
  const { app } = await filledWorld();
  const response = await app.request(`/api/v1/incidents${path}`);
  return ((await response.json()) as { data: T }).data;
}

test("a list has a line for each incident", async () => {
  const { incidents } = await shown<{ incidents: IncidentJson[] }>("");
  const [lines] = [incidentTable(incidents).split("\n")];
  const line = (id: string) => lines.find((each) => each.startsWith(id));
  equal(
    lines[0],
    "id                status        prio  since                acknowledged by  alerts  summary      firing",
  );
  equal(
    line(FIRING),
    `${FIRING}  firing        P1    2026-01-01 00:00:00                   Down    Down is bad       1`,
  );
  equal(
    line(ACKNOWLEDGED),
    `${ACKNOWLEDGED}  acknowledged  P1    2026-01-01 00:00:00  ann              Down    Down is bad       1`,
  );
  equal(
    line(RESOLVED),
    `${RESOLVED}  resolved      P1    2026-01-01 00:00:00                   Down    Down is bad       0`,
  );
  equal(incidentTable([]), "no incidents\n");
});

test("an incident is told as a story: its alerts, then what happened in order", async () => {
  equal(
    incidentText(await shown<IncidentDetailJson>(`/${ACKNOWLEDGED}`)),
    `${ACKNOWLEDGED}  acknowledged  P1  {}:{group="acknowledged"}
Down is bad
since 2026-01-01 00:00:00, 1 firing, 1 at most, told 0 times
acknowledged by ann as long as it lasts

state   since                labels
firing  2026-01-01 00:00:00  alertname=Down instance=a severity=critical

time                 what          status
2026-01-01 00:00:00  opened        firing
2026-01-01 00:00:00  acknowledged  acknowledged  ann
`,
  );
});
