import fc from "fast-check";
import { expect, test } from "vitest";
import { ageClock } from "../src/incident-row.tsx";
import { readIncident } from "../src/incident-state.ts";
import { Json } from "../src/json-reader.ts";
import { formatAge } from "../src/time-format.ts";
import { NOW_MS } from "./open-page.tsx";
import { incident } from "./samples.ts";

const one = readIncident(new Json(incident("a"), "incident"));

test("a line of the list says the same age by its own clock, which stands still between changes", () => {
  const ages = fc.integer({ min: 0, max: 90 * 86_400_000 });
  fc.assert(
    fc.property(ages, (ageMs) => {
      const started = { ...one, startedAtMs: NOW_MS - ageMs };
      const clock = ageClock(started, NOW_MS);
      expect(formatAge(clock - started.startedAtMs)).toBe(formatAge(ageMs));
      if (ageMs >= 3_600_000 && ageMs % 60_000 > 0)
        expect(ageClock(started, NOW_MS - 1)).toBe(clock);
    }),
  );
});
