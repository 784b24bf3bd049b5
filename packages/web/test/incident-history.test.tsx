import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import fc from "fast-check";
import { expect, test } from "vitest";
import { countByDay, summarizeByRule } from "../src/incident-history.ts";
import { readIncident } from "../src/incident-state.ts";
import { Json } from "../src/json-reader.ts";
import { calendarDays } from "../src/shift-calendar.ts";
import { type AskedFor, FakeServer, success } from "./fake-server.ts";
import { NOW_MS, openPage } from "./open-page.tsx";
import { incident } from "./samples.ts";

const HOUR_MS = 3_600_000;
const time = (ms: number): string => new Date(ms).toISOString();

/** An incident that was opened so long ago, acknowledged and resolved so long after. */
function past(id: string, ageMs: number, extra: object = {}): object {
  const openedAtMs = NOW_MS - ageMs;
  return incident(id, {
    ...{ status: "resolved", priority: "P2", rules: ["DiskFull"] },
    ...{ startedAt: time(openedAtMs), openedAt: time(openedAtMs) },
    resolvedAt: time(openedAtMs + HOUR_MS),
    ...extra,
  });
}

const by = (ms: number) => ({
  acknowledgement: { by: "ann", comment: "", at: time(NOW_MS - ms), until: null },
});

const INCIDENTS = [
  past("a", HOUR_MS, { priority: "P1", ...by(HOUR_MS - 60_000) }),
  past("b", 2 * HOUR_MS, by(2 * HOUR_MS - 180_000)),
  past("c", 50 * HOUR_MS, { rules: ["ApiDown"], resolvedAt: null, status: "firing" }),
];

test("incidents are counted by day and priority, and a day leads to its incidents", async () => {
  const page = await openPage(
    "/incidents/history?tz=utc&days=7",
    new FakeServer().on("incidents", success({ incidents: INCIDENTS })),
  );
  const card = within(await screen.findByRole("region", { name: "Incidents by day" }));
  card.getByText("3 in all, 2 acknowledged, half of these within 2m");
  const days = card.getAllByRole("link");
  expect(days.map((day) => day.getAttribute("aria-label"))).toEqual([
    "2026-11-15: no incident",
    "2026-11-16: no incident",
    "2026-11-17: no incident",
    "2026-11-18: no incident",
    "2026-11-19: 1 P2",
    "2026-11-20: no incident",
    "2026-11-21: 1 P1, 1 P2",
  ]);
  const rows = within(screen.getByRole("region", { name: "By rule" })).getAllByRole("row");
  expect(rows.slice(1).map((row) => [...row.children].map((cell) => cell.textContent))).toEqual([
    ["DiskFull", "2", "2", "2m", "1h"],
    ["ApiDown", "1", "0", "–", "–"],
  ]);
  const [day] = days.slice(4);
  if (day !== undefined) fireEvent.click(day);
  await waitFor(() => expect(page.url()).toContain("/incidents?status=all"));
  const asked = new URL(page.url(), "http://localhost").searchParams;
  expect([asked.get("from"), asked.get("to")]).toEqual([
    "2026-11-19T00:00:00Z",
    "2026-11-19T23:59:59.999Z",
  ]);
});

test("a long history is read in pages up to a limit, and says so", async () => {
  const fake = new FakeServer().on("incidents", ({ query }: AskedFor) =>
    success({ incidents: INCIDENTS, cursor: `${query.get("cursor") ?? ""}x` }),
  );
  await openPage("/incidents/history?tz=utc&q=team%3Dstorage", fake);
  await screen.findByText(/Only the newest 15 incidents are counted/);
  const asked = fake.queriesOf("incidents");
  expect(asked.map((query) => query.get("cursor"))).toEqual([null, "x", "xx", "xxx", "xxxx"]);
  expect(asked[0]?.get("match[]")).toBe('{team="storage"}');
  expect(asked[0]?.get("start")).toBe(String(Date.parse("2026-10-23T00:00:00Z") / 1000));
});

test("each incident of the time is counted once by day, and once for each of its rules", () => {
  const DAYS = calendarDays(NOW_MS, "Europe/Berlin", 30, -29);
  const firstMs = DAYS[0]?.startsAtMs ?? 0;
  const endMs = DAYS.at(-1)?.endsAtMs ?? 0;
  const one = fc.record({
    openedAtMs: fc.integer({ min: firstMs, max: endMs - 1 }),
    rules: fc.uniqueArray(fc.constantFrom("a", "b", "c"), { maxLength: 3 }),
    priority: fc.constantFrom("P1", "P2", "P3", "P4"),
  });
  fc.assert(
    fc.property(fc.array(one, { maxLength: 30 }), (some) => {
      const incidents = some.map(({ openedAtMs, ...rest }, at) =>
        readIncident(new Json(incident(String(at), { openedAt: time(openedAtMs), ...rest }), "i")),
      );
      const days = countByDay(incidents, DAYS);
      const sum = (numbers: readonly number[]) => numbers.reduce((all, number) => all + number, 0);
      expect(sum(days.map(({ count }) => count))).toBe(some.length);
      for (const { byPriority, count } of days) expect(sum(Object.values(byPriority))).toBe(count);
      const rules = summarizeByRule(incidents);
      expect(sum(rules.map(({ count }) => count))).toBe(sum(some.map(({ rules }) => rules.length)));
      expect(rules.map(({ count }) => count)).toEqual(
        rules.map(({ count }) => count).toSorted((a, b) => b - a),
      );
    }),
    { numRuns: 30 },
  );
});
