import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { type Labels, labelsFrom, NO_LABELS } from "@pharos/base";
import fc from "fast-check";
import { type GroupAlert, isResolved } from "../src/alert-group.ts";
import { type NotificationRecord, planNotification } from "../src/notification-plan.ts";
import { NotificationReplay } from "../src/replay/notification-replay.ts";
import { RuleReplay } from "../src/replay/rule-replay.ts";
import { buildRoute, type RouteParts } from "../src/routing/build-route.ts";
import { type AlertingRule, type CompiledAlertingRule, compileRule } from "../src/rule.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const RULE: AlertingRule = {
  kind: "alert",
  name: "Down",
  expr: "up == 0",
  forMs: 2 * MINUTE,
  keepFiringForMs: 0,
  labels: [["severity", "{{ $labels.host }}-page"]],
  annotations: [["summary", "{{ $labels.host }} is down"]],
};

function compiled(rule: AlertingRule): CompiledAlertingRule {
  const made = compileRule(rule, { labels: [] });
  if (made.kind !== "alert") throw new Error("no alerting rule");
  return made;
}

const integrations = () => [{ key: "team/webhook[0]", sendResolved: true }];

function replayOf(rule: AlertingRule, route: RouteParts = { receiver: "team" }): RuleReplay {
  return new RuleReplay(compiled(rule), {
    ...{ limit: 0, externalLabels: labelsFrom({ cluster: "c" }), externalUrl: "" },
    ...{ routing: { route: buildRoute(route), integrations }, intervalsMax: 2 },
  });
}

/** Plays one evaluation a minute: each host has a `#` where its condition holds. */
function play(replay: RuleReplay, hosts: Readonly<Record<string, string>>): RuleReplay {
  const minutes = Math.max(...Object.values(hosts).map(({ length }) => length));
  for (let minute = 0; minute < minutes; minute++) {
    const down = Object.keys(hosts).filter((host) => hosts[host]?.[minute] === "#");
    const labels: Labels[] = down.map((host) => labelsFrom({ host }));
    const vector = { labels, values: down.map(() => minute) };
    replay.step(minute * MINUTE, vector, minute === minutes - 1);
  }
  replay.end((minutes - 1) * MINUTE);
  return replay;
}

test("a replay says when alerts would have fired, and with what value", () => {
  const replay = play(replayOf(RULE), { a: ".####.##...", b: "#####......" });
  deepEqual(
    replay.intervals.map(({ labels, activeAtMs, firedAtMs, resolvedAtMs, value }) => ({
      host: Object.fromEntries(labels)["host"],
      severity: Object.fromEntries(labels)["severity"],
      minutes: [activeAtMs, firedAtMs, resolvedAtMs].map((ms) => (ms ?? 0) / MINUTE),
      value,
    })),
    [
      { host: "b", severity: "b-page", minutes: [0, 2, 5], value: 2 },
      { host: "a", severity: "a-page", minutes: [1, 3, 5], value: 3 },
    ],
  );
  equal(replay.firings, 2);
});

test("intervals beyond the limit are counted and not listed", () => {
  const replay = play(replayOf({ ...RULE, forMs: 0 }), { a: "#.#.#.#" });
  equal(replay.firings, 4);
  equal(replay.intervals.length, 2);
});

test("what still fires at the end has no end, and its texts are made", () => {
  const replay = play(replayOf(RULE), { a: "####", b: "...#" });
  deepEqual(
    replay.alerts.map(({ state, annotations }) => [state.phase, annotations[0]?.[1]]),
    [
      ["firing", "a is down"],
      ["pending", "b is down"],
    ],
  );
  equal(replay.intervals[0]?.resolvedAtMs, undefined);
});

test("two alerts of one group are one notification, one later and one at the end", () => {
  const route = {
    receiver: "team",
    groupBy: ["alertname"],
    groupWaitMs: MINUTE,
    groupIntervalMs: 5 * MINUTE,
  };
  const replay = play(replayOf({ ...RULE, forMs: 0 }, route), {
    a: "##########............",
    b: "..########............",
  });
  // At 1 min a; at 6 min b is new; at 11 min both are over.
  deepEqual([...replay.notifications], [["team", 3]]);
});

test("an alert that goes on firing is notified again and again", () => {
  const route = {
    receiver: "team",
    groupWaitMs: 30_000,
    groupIntervalMs: 5 * MINUTE,
    repeatIntervalMs: 4 * HOUR,
  };
  const replay = play(replayOf({ ...RULE, forMs: 0 }, route), { a: "#".repeat(9 * 60) });
  // At 30 s, 4 h 5 min 30 s, 8 h 10 min 30 s.
  deepEqual([...replay.notifications], [["team", 3]]);
});

