import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { labelsFrom } from "@pharos/base";
import fc from "fast-check";
import { fingerprint } from "../src/fingerprint.ts";
import { DEFAULT_FLAP_POLICY } from "../src/incident/flapping.ts";
import {
  firingAlerts,
  heldBecause,
  type Incident,
  isLive,
  mayEscalate,
} from "../src/incident/incident.ts";
import { incidentFromJson, incidentToJson } from "../src/incident/incident-json.ts";
import {
  type IncidentEvent,
  type IncidentStep,
  needsKeeping,
  nextStepMs,
  stepIncident,
} from "../src/incident/incident-step.ts";
import type { IncidentTransition } from "../src/incident/incident-transition.ts";

const START_MS = 1_700_000_000_000;
const MINUTE_MS = 60_000;
const ESCALATION = {
  ...{ policy: "p", run: 1, sinceMs: START_MS, round: 0 },
  ...{ step: 0, nextAtMs: null, pausedAtMs: null },
};
const GROUP = {
  id: "{}/0:{cluster=c1}",
  key: '{}:{cluster="c1"}',
  receiver: "team",
  labels: labelsFrom({ cluster: "c1" }),
};

/** `a` and its like are warnings, `A` and its like are critical alerts, named for the letter. */
function labelsOf(letter: string) {
  const critical = letter === letter.toUpperCase();
  return labelsFrom({
    alertname: letter.toUpperCase(),
    severity: critical ? "critical" : "warning",
  });
}

function alert(letter: string, endsAtMs: number | null, startsAtMs: number) {
  const annotations = [["summary", `${letter} is bad`]] as const;
  return { labels: labelsOf(letter), annotations, startsAtMs, endsAtMs, generatorUrl: "" };
}

/**
 * `a+` fires, `a-` resolves, `a~` fires under a silence, `ack`, `ack5` for five minutes, `unack`, `resolve`, `time`,
 * `told`, `failed`, `note`, `page`, `moved`.
 */
function eventOf(token: string, nowMs: number): IncidentEvent {
  const [, letter = "", mark = ""] = /^([a-zA-Z])([-+~])$/.exec(token) ?? [];
  if (mark !== "") {
    const suppressedBy = mark === "~" ? ["silence:s1"] : [];
    const heard = alert(letter, mark === "-" ? nowMs : null, nowMs);
    return { kind: "alerts", group: GROUP, alerts: [{ alert: heard, suppressedBy }] };
  }
  const said = { by: "ann", comment: "on it" };
  const [, minutes = ""] = /^ack(\d*)$/.exec(token) ?? [];
  const untilMs = minutes === "" ? null : nowMs + Number(minutes) * MINUTE_MS;
  if (token.startsWith("ack")) return { kind: "acknowledge", untilMs, ...said };
  if (token === "unack") return { kind: "unacknowledge", ...said };
  if (token === "resolve") return { kind: "resolve", ...said };
  if (token === "note") return { kind: "comment", ...said };
  if (token === "moved") return { kind: "regrouped" };
  if (token === "page")
    return {
      kind: "escalation",
      escalation: ESCALATION,
      receivers: ["lead"],
      told: { policy: "p", step: 0, targets: ["lead"], reason: "not acknowledged within 10m" },
    };
  if (token === "told" || token === "failed")
    return {
      kind: "notified",
      notification: "n1",
      integration: "team/webhook[0]",
      receiver: "team",
      outcome: token === "told" ? "delivered" : "failed",
      error: token === "told" ? "" : "status 500",
    };
  return { kind: "time" };
}

interface Played {
  /** The status after each token: `F`, `A`, `R`, `-` for no incident; a number where another incident began. */
  readonly statuses: string;
  readonly transitions: readonly IncidentTransition[];
  readonly incident: Incident | undefined;
  readonly steps: readonly IncidentStep[];
  readonly nowMs: number;
}

/** One token a minute. */
function play(script: string): Played {
  let incident: Incident | undefined;
  let statuses = "";
  const transitions: IncidentTransition[] = [];
  const steps: IncidentStep[] = [];
  let nowMs = START_MS;
  for (const [minute, token] of script.split(" ").entries()) {
    nowMs = START_MS + minute * MINUTE_MS;
    const step = stepIncident(incident, eventOf(token, nowMs), nowMs);
    const another = incident !== undefined && step.incident?.id !== incident.id;
    incident = step.incident;
    statuses += another ? "|" : "";
    statuses += incident === undefined ? "-" : (incident.status[0] ?? "").toUpperCase();
    transitions.push(...step.transitions);
    steps.push(step);
  }
  return { statuses, transitions, incident, steps, nowMs };
}

function kinds(script: string): string {
  return play(script)
    .transitions.map(({ kind }) => kind)
    .join(" ");
}

test("an incident begins with the first alert of its group, and ends with the last", () => {
  equal(play("a+ b+ a- time b-").statuses, "FFFFR");
  equal(kinds("a+ b+ a- time b-"), "opened alerts alerts alerts resolved");
});

test("what ended before anybody heard of it opens nothing", () => {
  equal(play("a- time").statuses, "--");
});

