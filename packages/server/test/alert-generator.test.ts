// The cases of the specification of alert generators, version 1.0 (github.com/prometheus/compliance): states, what the API
// shows, the series of ALERTS, and what is sent to an Alertmanager, when and with which times.
import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { formatLabels, type Labels, labelsFrom } from "@pharos/base";
import {
  AlertGenerator,
  type ReceivedAlert,
  SAMPLE_MS,
  START_MS,
} from "./alert-generator-world.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const INTERVAL_MS = 30 * SECOND;
const RESEND_DELAY_MS = MINUTE;
const RESOLVED_KEPT_MS = 15 * MINUTE;

const METRIC = "alert_generator_test_suite";

/** A value, and how many samples in a row have it. */
type Run = readonly [value: number, count: number];

interface Series {
  readonly labels: Labels;
  readonly values: readonly number[];
}

function series(labels: Readonly<Record<string, string>>, ...runs: readonly Run[]): Series {
  const values = runs.flatMap(([value, count]) => new Array<number>(count).fill(value));
  return { labels: labelsFrom({ __name__: METRIC, ...labels }), values };
}

/** What becomes of one alert, from one evaluation on until that of the next entry. */
interface Phase {
  readonly fromMs: number;
  readonly state: "pending" | "firing" | "inactive";
}

interface ExpectedAlert {
  readonly labels: Readonly<Record<string, string>>;
  /** As of an evaluation. */
  annotations(timeMs: number): Readonly<Record<string, string>>;
  /** As of an evaluation. */
  value(timeMs: number): number;
  readonly phases: readonly Phase[];
}

interface Case {
  readonly group: string;
  readonly rules: string;
  readonly series: readonly Series[];
  /** Samples after which it ends. */
  readonly samples: number;
  expected(slot: (sample: number) => number): readonly ExpectedAlert[];
}

function phaseAt(
  { phases }: ExpectedAlert,
  timeMs: number,
): (Phase & { readonly at: number }) | undefined {
  const at = phases.findLastIndex(({ fromMs }) => fromMs <= timeMs);
  const phase = phases[at];
  return phase === undefined ? undefined : { ...phase, at };
}

/** Since when the alert is active, whether it fires by now or not. */
function activeAtMs({ phases }: ExpectedAlert, at: number): number {
  const before = phases[at - 1];
  return (before?.state === "pending" ? before : phases[at])?.fromMs ?? Number.NaN;
}

/** What an Alertmanager must get of one alert, by the specification's conditions for sending. */
function sendsOf(alert: ExpectedAlert, endMs: number): ReceivedAlert[] {
  const sends: ReceivedAlert[] = [];
  for (const [at, { state, fromMs }] of alert.phases.entries()) {
    if (state === "pending") continue;
    const before = alert.phases[at - 1];
    if (state === "inactive" && before?.state !== "firing") continue;
    const nextMs = alert.phases[at + 1]?.fromMs ?? endMs;
    const untilMs = state === "firing" ? nextMs : Math.min(nextMs, fromMs + RESOLVED_KEPT_MS + 1);
    const firedAtMs = state === "firing" ? fromMs : (before?.fromMs ?? Number.NaN);
    for (let atMs = fromMs; atMs < untilMs; atMs += RESEND_DELAY_MS) {
      // The texts of an alert that is over are those of its last evaluation.
      const textMs = state === "firing" ? atMs : fromMs - INTERVAL_MS;
      const endsAtMs = state === "firing" ? atMs + 4 * RESEND_DELAY_MS : fromMs;
      sends.push({
        atMs,
        labels: alert.labels,
        annotations: alert.annotations(textMs),
        startsAt: new Date(firedAtMs).toISOString(),
        endsAt: new Date(endsAtMs).toISOString(),
        generatorURL: "",
      });
    }
  }
  return sends;
}