test("a rule whose alerts have the same labels fails, and says so", () => {
  const replay = replayOf(RULE);
  replay.step(0, {
    labels: [labelsFrom({ host: "a" }), labelsFrom({ host: "a" })],
    values: [1, 2],
  });
  equal(replay.failures.count, 1);
  equal(replay.firings, 0);
});

/** Flushes at every interval, as Alertmanager does. */
class EveryFlush {
  count = 0;
  readonly #route;
  readonly #alerts = new Map<string, GroupAlert>();
  #record: NotificationRecord | undefined;
  #nextMs: number | undefined;

  constructor(route: ReturnType<typeof buildRoute>) {
    this.#route = route;
  }

  update(name: string, alert: GroupAlert, nowMs: number): void {
    this.advance(nowMs);
    if (this.#nextMs === undefined) {
      if (isResolved(alert, nowMs)) return;
      this.#nextMs = nowMs + this.#route.groupWaitMs;
    }
    this.#alerts.set(name, alert);
  }

  advance(nowMs: number): void {
    const { groupIntervalMs, repeatIntervalMs } = this.#route;
    while (this.#nextMs !== undefined && this.#nextMs <= nowMs) {
      const options = { sendResolved: true, repeatIntervalMs };
      const planned = planNotification(this.#record, this.#alerts, options, this.#nextMs);
      if (planned !== undefined) this.#record = planned.record;
      if (planned !== undefined && planned.alerts.length > 0) this.count++;
      for (const [name, alert] of this.#alerts)
        if (isResolved(alert, this.#nextMs)) this.#alerts.delete(name);
      this.#nextMs = this.#alerts.size === 0 ? undefined : this.#nextMs + groupIntervalMs;
    }
  }
}

test("leaving out flushes that cannot send anything counts the same notifications", () => {
  const event = fc.record({
    afterMs: fc.integer({ min: 0, max: 3 * HOUR }),
    alert: fc.constantFrom("a", "b", "c"),
    firing: fc.boolean(),
  });
  const times = fc.record({
    groupWaitMs: fc.integer({ min: 0, max: 10 * MINUTE }),
    groupIntervalMs: fc.integer({ min: MINUTE, max: HOUR }),
    repeatIntervalMs: fc.integer({ min: MINUTE, max: 5 * HOUR }),
  });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 12 }), times, (events, wait) => {
      const route = buildRoute({ receiver: "team", ...wait });
      const replay = new NotificationReplay({ route, integrations });
      const every = new EveryFlush(route);
      const started = new Map<string, number>();
      let nowMs = 0;
      for (const { afterMs, alert, firing } of events) {
        nowMs += afterMs;
        if (firing !== started.has(alert)) {
          if (firing) started.set(alert, nowMs);
          const startsAtMs = started.get(alert) ?? 0;
          if (!firing) started.delete(alert);
          const told: GroupAlert = {
            ...{ labels: labelsFrom({ alert }), annotations: NO_LABELS, generatorUrl: "" },
            ...{ startsAtMs, endsAtMs: firing ? null : nowMs },
          };
          replay.update([told], nowMs);
          every.update(alert, told, nowMs);
        }
      }
      replay.advance(nowMs + 12 * HOUR);
      every.advance(nowMs + 12 * HOUR);
      equal(replay.counts.get("team") ?? 0, every.count);
    }),
  );
});

test("a list of series that stays the same gives the same as one made anew each time", () => {
  const minutes = fc.array(fc.subarray(["a", "b", "c"]), { minLength: 1, maxLength: 40 });
  const times = fc.record({
    forMs: fc.constantFrom(0, 2 * MINUTE),
    keepFiringForMs: fc.constantFrom(0, 3 * MINUTE),
    labels: fc.constantFrom([], [["value", "{{ $value }}"] as const]),
  });
  fc.assert(
    fc.property(minutes, times, (present, rule) => {
      const [anew, shared] = [replayOf({ ...RULE, ...rule }), replayOf({ ...RULE, ...rule })];
      let list: readonly Labels[] = [];
      for (const [minute, hosts] of present.entries()) {
        const labels = hosts.map((host) => labelsFrom({ host }));
        if (JSON.stringify(labels) !== JSON.stringify(list)) list = labels;
        const [values, isLast] = [hosts.map(() => minute), minute === present.length - 1];
        anew.step(minute * MINUTE, { labels, values }, isLast);
        shared.step(minute * MINUTE, { labels: list, values }, isLast);
      }
      for (const replay of [anew, shared]) replay.end(present.length * MINUTE);
      const told = (replay: RuleReplay) => [
        ...[replay.firings, replay.intervals, replay.alerts, [...replay.notifications]],
      ];
      deepEqual(told(shared), told(anew));
    }),
    { numRuns: 300 },
  );
});
