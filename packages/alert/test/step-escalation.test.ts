import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { createMatcher, labelsFrom } from "@pharos/base";
import {
  type EscalationPolicy,
  type Incident,
  type IncidentEvent,
  NO_ONCALL_PLAN,
  nextEscalationMs,
  type OnCallPlan,
  planEscalation,
  stepEscalation,
  stepIncident,
} from "../src/index.ts";

const START_MS = Date.UTC(2026, 0, 5, 10);
const MINUTE_MS = 60_000;
const GROUP = { id: "g", key: "{}:{}", receiver: "team", labels: [] };

const CRITICAL: EscalationPolicy = {
  name: "critical",
  severities: ["critical"],
  matchers: [],
  steps: [
    { afterMs: 0, notify: [{ kind: "schedule", name: "primary" }] },
    { afterMs: 10 * MINUTE_MS, notify: [{ kind: "contact", name: "lead" }] },
    { afterMs: 30 * MINUTE_MS, notify: [{ kind: "contact", name: "vp" }] },
  ],
};
const WARNING: EscalationPolicy = {
  name: "warning",
  matchers: [createMatcher("=", "severity", "warning")],
  steps: [{ afterMs: 5 * MINUTE_MS, notify: [{ kind: "team", name: "platform" }] }],
};

function contact(name: string) {
  return [name, { name, receivers: [`${name}-phone`] }] as const;
}

const PLAN: OnCallPlan = {
  contacts: new Map([contact("ada"), contact("bob"), contact("lead"), contact("vp")]),
  teams: new Map([["platform", ["ada", "bob"]]]),
  schedules: new Map([
    [
      "primary",
      {
        name: "primary",
        timeZone: "UTC",
        layers: [
          {
            name: "days",
            participants: ["ada", "bob"],
            startsAt: "2026-01-05T00:00",
            handover: { kind: "every", hours: 24 },
          },
        ],
        overrides: [],
      },
    ],
  ]),
  policies: [CRITICAL, WARNING],
};

/** One incident, its time, and everybody who is told. */
class World {
  nowMs = START_MS;
  plan: OnCallPlan = PLAN;
  incident: Incident | undefined;
  readonly told: string[] = [];
  readonly pages: string[] = [];
  readonly reasons: string[] = [];
  isReachable = (_receiver: string): boolean => true;

  apply(event: IncidentEvent): void {
    this.incident = stepIncident(this.incident, event, this.nowMs).incident;
    this.settle();
  }

  alert(name: string, severity: string, state: "fires" | "ends", suppressedBy: string[] = []) {
    const labels = labelsFrom({ alertname: name, severity });
    const endsAtMs = state === "fires" ? null : this.nowMs;
    const alert = { labels, annotations: [], startsAtMs: START_MS, endsAtMs, generatorUrl: "" };
    this.apply({ kind: "alerts", group: GROUP, alerts: [{ alert, suppressedBy }] });
  }

  acknowledge(minutes: number): void {
    const untilMs = this.nowMs + minutes * MINUTE_MS;
    this.apply({ kind: "acknowledge", by: "ada", comment: "", untilMs });
  }

  settle(): void {
    for (;;) {
      if (this.incident === undefined) return;
      const move = stepEscalation(this.incident, this.plan, this.nowMs, this.isReachable);
      if (move === undefined) return;
      const { escalation, told, page } = move;
      if (told !== undefined) {
        const minutes = (this.nowMs - START_MS) / MINUTE_MS;
        this.told.push(`${minutes}m ${told.policy}#${told.step}: ${told.targets.join(", ")}`);
      }
      if (page !== undefined) {
        this.pages.push(page.id);
        this.reasons.push(page.reason);
      }
      const event = { kind: "escalation", escalation } as const;
      const full = told === undefined ? event : { ...event, told };
      this.incident = stepIncident(this.incident, full, this.nowMs).incident;
    }
  }

  /** Minute by minute, as the runner does. */
  pass(minutes: number): void {
    for (let i = 0; i < minutes; i++) {
      this.nowMs += MINUTE_MS;
      this.apply({ kind: "time" });
    }
  }
}

function fired(severity = "critical"): World {
  const world = new World();
  world.alert("Down", severity, "fires");
  return world;
}

const ALL_STEPS = [
  "0m critical#1: ada (schedule primary)",
  "10m critical#2: lead",
  "30m critical#3: vp",
];

test("a critical incident that nobody acknowledges goes to who is on call, after 10 min to the lead, after 30 to the VP", () => {
  const world = fired();
  world.pass(120);
  deepEqual(world.told, ALL_STEPS);
  equal(new Set(world.pages).size, 3, "each page has an id of its own");
  equal(world.incident?.escalation?.nextAtMs, null);
});

test("the first policy that is for an alert of the incident counts", () => {
  const world = fired("warning");
  world.pass(60);
  deepEqual(world.told, ["5m warning#1: ada (team platform), bob (team platform)"]);
  equal(fired("info").incident?.escalation, null);
});