async function run(each: Case): Promise<void> {
  await using generator = await AlertGenerator.start(each.rules);
  const { clock } = generator;
  const slot = (sample: number): number =>
    generator.slotFrom(each.group, START_MS + sample * SAMPLE_MS);
  const expected = each.expected(slot);
  const endMs = START_MS + each.samples * SAMPLE_MS;
  let nextSlotMs = slot(1);
  let checks = 0;
  for (let sample = 0; sample < each.samples; sample++) {
    const next = each.series.flatMap(({ labels, values }) => {
      const value = values[sample];
      return value === undefined ? [] : [[labels, value] as const];
    });
    if (next.length > 0) await generator.write(next);
    const untilMs = START_MS + (sample + 1) * SAMPLE_MS;
    if (nextSlotMs < untilMs) {
      await clock.advance(nextSlotMs - clock.nowMs());
      await check(each, generator, expected, nextSlotMs);
      checks++;
      nextSlotMs += INTERVAL_MS;
    }
    await clock.advance(untilMs - clock.nowMs());
  }
  ok(checks > 20, `${checks} checks`);
  deepEqual(generator.problems, []);
  for (const alert of expected) {
    const key = JSON.stringify(Object.entries(alert.labels).sort());
    const got = generator.received.filter(
      ({ labels }) => JSON.stringify(Object.entries(labels).sort()) === key,
    );
    for (const { generatorURL } of got) ok(URL.canParse(generatorURL), generatorURL);
    deepEqual(
      got.map((one) => ({ ...one, generatorURL: "" })),
      sendsOf(alert, endMs),
    );
  }
  equal(
    generator.received.length,
    expected.flatMap((alert) => sendsOf(alert, endMs)).length,
    "nothing else is sent",
  );
}

/** What is to be seen right after an evaluation. */
async function check(
  { group }: Case,
  generator: AlertGenerator,
  expected: readonly ExpectedAlert[],
  timeMs: number,
): Promise<void> {
  const active = expected.flatMap((alert) => {
    const phase = phaseAt(alert, timeMs);
    return phase === undefined || phase.state === "inactive" ? [] : [{ alert, phase }];
  });
  const shown = active.map(({ alert, phase }) => ({
    labels: alert.labels,
    annotations: alert.annotations(timeMs),
    state: phase.state,
    activeAt: new Date(activeAtMs(alert, phase.at)).toISOString(),
    value: alert.value(timeMs),
  }));
  const at = `${(timeMs - START_MS) / SECOND} s`;
  deepEqual(
    generator.shown(group).map(({ labels, annotations, state, activeAt, value }) => ({
      ...{ labels, annotations, state, activeAt: new Date(activeAt).toISOString() },
      value: Number(value),
    })),
    shown,
    at,
  );
  const written = active.map(({ alert, phase }) => {
    const labels = { ...alert.labels, __name__: "ALERTS", alertstate: phase.state };
    return `${formatLabels(labelsFrom(labels))} 1`;
  });
  deepEqual(await generator.alertSeries(group, timeMs), written.sort(), at);
  for (const { name, rules } of generator.rules.groups())
    for (const rule of rules) {
      equal(rule.health, "ok", `${at}: ${name}`);
      if (rule.kind !== "alert") continue;
      const states = active
        .filter(({ alert }) => alert.labels["alertname"] === rule.name)
        .map(({ phase }) => phase.state);
      const state = states.includes("firing") ? "firing" : (states[0] ?? "inactive");
      equal(rule.state, state, `${at}: ${rule.name}`);
    }
}

/** The value of the sample that stands at a time. */
function standing({ values }: Series): (timeMs: number) => number {
  return (timeMs) => values[Math.floor((timeMs - START_MS) / SAMPLE_MS)] ?? Number.NaN;
}

test("PendingAndFiringAndResolved: an alert is pending, fires with changing texts, resolves, and does so again", () => {
  const group = "PendingAndFiringAndResolved";
  const alertname = `${group}_SimpleAlert`;
  const samples = series(
    { alertname, rulegroup: group },
    ...([
      [3, 1],
      [5, 3],
      [9, 4],
      [11, 13],
      [15, 32],
      [19, 16],
      [9, 20],
    ] as const),
    ...([
      [15, 45],
      [8, 16],
    ] as const),
  );
  const value = standing(samples);
  return run({
    group,
    series: [samples],
    samples: samples.values.length + 70,
    rules: `
groups:
  - name: ${group}
    interval: 30s
    rules:
      - alert: ${alertname}
        expr: '{__name__="${METRIC}", alertname="${alertname}", rulegroup="${group}"} > 10'
        for: 6m
        labels: { foo: bar, rulegroup: ${group} }
        annotations:
          description: SimpleAlert is firing
          summary: The value is {{$value}} {{.Value}}
`,
    expected: (slot) => [
      {
        labels: { alertname, foo: "bar", rulegroup: group },
        annotations: (timeMs) => ({
          description: "SimpleAlert is firing",
          summary: `The value is ${value(timeMs)} ${value(timeMs)}`,
        }),
        value,
        phases: [
          { fromMs: slot(8), state: "pending" },
          { fromMs: slot(32), state: "firing" },
          { fromMs: slot(69), state: "inactive" },
          { fromMs: slot(89), state: "pending" },
          { fromMs: slot(113), state: "firing" },
          { fromMs: slot(134), state: "inactive" },
        ],
      },
    ],
  });
});

