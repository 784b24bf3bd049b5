import {
  equalLabels,
  type Label,
  type Labels,
  labelsFrom,
  labelsKey,
  METRIC_NAME,
  withLabel,
} from "@pharos/base";
import {
  type AlertState,
  type AlertTransition,
  INACTIVE,
  type OutageTimes,
  restoreAlert,
  stepAlert,
} from "./alert-state.ts";
import type { CompiledAlertingRule, CompiledRecordingRule } from "./rule.ts";
import { expandTemplate, type Template, type TemplateData } from "./template/template.ts";
import type { TemplateQuery } from "./template/template-queries.ts";

/** An alert that its rule knows: active, or resolved a short while ago. */
export interface Alert {
  readonly labels: Labels;
  /** In the order of the rule; values may be empty. */
  readonly annotations: readonly Label[];
  /** Of the last evaluation in which the condition held. */
  readonly value: number;
  readonly state: Exclude<AlertState, { phase: "inactive" }>;
}

/** All alerts of one rule, by `labelsKey` of their labels, and which ones have series in the store now. */
export interface RuleState {
  readonly alerts: ReadonlyMap<string, Alert>;
  /** What the last good evaluation wrote to ALERTS: those series need a staleness marker once they end. */
  readonly written: ReadonlyMap<string, WrittenAlert>;
  /** The last good evaluation; undefined before the first. */
  readonly evaluatedAtMs: number | undefined;
}

export interface WrittenAlert {
  readonly labels: Labels;
  readonly phase: "pending" | "firing";
}

export const EMPTY_RULE_STATE: RuleState = {
  alerts: new Map(),
  written: new Map(),
  evaluatedAtMs: undefined,
};

/** The result of an expression: a value for each label set. A scalar is one value without labels. */
export interface RuleVector {
  readonly labels: readonly Labels[];
  readonly values: ArrayLike<number>;
}

export interface RuleEnvironment {
  /** More active alerts (or recorded series) than this fail the rule; 0 for no limit. */
  readonly limit: number;
  readonly externalLabels: Labels;
  readonly externalUrl: string;
  /** Answers `query` in templates; without it, that fails in the text. */
  readonly query?: TemplateQuery | undefined;
}

/** What a rule writes at its timestamp: series with their values, and series that end. */
export interface RuleSamples {
  readonly labelSets: readonly Labels[];
  readonly values: readonly number[];
  readonly stale: readonly Labels[];
}

export interface AlertChange {
  readonly transition: Exclude<AlertTransition, "none">;
  /** The state before. */
  readonly from: AlertState["phase"];
  /** As it is after the change; of a forgotten alert, as it was before. */
  readonly alert: Alert;
}

export type RuleStep =
  | {
      readonly status: "ok";
      readonly state: RuleState;
      readonly changes: readonly AlertChange[];
      readonly samples: RuleSamples;
    }
  /** Nothing is written. The state is the old one, or has no alerts any more where the limit was exceeded. */
  | {
      readonly status: "failed";
      readonly state: RuleState;
      readonly changes: readonly AlertChange[];
      readonly error: string;
    };

