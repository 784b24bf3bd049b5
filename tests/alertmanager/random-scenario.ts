import { type Rng, seededRng } from "@pharos/base";
import {
  alert,
  expire,
  post,
  type Scenario,
  type ScenarioAlert,
  type Seconds,
  type Step,
  scenario,
  silence,
} from "./scenario.ts";

const NAMES = ["A", "B", "C"];
const SEVERITIES = ["warning", "critical"];
const INSTANCES = ["x", "y", "z"];
/** What happens, happens at halves of seconds; what is told, in between. */
const STEP_SECONDS = 0.5;
const UNTIL: Seconds = 16;
/** When groups begin, and when all have been told of. */
const FIRST_AT: Seconds = 1;
const FLUSHED_AT: Seconds = 2.5;
const LAST_STEP: Seconds = 14;

/**
 * Alerts that come, change and go under chance routes, silences and inhibition. What we do otherwise than Alertmanager is
 * left out: in each group something fires from beginning to end, no two routes beside one another match the same, and
 * what comes back is neither silenced nor inhibited.
 */
export function randomScenario(seed: number): Scenario {
  const rng = seededRng(seed);
  const kind = pick(rng, ["muting", "coming back"] as const);
  const config = randomConfig(rng, kind);
  return scenario(`seed ${seed}`, config, randomSteps(rng, kind), { until: UNTIL });
}

type Kind = "muting" | "coming back";

function pick<T>(rng: Rng, items: readonly T[]): T {
  return items[rng.below(items.length)] as T;
}

function randomConfig(rng: Rng, kind: Kind): string {
  const matched = new Set(Array.from({ length: rng.below(4) }, () => randomMatcher(rng)));
  const routes = [...matched].map((matcher) => `    - ${randomRoute(rng, matcher, 1)}`);
  const rules = Array.from({ length: kind === "muting" ? rng.below(3) : 0 }, () => {
    const equal = pick(rng, ["", ", equal: [instance]", ", equal: [alertname, instance]"]);
    const [source, target] = [randomInhibition(rng), randomInhibition(rng)];
    return `- { source_matchers: ['${source}'], target_matchers: ['${target}']${equal} }`;
  });
  const hooks = ["a", "b", "c"].map((name) => {
    const more = rng.chance(30) ? `, max_alerts: ${1 + rng.below(3)}` : "";
    return `- name: ${name}
  webhook_configs:
  - { url: 'http://hooks/${name}', send_resolved: ${rng.chance(70)}${more} }`;
  });
  return `
route:
  receiver: a
  group_by: [${randomGroupBy(rng)}]
  group_wait: 1250ms
  group_interval: ${pick(rng, ["1s", "2s"])}
  repeat_interval: ${pick(rng, ["1h", "4500ms"])}
  routes: ${routes.length === 0 ? "[]" : `\n${routes.join("\n")}`}
receivers:
${hooks.join("\n")}
inhibit_rules: ${rules.length === 0 ? "[]" : `\n${rules.join("\n")}`}
time_intervals:
- { name: always, time_intervals: [{}] }
- { name: never, time_intervals: [{ years: ['1999'] }] }
`;
}

function randomRoute(rng: Rng, matcher: string, depth: number): string {
  const parts = [`matchers: ['${matcher}']`];
  if (rng.chance(80)) parts.push(`receiver: ${pick(rng, ["a", "b", "c"])}`);
  if (rng.chance(50)) parts.push("continue: true");
  if (rng.chance(40)) parts.push(`group_by: [${randomGroupBy(rng)}]`);
  if (rng.chance(30)) parts.push(`group_interval: ${pick(rng, ["1s", "2s", "3s"])}`);
  if (rng.chance(20)) parts.push(`repeat_interval: ${pick(rng, ["2500ms", "1h"])}`);
  if (rng.chance(10)) parts.push("mute_time_intervals: [never]");
  if (rng.chance(10)) parts.push("active_time_intervals: [always, never]");
  else if (rng.chance(5)) parts.push("active_time_intervals: [never]");
  if (depth < 2 && rng.chance(40))
    parts.push(`routes: [${randomRoute(rng, randomMatcher(rng), depth + 1)}]`);
  return `{ ${parts.join(", ")} }`;
}