test("PendingAndResolved_AlwaysInactive: what never fires is never sent, and ends when its samples do", () => {
  const group = "PendingAndResolved_AlwaysInactive";
  const [pending, inactive] = [`${group}_PendingAlert`, `${group}_InactiveAlert`] as const;
  const runs = [
    [3, 1],
    [5, 3],
    [9, 4],
    [11, 11],
    [9, 1],
  ] as const;
  const samples = series({ alertname: pending, rulegroup: group }, ...runs);
  return run({
    group,
    series: [samples, series({ alertname: inactive, rulegroup: group }, ...runs)],
    samples: samples.values.length + 40,
    rules: `
groups:
  - name: ${group}
    interval: 30s
    rules:
      - alert: ${pending}
        expr: '{__name__="${METRIC}", alertname="${pending}", rulegroup="${group}"} > 10'
        for: 3m
        labels: { foo: bar, rulegroup: ${group} }
        annotations: { description: SimpleAlert is firing }
      - alert: ${inactive}
        expr: '{__name__="${METRIC}", alertname="${inactive}", rulegroup="${group}"} > 99'
        for: 3m
        labels: { ba_dum: tss, rulegroup: ${group} }
        annotations: { description: This should never fire }
`,
    expected: (slot) => [
      {
        labels: { alertname: pending, foo: "bar", rulegroup: group },
        annotations: () => ({ description: "SimpleAlert is firing" }),
        value: standing(samples),
        phases: [
          { fromMs: slot(8), state: "pending" },
          { fromMs: slot(19), state: "inactive" },
        ],
      },
    ],
  });
});

test("ZeroFor_SmallFor: without for an alert fires at once, with a short one at the next evaluation; templates ask", () => {
  const group = "ZeroFor_SmallFor";
  const [zero, small] = [`${group}_ZeroFor`, `${group}_SmallFor`] as const;
  const runs = [
    [3, 1],
    [5, 3],
    [9, 4],
    [15, 13],
    [9, 72],
    [11, 13],
    [9, 1],
  ] as const;
  const samples = series({ alertname: zero, rulegroup: group }, ...runs);
  const asked = [1, 2, 3].map((i) =>
    series(
      { rulegroup: group, for: "template", id: String(100 + i), __value__: `val${i}` },
      ...([
        [i, 28],
        [2 * i, 201],
      ] as const),
    ),
  );
  const value = standing(samples);
  return run({
    group,
    series: [samples, series({ alertname: small, rulegroup: group }, ...runs), ...asked],
    samples: samples.values.length + 20,
    rules: `
groups:
  - name: ${group}
    interval: 30s
    rules:
      - alert: ${zero}
        expr: '{__name__="${METRIC}", alertname="${zero}", rulegroup="${group}"} > 10'
        labels: { foo: bar, rulegroup: ${group} }
        annotations:
          description: This should immediately fire
          template_query_test: '{{ define "testtemplate" }}Args are: {{.arg0}} {{.arg1}} {{.arg2}}. {{ with query "${METRIC}{rulegroup=''${group}'',for=''template''}" }}first_id:{{ . | sortByLabel "id" | first | label "id"}},{{ range $v := sortByLabel "id" .}}{{ . | label "id" }}:{{ . | value }},{{end}}{{end}}{{ end }}{{ template "testtemplate" (args "foo" "bar" 99) }}'
          template_test: '{{humanize 1048576}} {{humanize1024 1048576}} {{humanizeDuration 135.3563}} {{humanizePercentage 0.959}} {{humanizeTimestamp 1643114203}}'
      - alert: ${small}
        expr: '{__name__="${METRIC}", alertname="${small}", rulegroup="${group}"} > 13'
        for: 15s
        labels: { ba_dum: tss, rulegroup: ${group} }
        annotations:
          description: This should fire after an interval
          template_test: '{{title "this part"}} {{toUpper "is testing"}} {{toLower "THE STRINGS"}}. {{ stripPort "[::1]:6006"}} {{ stripPort "127.0.0.1:4004"}}. {{parseDuration "2h10m15s"}}. {{if match "[0-9]+" "1234"}}{{reReplaceAll "r.*d" "replaced" "rpld text"}}{{end}}. {{if match "[0-9]+$" "1234a"}}WRONG{{end}}.'
`,
    expected: (slot) => [
      {
        labels: { alertname: zero, foo: "bar", rulegroup: group },
        annotations: (timeMs) => {
          const [one, two, three] = asked.map((each) => standing(each)(timeMs));
          return {
            description: "This should immediately fire",
            template_query_test: `Args are: foo bar 99. first_id:101,101:${one},102:${two},103:${three},`,
            template_test: "1.049M 1Mi 2m 15s 95.9% 2022-01-25 12:36:43 +0000 UTC",
          };
        },
        value,
        phases: [
          { fromMs: slot(8), state: "firing" },
          { fromMs: slot(21), state: "inactive" },
          { fromMs: slot(93), state: "firing" },
          { fromMs: slot(106), state: "inactive" },
        ],
      },
      {
        labels: { alertname: small, ba_dum: "tss", rulegroup: group },
        annotations: () => ({
          description: "This should fire after an interval",
          template_test: "This Part IS TESTING the strings. ::1 127.0.0.1. 7815. replaced text. .",
        }),
        value,
        phases: [
          { fromMs: slot(8), state: "pending" },
          { fromMs: slot(8) + INTERVAL_MS, state: "firing" },
          { fromMs: slot(21), state: "inactive" },
        ],
      },
    ],
  });
});