test("an alert that fires after the end opens another incident", () => {
  equal(play("a+ a- a+ a-").statuses, "FR|FR");
});

test("an acknowledgement lasts until it is taken back", () => {
  equal(play("a+ ack time unack time").statuses, "FAAFF");
});

test("an acknowledgement that runs out says so, and the incident fires again", () => {
  const { statuses, transitions } = play("a+ ack2 time time time");
  equal(statuses, "FAAFF");
  deepEqual(transitions.at(-1), {
    kind: "acknowledgement_expired",
    by: "ann",
    status: "firing",
    atMs: START_MS + 3 * MINUTE_MS,
  });
});

test("an alert of a kind that was acknowledged does not reopen the incident, one of another kind does", () => {
  equal(play("a+ ack b+").statuses, "FAF");
  equal(play("a+ b+ a- ack a+").statuses, "FFFAA", "it was acknowledged with the incident");
  equal(play("a+ ack A+").statuses, "FAF", "the same alert is worse now");
  equal(kinds("a+ ack A+"), "opened acknowledged alerts priority reopened");
});

test("once what was new is over, the acknowledgement is what counts again", () => {
  equal(play("a+ ack b+ b- a-").statuses, "FAFAR");
  equal(kinds("a+ ack b+ b-"), "opened acknowledged alerts reopened alerts covered");
});

test("what an acknowledgement covers is held, what it does not cover is told", () => {
  const { incident, nowMs } = play("a+ ack b+");
  const held = (letter: string) =>
    heldBecause(incident, fingerprint(labelsOf(letter)), labelsOf(letter), nowMs);
  equal(held("a"), "acknowledged");
  equal(held("b"), undefined);
  equal(mayEscalate(incident as Incident, nowMs), true, "b is nobody's yet");
});

test("an acknowledged incident is not escalated before its acknowledgement runs out", () => {
  const { incident, nowMs } = play("a+ ack5");
  equal(mayEscalate(incident as Incident, nowMs), false);
  equal(nextStepMs(incident as Incident), nowMs + 5 * MINUTE_MS);
  const after = stepIncident(incident, { kind: "time" }, nowMs + 5 * MINUTE_MS).incident;
  equal(mayEscalate(after as Incident, nowMs + 5 * MINUTE_MS), true);
});

test("what a person resolved stays so while its alerts go on, and until one fires anew", () => {
  equal(play("a+ resolve a+ time").statuses, "FRRR");
  equal(play("a+ resolve a+ a- a+").statuses, "FRRR|F");
  equal(play("a+ resolve b+ b-").statuses, "FR|FR", "another alert is another incident");
});

test("an alert that was dismissed does not keep the next incident open", () => {
  const { incident, nowMs } = play("a+ resolve b+ b-");
  equal(isLive(incident as Incident), true, "for a still fires");
  equal(heldBecause(incident, fingerprint(labelsOf("a")), labelsOf("a"), nowMs), "dismissed");
  equal(isLive(play("a+ resolve b+ b- a-").incident as Incident), false);
});

test("the incident that another one takes the place of has nothing left to wait for", () => {
  const { steps } = play("a+ resolve b+");
  const superseded = steps.at(-1)?.superseded;
  ok(superseded !== undefined && !isLive(superseded));
});

test("what an incident is over for is not acknowledged, nor resolved twice", () => {
  equal(kinds("a+ a- ack resolve unack"), "opened alerts resolved");
  equal(kinds("a+ a- note told"), "opened alerts resolved commented notified");
  equal(play("a+ a- note told").statuses, "FRRR");
});

test("an incident is as urgent as the worst of its alerts that fire", () => {
  const { incident, transitions } = play("a+ B+ B-");
  equal(incident?.priority, "P3");
  deepEqual(
    transitions.flatMap((transition) =>
      transition.kind === "priority" ? [`${transition.from}>${transition.to}`] : [],
    ),
    ["P3>P1", "P1>P3"],
  );
  equal(play("a+ B+ B- a-").incident?.severity, "warning", "what it had last");
});

test("an incident says when a silence hides all of it, and is not escalated meanwhile", () => {
  equal(kinds("a~ b~ b+ b~"), "opened suppressed alerts unsuppressed suppressed");
  const { incident, nowMs } = play("a~");
  equal(incident?.suppressed, true);
  equal(mayEscalate(incident as Incident, nowMs), false);
});

test("notifications are counted by what became of them", () => {
  const { incident } = play("a+ told failed told page");
  equal(incident?.notificationCount, 2);
  equal(incident?.failedNotificationCount, 1);
  deepEqual(incident?.escalation, ESCALATION);
  deepEqual(incident?.pagedReceivers, ["lead"]);
});

test("alerts that belong to other groups now end the incident", () => {
  equal(play("a+ moved").statuses, "FR");
  equal(isLive(play("a+ moved").incident as Incident), false);
});

