import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  DEFAULT_FLAP_POLICY,
  FIRST_FIRING,
  type FlapState,
  holdForFlapping,
  noteFlap,
  settleFlap,
} from "../src/incident/flapping.ts";

const MINUTE_MS = 60_000;
const POLICY = { ...DEFAULT_FLAP_POLICY, changesMax: 2, stableMs: 5 * MINUTE_MS };

/** A mark a minute, `#` firing and `.` resolved; answers `f` where it flaps, `-` where not. */
function play(marks: string, everyMinutes = 1): string {
  let state: FlapState = FIRST_FIRING;
  let out = "";
  for (const [i, mark] of marks.split("").entries()) {
    state = noteFlap(state, mark === "#", i * everyMinutes * MINUTE_MS, POLICY);
    out += state.flapping ? "f" : "-";
  }
  return out;
}

test("an alert flaps from one change too many until it is stable", () => {
  equal(play("##.#.#......"), "----fffffff-");
});

test("changes that are far apart are not flapping", () => {
  equal(play("#.#.#.#.#", 40), "---------");
});

test("once stable, it takes as many changes again", () => {
  equal(play("#.#.......#.#"), "---fffff----f");
});

test("a flapping alert that resolved is told as firing until it is stable", () => {
  const flap = { firing: false, changesMs: [0, 1, 2], flapping: true };
  const alerts = new Map([["a", { endsAtMs: 2 }]]);
  const flaps = new Map([["a", flap]]);
  deepEqual(holdForFlapping(alerts, flaps, 3, POLICY), {
    alerts: new Map([["a", { endsAtMs: null }]]),
    held: ["a"],
    untilMs: 2 + POLICY.stableMs,
  });
  const after = holdForFlapping(alerts, flaps, 2 + POLICY.stableMs, POLICY);
  deepEqual([...after.alerts.values()], [{ endsAtMs: 2 }], "what it really is");
});

test("an alert that fires is never held", () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(100), { maxLength: 6 }),
      fc.boolean(),
      fc.nat(200),
      (changesMs, flapping, nowMs) => {
        const alerts = new Map([["a", { endsAtMs: null }]]);
        const flaps = new Map([["a", { firing: true, changesMs: changesMs.sort(), flapping }]]);
        deepEqual(holdForFlapping(alerts, flaps, nowMs, POLICY).alerts, alerts);
      },
    ),
  );
});

test("without changes every alert is stable in the end, also after the clock was set back", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.boolean(), fc.integer({ min: -60, max: 60 })), { maxLength: 30 }),
      (changes) => {
        let nowMs = 1e12;
        let state: FlapState = FIRST_FIRING;
        for (const [firing, minutes] of changes) {
          nowMs += minutes * MINUTE_MS;
          state = noteFlap(state, firing, nowMs, POLICY);
        }
        equal(settleFlap(state, nowMs + 2 * POLICY.stableMs, POLICY).flapping, false);
      },
    ),
  );
});