test("NewAlerts_OrderCheck: a rule sees in the same round what the rule before it wrote", () => {
  const group = "NewAlerts_OrderCheck";
  const [first, second] = [`${group}_Rule1`, `${group}_Rule2`] as const;
  const own = { alertname: first, rulegroup: group };
  const one = series({ ...own, variant: "one" }, [1, 8], [11, 65], [9, 21]);
  const two = series({ ...own, variant: "two" }, [1, 32], [11, 33], [9, 21]);
  const fires = `ALERTS{alertstate="firing", alertname="${first}", foo="bar", rulegroup="${group}"`;
  const texts = { description: "This should produce more alerts later" };
  return run({
    group,
    series: [one, two],
    samples: one.values.length,
    rules: `
groups:
  - name: ${group}
    interval: 30s
    rules:
      - alert: ${first}
        expr: '{__name__="${METRIC}", alertname="${first}", rulegroup="${group}"} > 10'
        for: 3m
        labels: { foo: bar, rulegroup: ${group} }
        annotations: { description: This should produce more alerts later }
      - alert: ${second}
        expr: '(${fires}, variant="one"} + ignoring(variant) ${fires}, variant="two"}) == 2'
        labels: { ba_dum: tss, foo: baz, rulegroup: ${group} }
        annotations:
          description: Based on ALERTS. Old alertname was {{$labels.alertname}}. foo was {{.Labels.foo}}.
`,
    expected: (slot) => [
      {
        labels: { alertname: first, foo: "bar", rulegroup: group, variant: "one" },
        annotations: () => texts,
        value: standing(one),
        phases: [
          { fromMs: slot(8), state: "pending" },
          { fromMs: slot(20), state: "firing" },
          { fromMs: slot(73), state: "inactive" },
        ],
      },
      {
        labels: { alertname: first, foo: "bar", rulegroup: group, variant: "two" },
        annotations: () => texts,
        value: standing(two),
        phases: [
          { fromMs: slot(32), state: "pending" },
          { fromMs: slot(44), state: "firing" },
          { fromMs: slot(65), state: "inactive" },
        ],
      },
      {
        labels: {
          ...{ alertname: second, alertstate: "firing", ba_dum: "tss", foo: "baz" },
          rulegroup: group,
        },
        annotations: () => ({
          description: `Based on ALERTS. Old alertname was ${first}. foo was bar.`,
        }),
        value: () => 2,
        phases: [
          { fromMs: slot(44), state: "firing" },
          { fromMs: slot(65), state: "inactive" },
        ],
      },
    ],
  });
});