/** One evaluation of an alerting rule whose expression gave `vector` at `timeMs`. */
export function stepRule(
  rule: CompiledAlertingRule,
  state: RuleState,
  vector: RuleVector,
  timeMs: number,
  environment: RuleEnvironment,
): RuleStep {
  const found = findAlerts(rule, vector, timeMs, environment);
  if (found === undefined)
    return {
      status: "failed",
      state,
      changes: [],
      error: "vector contains metrics with the same labelset after applying alert labels",
    };

  const alerts = new Map<string, Alert>();
  const changes: AlertChange[] = [];
  let activeCount = 0;
  for (const [key, now] of found) {
    const before = state.alerts.get(key);
    const earlier = before?.state ?? INACTIVE;
    const [next, transition] = stepAlert(earlier, true, timeMs, rule.rule);
    if (next.phase === "inactive") continue; // Cannot be: the condition holds.
    const alert: Alert = { ...now, state: next };
    alerts.set(key, alert);
    activeCount++;
    if (transition !== "none") changes.push({ transition, from: earlier.phase, alert });
  }
  for (const [key, before] of state.alerts) {
    if (found.has(key)) continue;
    const [next, transition] = stepAlert(before.state, false, timeMs, rule.rule);
    const alert: Alert = next.phase === "inactive" ? before : { ...before, state: next };
    if (next.phase !== "inactive") alerts.set(key, alert);
    if (next.phase === "firing") activeCount++;
    if (transition !== "none") changes.push({ transition, from: before.state.phase, alert });
  }

  if (environment.limit > 0 && activeCount > environment.limit)
    return {
      status: "failed",
      state: { ...state, alerts: new Map() },
      changes: endAlerts(state, timeMs),
      error: `exceeded limit of ${environment.limit} with ${activeCount} alerts`,
    };
  const written = writtenAlerts(alerts);
  return {
    status: "ok",
    state: { alerts, written, evaluatedAtMs: timeMs },
    changes,
    samples: alertSamples(alerts, state.written, written),
  };
}

/**
 * The annotations of the alerts that `vector` gives, by `labelsKey` of their labels; undefined where two alerts have the
 * same labels.
 */
export function alertTexts(
  rule: CompiledAlertingRule,
  vector: RuleVector,
  timeMs: number,
  environment: RuleEnvironment,
): ReadonlyMap<string, readonly Label[]> | undefined {
  const found = findAlerts(rule, vector, timeMs, environment);
  if (found === undefined) return undefined;
  return new Map([...found].map(([key, { annotations }]) => [key, annotations]));
}

/** What becomes of the alerts of a rule that is no more: firing ones resolve. */
export function endAlerts(state: RuleState, timeMs: number): AlertChange[] {
  const changes: AlertChange[] = [];
  for (const alert of state.alerts.values()) {
    if (alert.state.phase !== "firing") continue;
    const { activeAtMs, firedAtMs } = alert.state;
    changes.push({
      transition: "resolved",
      from: "firing",
      alert: {
        ...alert,
        state: { phase: "resolved", activeAtMs, firedAtMs, resolvedAtMs: timeMs },
      },
    });
  }
  return changes;
}

/** The series of ALERTS and ALERTS_FOR_STATE that the state has in the store. */
export function writtenSeries(state: RuleState): Labels[] {
  return [...state.written.values()].flatMap(({ labels, phase }) => [
    alertsSeries(labels, phase),
    forStateSeries(labels),
  ]);
}

/** The state when Pharos starts again at `nowMs`; see `restoreAlert`. */
export function restoreRule(
  rule: CompiledAlertingRule,
  state: RuleState,
  nowMs: number,
  outage: OutageTimes,
): RuleState {
  const downAtMs = state.evaluatedAtMs ?? nowMs;
  const alerts = new Map<string, Alert>();
  for (const [key, alert] of state.alerts) {
    const restored = restoreAlert(alert.state, downAtMs, nowMs, rule.rule, outage);
    if (restored.phase !== "inactive") alerts.set(key, { ...alert, state: restored });
  }
  return { ...state, alerts };
}

/** The alerts whose condition holds; undefined where two have the same labels. */
function findAlerts(
  rule: CompiledAlertingRule,
  vector: RuleVector,
  timeMs: number,
  environment: RuleEnvironment,
): Map<string, Omit<Alert, "state">> | undefined {
  const found = new Map<string, Omit<Alert, "state">>();
  for (const [index, metric] of vector.labels.entries()) {
    const value = vector.values[index] as number;
    const data: TemplateData = {
      labels: metric,
      value,
      externalLabels: environment.externalLabels,
      externalUrl: environment.externalUrl,
      query: environment.query,
      timestampMs: timeMs,
    };
    const labels = alertLabels(rule, metric, data);
    const key = labelsKey(labels);
    if (found.has(key)) return undefined;
    found.set(key, { labels, annotations: expandAll(rule.annotations, data), value });
  }
  return found;
}

