import {
  type CompiledAlertingRule,
  countThings,
  type GroupAlert,
  mayComeFrom,
  type NotificationChart,
  type NotificationContext,
  type Population,
  populationOf,
} from "@pharos/alert";
import {
  type Clock,
  formatLabels,
  type Labels,
  labelValue,
  METRIC_NAME,
  OperatingError,
  withoutLabels,
} from "@pharos/base";
import type { MatrixSeries, QueryValue } from "@pharos/promql/engine";
import { type Expr, formatExpr, parse } from "@pharos/promql/syntax";

const NAME: ReadonlySet<string> = new Set([METRIC_NAME]);

/** A chart shows so much of the past, */
const CHART_RANGE_MS = 60 * 60_000;
/** a point for each of these, */
const CHART_STEP_MS = 60_000;
/** and at most so many series. */
const CHART_SERIES_MAX = 5;
/** Of an expression with more elements no chart is made: all of them would be read for an hour. */
const CHART_ELEMENTS_MAX = 1000;

export interface AlertContextOptions {
  readonly clock: Clock;
  /** The rule that an alert came from; undefined for one from elsewhere. */
  ruleOf(alert: Labels): CompiledAlertingRule | undefined;
  /** An instant query. @throws OperatingError */
  evaluate(expr: Expr, timeMs: number, signal: AbortSignal): Promise<QueryValue>;
  /** Told of queries that failed: nobody goes untold because of them. */
  onProblem(error: OperatingError, doing: string): void;
}

/** What is found out about the alerts of a group when somebody is told of them. */
export type AlertContext = Pick<NotificationContext, "population" | "chart">;

/**
 * How many of all are affected, and what the rule's expression was in the last hour; empty for alerts from elsewhere, of
 * several rules, of a rule that compares nothing, and where a query fails.
 *
 * @throws the reason of `signal`.
 */
export async function alertContext(
  options: AlertContextOptions,
  group: { readonly labels: Labels },
  alerts: readonly GroupAlert[],
  signal: AbortSignal,
): Promise<AlertContext> {
  try {
    return await contextOf(options, group, alerts, signal);
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    options.onProblem(error, "finding out how many are affected");
    return {};
  }
}

async function contextOf(
  { clock, ruleOf, evaluate }: AlertContextOptions,
  group: { readonly labels: Labels },
  alerts: readonly GroupAlert[],
  signal: AbortSignal,
): Promise<AlertContext> {
  const firing = alerts.filter(({ endsAtMs }) => endsAtMs === null);
  const [first] = firing;
  if (first === undefined) return {};
  const name = labelValue(first.labels, "alertname");
  if (firing.some(({ labels }) => labelValue(labels, "alertname") !== name)) return {};
  const rule = ruleOf(first.labels);
  const population = rule && populationOf(rule.expr);
  if (rule === undefined || population === undefined) return {};
  const nowMs = clock.nowMs();
  const value = await evaluate(population.expr, nowMs, signal);
  if (value.type !== "vector") return {};
  const set = new Set(["alertname", ...rule.labels.map(([label]) => label)]);
  const all = value.labels.filter((labels) => isOfGroup(labels, group.labels, set));
  const counted = countThings(
    firing.map(({ labels }) => labels),
    all,
  );
  const chart =
    value.labels.length > CHART_ELEMENTS_MAX
      ? undefined
      : chartOf(
          { population, rule, set, firing, endMs: nowMs },
          await evaluate(pastOf(population.expr), nowMs, signal),
        );
  return {
    ...(counted === undefined ? {} : { population: counted }),
    ...(chart === undefined ? {} : { chart }),
  };
}

/** Whether an element would be in the group if it were affected, as far as its own labels tell. */
function isOfGroup(element: Labels, group: Labels, set: ReadonlySet<string>): boolean {
  return group.every(([name, value]) => {
    if (set.has(name)) return true;
    const own = labelValue(element, name);
    return own === "" || own === value;
  });
}

/** An expression at each step of the last hour. */
function pastOf(expr: Expr): Expr {
  return parse(`(${formatExpr(expr)})[${CHART_RANGE_MS / 1000}s:${CHART_STEP_MS / 1000}s]`);
}

interface ChartSubject {
  readonly population: Population;
  readonly rule: CompiledAlertingRule;
  /** Labels that the rule sets. */
  readonly set: ReadonlySet<string>;
  readonly firing: readonly GroupAlert[];
  readonly endMs: number;
}

function chartOf(
  { population, rule, set, firing, endMs }: ChartSubject,
  past: QueryValue,
): NotificationChart | undefined {
  if (past.type !== "matrix") return undefined;
  const series = past.series
    .filter(({ labels }) => firing.some((alert) => mayComeFrom(alert.labels, labels, set)))
    .slice(0, CHART_SERIES_MAX);
  if (series.length === 0) return undefined;
  return {
    title: rule.rule.name,
    url: firing[0]?.generatorUrl ?? "",
    ...(population.threshold === undefined ? {} : { threshold: population.threshold }),
    series: series.map((each) => ({ name: nameOf(each.labels), points: pointsOf(each, endMs) })),
  };
}

function nameOf(labels: Labels): string {
  const own = withoutLabels(labels, NAME);
  return own.length === 0 ? formatLabels(labels) : formatLabels(own);
}

/** A point for each step, at the steps of subqueries: multiples of the step. */
function pointsOf(
  { timestampsMs, values }: MatrixSeries,
  endMs: number,
): (readonly [number, number | null])[] {
  const byTime = new Map(Array.from(timestampsMs, (timeMs, at) => [timeMs, values[at] as number]));
  const lastMs = Math.floor(endMs / CHART_STEP_MS) * CHART_STEP_MS;
  const points: (readonly [number, number | null])[] = [];
  for (
    let timeMs = lastMs - CHART_RANGE_MS + CHART_STEP_MS;
    timeMs <= lastMs;
    timeMs += CHART_STEP_MS
  )
    points.push([timeMs, byTime.get(timeMs) ?? null]);
  return points;
}
