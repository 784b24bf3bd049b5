import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type AlertState,
  DEFAULT_OUTAGE_TIMES,
  type HoldTimes,
  INACTIVE,
  restoreAlert,
  stepAlert,
} from "../src/index.ts";

const MINUTE = 60_000;

/**
 * Plays one evaluation a minute: `#` the condition holds, `.` it does not. Answers the phase after each, `-` inactive,
 * `p` pending, `F` firing, `r` resolved, with `!` at the step that sends a notification.
 */
function play(condition: string, minutes: { for: number; keepFiringFor: number }): string {
  const times: HoldTimes = {
    forMs: minutes.for * MINUTE,
    keepFiringForMs: minutes.keepFiringFor * MINUTE,
  };
  let state: AlertState = INACTIVE;
  let out = "";
  for (const [minute, mark] of condition.split("").entries()) {
    const [next, transition] = stepAlert(state, mark === "#", minute * MINUTE, times);
    state = next;
    out += { inactive: "-", pending: "p", firing: "F", resolved: "r" }[state.phase];
    if (transition === "fired" || transition === "resolved") out += "!";
  }
  return out;
}

test("an alert fires only after its condition has held for the whole `for`", () => {
  equal(play(".##.###.", { for: 2, keepFiringFor: 0 }), "-pp-ppF!r!");
});

test("without `for`, the first true evaluation fires", () => {
  equal(play(".#.", { for: 0, keepFiringFor: 0 }), "-F!r!");
});

test("a short dip does not resolve an alert that keeps firing", () => {
  equal(play("##.#...", { for: 1, keepFiringFor: 2 }), "pF!FFFFr!");
});

test("keep_firing_for starts anew when the condition has held again", () => {
  equal(play("#..#..#....", { for: 0, keepFiringFor: 3 }), "F!FFFFFFFFFr!");
});

test("keep_firing_for does not keep what is only pending", () => {
  equal(play("#.#", { for: 5, keepFiringFor: 5 }), "p-p");
});

test("a resolved alert is remembered for 15 minutes", () => {
  equal(play(`#.${".".repeat(17)}`, { for: 0, keepFiringFor: 0 }), `F!r!${"r".repeat(15)}--`);
});

test("a resolved alert that comes back waits for its `for` again", () => {
  equal(play("###.###", { for: 2, keepFiringFor: 0 }), "ppF!r!ppF!");
});

test("an alert never resolves without having fired, nor fires twice without resolving", () => {
  fc.assert(
    fc.property(
      fc.array(fc.boolean(), { maxLength: 60 }),
      fc.nat(5),
      fc.nat(5),
      (holds, forMinutes, keepMinutes) => {
        const condition = holds.map((hold) => (hold ? "#" : ".")).join("");
        const played = play(condition, { for: forMinutes, keepFiringFor: keepMinutes });
        const sent = played.match(/[Fr]!/g) ?? [];
        for (const [at, mark] of sent.entries()) equal(mark, at % 2 === 0 ? "F!" : "r!");
      },
    ),
  );
});

test("when the wall clock goes back, an alert waits and nothing breaks", () => {
  const times: HoldTimes = { forMs: MINUTE, keepFiringForMs: 0 };
  const [pending] = stepAlert(INACTIVE, true, 10 * MINUTE, times);
  const [still, transition] = stepAlert(pending, true, 5 * MINUTE, times);
  deepEqual([still, transition], [pending, "none"]);
});

/** A pending alert with `for: 30m`, active since minute 0, after an outage from `downAt` to `upAt` (minutes). */
function restored(downAt: number, upAt: number, forMinutes = 30): number | "gone" {
  const state = restoreAlert(
    { phase: "pending", activeAtMs: 0 },
    downAt * MINUTE,
    upAt * MINUTE,
    { forMs: forMinutes * MINUTE, keepFiringForMs: 0 },
    DEFAULT_OUTAGE_TIMES,
  );
  return state.phase === "pending" ? state.activeAtMs / MINUTE + forMinutes : "gone";
}

test("`for` runs on through a restart", () => {
  equal(restored(10, 12), 30);
  equal(restored(2, 4, 5), 5);
});

test("the time of an outage does not count towards `for`", () => {
  equal(restored(10, 25), 45);
});

test("after an outage at least the grace period is left", () => {
  equal(restored(25, 40), 50);
});

test("an outage longer than the tolerance, or a `for` shorter than the grace period, starts anew", () => {
  equal(restored(10, 71), "gone");
  equal(restored(2, 12, 5), "gone");
});

test("an alert that fired goes on firing through any outage", () => {
  const firing = { phase: "firing", activeAtMs: 0, firedAtMs: 1, falseSinceMs: null } as const;
  const times: HoldTimes = { forMs: 0, keepFiringForMs: 0 };
  deepEqual(restoreAlert(firing, 1, 1e12, times, DEFAULT_OUTAGE_TIMES), firing);
});