test("an alert that goes on and off stays one incident until it is stable", () => {
  const { statuses, incident, nowMs } = play("a+ a- a+ a- a+ a- a+ a- time");
  equal(statuses, "FR|FR|FFFFF", "from the fifth change on it flaps, and is not resolved");
  equal(incident?.flapping, true);
  equal(incident?.status, "firing");
  const stableMs = nextStepMs(incident as Incident);
  equal(stableMs, nowMs - MINUTE_MS + DEFAULT_FLAP_POLICY.stableMs);
  const after = stepIncident(incident, { kind: "time" }, stableMs as number);
  deepEqual(
    after.transitions.map(({ kind }) => kind),
    ["flapping_ended", "resolved"],
  );
});

test("an alert that flapped and stays firing is not hidden: its incident fires on without the mark", () => {
  const { incident, nowMs } = play("a+ a- a+ a- a+ a- a+");
  equal(incident?.flapping, true);
  const after = stepIncident(incident, { kind: "time" }, nowMs + DEFAULT_FLAP_POLICY.stableMs);
  equal(after.incident?.flapping, false);
  equal(after.incident?.status, "firing");
});

test("an alert told again changes nothing, and its texts alone are not worth a document", () => {
  const { incident, nowMs } = play("a+");
  const heard = (summary: string): IncidentEvent => {
    const told = { ...alert("a", null, START_MS), annotations: [["summary", summary]] as const };
    return { kind: "alerts", group: GROUP, alerts: [{ alert: told }] };
  };
  const same = stepIncident(incident, heard("a is bad"), nowMs + 1000).incident as Incident;
  equal(same, incident);
  const other = stepIncident(incident, heard("a is worse"), nowMs + 1000).incident as Incident;
  equal(firingAlerts(other)[0]?.summary, "a is worse");
  equal(needsKeeping(incident, other), false);
  equal(needsKeeping(incident, play("a+ ack").incident as Incident), true);
});

test("an alert whose end lies ahead ends by itself when nothing more is heard", () => {
  const until: IncidentEvent = {
    kind: "alerts",
    group: GROUP,
    alerts: [{ alert: alert("a", START_MS + 5 * MINUTE_MS, START_MS) }],
  };
  const { incident } = stepIncident(undefined, until, START_MS);
  equal(nextStepMs(incident as Incident), START_MS + 5 * MINUTE_MS);
  const before = stepIncident(incident, { kind: "time" }, START_MS + 5 * MINUTE_MS - 1);
  equal(before.incident, incident);
  const after = stepIncident(incident, { kind: "time" }, START_MS + 5 * MINUTE_MS);
  equal(after.incident?.status, "resolved");
});

const TOKENS = [
  ...["a+", "a-", "a~", "b+", "b-", "A+", "A-", "ack", "ack1", "ack5", "unack"],
  ...["resolve", "time", "told", "failed", "note", "page", "moved"],
];
const scripts = fc
  .array(fc.constantFrom(...TOKENS), { minLength: 1, maxLength: 40 })
  .map((tokens) => tokens.join(" "));

test("whatever happens: resolved is final, time does not go back, and the status is what the alerts say", () => {
  fc.assert(
    fc.property(scripts, fc.array(fc.integer({ min: -120_000, max: 120_000 })), (script, jumps) => {
      let incident: Incident | undefined;
      let nowMs = START_MS;
      for (const [i, token] of script.split(" ").entries()) {
        nowMs += MINUTE_MS + (jumps[i] ?? 0);
        const before = incident;
        const step = stepIncident(before, eventOf(token, nowMs), nowMs);
        const { incident: after, transitions } = step;
        incident = after;
        if (after === undefined) continue;
        if (before?.status === "resolved" && after.id === before.id)
          equal(after.status, "resolved", "final");
        let lastMs = after.id === before?.id ? before.updatedAtMs : after.openedAtMs;
        for (const transition of transitions) {
          ok(transition.atMs >= lastMs, "time does not go back");
          lastMs = transition.atMs;
        }
        equal(after.status, transitions.at(-1)?.status ?? before?.status);
        equal(after.resolvedAtMs === null, after.status !== "resolved");
        if (after.status === "resolved") continue;
        const firing = firingAlerts(after);
        ok(firing.length > 0 || after.flapping, "what is open fires, or flaps");
        const news = firing.filter(
          ({ labels }) => heldBecause(after, fingerprint(labels), labels, nowMs) === undefined,
        );
        if (after.status === "acknowledged") equal(news.length, 0, "nothing new is hidden");
        else ok(news.length > 0 || after.acknowledgement === null, "what is covered rests");
      }
    }),
  );
});

test("what is read back is the incident that was kept", () => {
  fc.assert(
    fc.property(scripts, (script) => {
      const { incident } = play(script);
      if (incident === undefined) return;
      const json: unknown = JSON.parse(JSON.stringify(incidentToJson(incident)));
      deepEqual(incidentFromJson(incident.id, json), incident);
    }),
  );
});

test("an incident that was kept before it was kept whom it paged has paged nobody", () => {
  const { incident } = play("a+");
  ok(incident !== undefined);
  const { pagedReceivers: _, ...old } = incidentToJson(incident) as Record<string, unknown>;
  deepEqual(incidentFromJson(incident.id, old), { ...incident, pagedReceivers: [] });
});