test("an incident that gets worse escalates by the worse policy, one that gets better is not told anew", () => {
  const world = fired("warning");
  world.pass(6);
  world.alert("Worse", "critical", "fires");
  world.pass(1);
  world.alert("Worse", "critical", "ends");
  world.pass(60);
  deepEqual(world.told.slice(1, 3), [
    "6m critical#1: ada (schedule primary)",
    "16m critical#2: lead",
  ]);
  equal(world.told.length, 4);
});

test("what is acknowledged or over is not escalated", () => {
  const acknowledged = fired();
  acknowledged.pass(9);
  acknowledged.acknowledge(24 * 60);
  acknowledged.pass(12 * 60);
  deepEqual(acknowledged.told, ALL_STEPS.slice(0, 1));
  equal(acknowledged.incident?.escalation, null);
  const over = fired();
  over.pass(9);
  over.alert("Down", "critical", "ends");
  over.pass(60);
  deepEqual(over.told, ALL_STEPS.slice(0, 1));
});

test("when an acknowledgement runs out, the escalation begins with its first step again, under other ids", () => {
  const world = fired();
  world.pass(11);
  world.acknowledge(60);
  world.pass(200);
  deepEqual(world.told, [
    ...ALL_STEPS.slice(0, 2),
    "71m critical#1: ada (schedule primary)",
    "81m critical#2: lead",
    "101m critical#3: vp",
  ]);
  equal(new Set(world.pages).size, 5);
});

test("something new that fires in an acknowledged incident escalates", () => {
  const world = fired();
  world.acknowledge(600);
  world.pass(5);
  world.alert("Disk", "critical", "fires");
  world.pass(11);
  deepEqual(world.told.slice(1), ["5m critical#1: ada (schedule primary)", "15m critical#2: lead"]);
});

test("the time stands still while everything that fires is hidden", () => {
  const world = fired();
  world.pass(5);
  world.alert("Down", "critical", "fires", ["silence:1"]);
  world.pass(60);
  world.alert("Down", "critical", "fires", []);
  world.pass(4);
  deepEqual(world.told, ALL_STEPS.slice(0, 1));
  world.pass(1);
  deepEqual(world.told.slice(1), ["70m critical#2: lead"]);
});

test("a step that reaches nobody is noted, and the next one has its turn at once", () => {
  const world = new World();
  world.isReachable = (receiver) => receiver !== "ada-phone";
  world.alert("Down", "critical", "fires");
  deepEqual(world.told, ["0m critical#1: ", "0m critical#2: lead"]);
  world.pass(60);
  deepEqual(world.told.slice(2), ["20m critical#3: vp"]);
  deepEqual(world.reasons, ["not acknowledged", "not acknowledged within 20m"]);
});

test("steps are gone through again as often as the policy says, also where they reach nobody", () => {
  for (const isReachable of [true, false]) {
    const world = new World();
    const repeat = { afterMs: 15 * MINUTE_MS, times: 2 };
    world.plan = { ...PLAN, policies: [{ ...CRITICAL, repeat }] };
    world.isReachable = () => isReachable;
    world.alert("Down", "critical", "fires");
    world.pass(300);
    equal(world.told.length, 9);
    equal(new Set(world.pages).size, isReachable ? 9 : 0);
  }
});

test("after an outage each step still has its time before the next", () => {
  const world = fired();
  world.nowMs += 5 * 60 * MINUTE_MS;
  world.settle();
  world.pass(19);
  deepEqual(world.told.slice(1), ["300m critical#2: lead"]);
  world.pass(1);
  deepEqual(world.told.slice(2), ["320m critical#3: vp"]);
});

test("a clock that is set back keeps nobody waiting for longer than the policy says", () => {
  const world = fired();
  world.nowMs -= 3 * 60 * MINUTE_MS;
  world.settle();
  equal(nextEscalationMs(world.incident as Incident), world.nowMs + 10 * MINUTE_MS);
});

test("a policy that is gone ends its escalation, and one that has lost steps ends sooner", () => {
  const gone = fired();
  gone.plan = NO_ONCALL_PLAN;
  gone.pass(60);
  deepEqual(gone.told, ALL_STEPS.slice(0, 1));
  const shorter = fired();
  shorter.pass(11);
  shorter.plan = { ...PLAN, policies: [{ ...CRITICAL, steps: CRITICAL.steps.slice(0, 1) }] };
  shorter.pass(60);
  deepEqual(shorter.told, ALL_STEPS.slice(0, 2));
});

test("who would be told when can be asked before, at the times of the steps", () => {
  const sinceMs = Date.UTC(2026, 0, 5, 23, 55);
  const planned = planEscalation(CRITICAL, PLAN, sinceMs, (name) => name !== "lead-phone");
  deepEqual(
    planned.map(({ atMs, names, gaps }) => [(atMs - sinceMs) / MINUTE_MS, names, gaps]),
    [
      [0, ["ada (schedule primary)"], []],
      [10, [], ["lead cannot be reached"]],
      [10, ["vp"], []],
    ],
  );
});