function randomGroupBy(rng: Rng): string {
  return pick(rng, ["", "alertname", "severity", "alertname, severity", "missing"]);
}

function randomMatcher(rng: Rng): string {
  return pick(rng, [
    ...NAMES.map((name) => `alertname="${name}"`),
    ...SEVERITIES.map((severity) => `severity="${severity}"`),
    'alertname=~"A|B"',
    'alertname!="A"',
    'missing=""',
  ]);
}

/** Of alerts that inhibit or are inhibited: a route by instances would have groups that end. */
function randomInhibition(rng: Rng): string {
  return pick(rng, ['instance="x"', 'instance!~"x|y"', randomMatcher(rng), randomMatcher(rng)]);
}

function randomSteps(rng: Rng, kind: Kind): readonly Step[] {
  const steps: Step[] = [];
  const combinations = NAMES.flatMap((alertname) =>
    SEVERITIES.map((severity) => ({ alertname, severity })),
  );
  const first = combinations.map((labels) =>
    alert({ ...labels, instance: "first" }, { startsAt: FIRST_AT }),
  );
  steps.push(post(FIRST_AT, ...first));
  for (const labels of combinations)
    for (const instance of INSTANCES)
      if (rng.chance(60)) steps.push(...lifeOf(rng, { ...labels, instance }, kind));
  for (let i = kind === "muting" ? rng.below(4) : 0; i > 0; i--) {
    const at = 1 + rng.below(20) * STEP_SECONDS;
    const from = at + rng.below(4) * STEP_SECONDS;
    const text = pick(rng, ["alertname=A", "severity=warning", "instance=~x|y", "alertname!=C"]);
    const name = `${i} ${text}`;
    steps.push(silence(at, name, [from, from + 1 + rng.below(20) * STEP_SECONDS], text));
    const early = at + STEP_SECONDS + rng.below(8) * STEP_SECONDS;
    if (rng.chance(40)) steps.push(expire(Math.min(early, from + STEP_SECONDS), name));
  }
  return steps;
}

/** An alert that fires for a while and again, told of by senders that do not quite agree. */
function lifeOf(rng: Rng, labels: Readonly<Record<string, string>>, kind: Kind): Step[] {
  const steps: Step[] = [];
  let at = FLUSHED_AT + rng.below(12) * STEP_SECONDS;
  while (at < LAST_STEP) {
    const startsAt = at - rng.below(3) * STEP_SECONDS;
    const lasts = (1 + rng.below(12)) * STEP_SECONDS;
    const annotated = (): Pick<ScenarioAlert, "annotations"> =>
      rng.chance(30) ? { annotations: { summary: `at ${at}`, note: pick(rng, ["", "n"]) } } : {};
    const announced = rng.chance(40) ? { endsAt: at + lasts } : {};
    steps.push(post(at, alert(labels, { startsAt, ...announced, ...annotated() })));
    if (rng.chance(40)) {
      const again = at + rng.below(lasts / STEP_SECONDS) * STEP_SECONDS;
      const from = again - rng.below(5) * STEP_SECONDS;
      steps.push(post(again, alert(labels, { startsAt: from, ...annotated() })));
    }
    at += lasts;
    if (rng.chance(60)) {
      const endsAt = at - rng.below(2) * STEP_SECONDS;
      steps.push(
        post(at, alert(labels, { startsAt, endsAt: Math.max(endsAt, startsAt), ...annotated() })),
      );
    }
    if (kind === "muting") break;
    at += (1 + rng.below(8)) * STEP_SECONDS;
  }
  return steps;
}