function alertLabels(rule: CompiledAlertingRule, metric: Labels, data: TemplateData): Labels {
  const labels = new Map(metric);
  labels.delete(METRIC_NAME);
  for (const [name, text] of expandAll(rule.labels, data)) labels.set(name, text);
  labels.set("alertname", rule.rule.name);
  return labelsFrom(labels);
}

function expandAll(
  templates: readonly (readonly [string, Template])[],
  data: TemplateData,
): Label[] {
  return templates.map(([name, template]) => [name, expandTemplate(template, data)]);
}

function writtenAlerts(alerts: ReadonlyMap<string, Alert>): Map<string, WrittenAlert> {
  const written = new Map<string, WrittenAlert>();
  for (const [key, { labels, state }] of alerts)
    if (state.phase !== "resolved") written.set(key, { labels, phase: state.phase });
  return written;
}

function alertSamples(
  alerts: ReadonlyMap<string, Alert>,
  before: ReadonlyMap<string, WrittenAlert>,
  now: ReadonlyMap<string, WrittenAlert>,
): RuleSamples {
  const labelSets: Labels[] = [];
  const values: number[] = [];
  for (const [key, { labels, phase }] of now) {
    const activeAtMs = alerts.get(key)?.state.activeAtMs ?? 0;
    labelSets.push(alertsSeries(labels, phase), forStateSeries(labels));
    values.push(1, Math.floor(activeAtMs / 1000));
  }
  const stale: Labels[] = [];
  for (const [key, { labels, phase }] of before) {
    const still = now.get(key);
    if (still?.phase !== phase) stale.push(alertsSeries(labels, phase));
    if (still === undefined) stale.push(forStateSeries(labels));
  }
  return { labelSets, values, stale };
}

function alertsSeries(labels: Labels, phase: "pending" | "firing"): Labels {
  return withLabel(withLabel(labels, METRIC_NAME, "ALERTS"), "alertstate", phase);
}

function forStateSeries(labels: Labels): Labels {
  return withLabel(labels, METRIC_NAME, "ALERTS_FOR_STATE");
}

/** Rebuilds the state of a rule from its alerts as they were kept; see `rule-state-json.ts`. */
export function ruleStateOf(
  alerts: readonly Alert[],
  evaluatedAtMs: number | undefined,
): RuleState {
  const map = new Map(alerts.map((alert) => [labelsKey(alert.labels), alert]));
  return { alerts: map, written: writtenAlerts(map), evaluatedAtMs };
}

export type RecordingStep =
  | {
      readonly status: "ok";
      /** What was written, to be passed to the next step. */
      readonly written: ReadonlyMap<string, Labels>;
      readonly samples: RuleSamples;
    }
  | { readonly status: "failed"; readonly error: string };

/** One evaluation of a recording rule; `before` is what the last good one wrote. */
export function stepRecordingRule(
  rule: CompiledRecordingRule,
  before: ReadonlyMap<string, Labels>,
  vector: RuleVector,
  limit: number,
): RecordingStep {
  const written = new Map<string, Labels>();
  for (const metric of vector.labels) {
    const named = new Map([...metric, [METRIC_NAME, rule.rule.name] as const, ...rule.labels]);
    const labels = labelsFrom(named);
    const key = labelsKey(labels);
    if (written.has(key))
      return {
        status: "failed",
        error: "vector contains metrics with the same labelset after applying rule labels",
      };
    // The label set of the last time where it is equal, so that it is kept in memory once.
    const known = before.get(key);
    written.set(key, known !== undefined && equalLabels(known, labels) ? known : labels);
  }
  if (limit > 0 && written.size > limit)
    return { status: "failed", error: `exceeded limit of ${limit} with ${written.size} series` };
  const stale: Labels[] = [];
  for (const [key, labels] of before) if (!written.has(key)) stale.push(labels);
  const samples = {
    labelSets: [...written.values()],
    values: Array.from(vector.values),
    stale,
  };
  return { status: "ok", written, samples };
}
