import { equal } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  DEFAULT_FLAP_POLICY,
  FIRST_FIRING,
  type FlapState,
  isHeldForFlapping,
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
    out += state.flappingSinceMs === null ? "-" : "f";
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

test("a flapping alert is told when it begins and once an hour, and as it is when it is stable", () => {
  let state: FlapState = FIRST_FIRING;
  let toldCount = 0;
  let heldCount = 0;
  // It changes every minute for four hours, and stays firing then.
  for (let minute = 0; minute < 300; minute++) {
    const firing = minute >= 240 || minute % 2 === 0;
    state = noteFlap(state, firing, minute * MINUTE_MS, POLICY);
    if (isHeldForFlapping(state, minute * MINUTE_MS, POLICY)) heldCount++;
    else toldCount++;
    if (minute >= 240 + POLICY.stableMs / MINUTE_MS)
      equal(isHeldForFlapping(state, minute * MINUTE_MS, POLICY), false, "stable");
  }
  equal(heldCount, 220);
  equal(toldCount, 80);
});

test("an alert that does not flap is never held", () => {
  equal(isHeldForFlapping(undefined, 0), false);
  equal(isHeldForFlapping({ ...FIRST_FIRING, changesMs: [1, 2, 3] }, 4), false);
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
        equal(settleFlap(state, nowMs + 2 * POLICY.stableMs, POLICY).flappingSinceMs, null);
      },
    ),
  );
});
