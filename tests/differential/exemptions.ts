// Where we answer differently from Prometheus 2.42 on purpose: because later versions do, or because what it answers
// depends on the machine it runs on. Each case is recomputed as far as that can be done, so that it covers nothing else.
import type { Aggregation, Expr, StringLiteral } from "@pharos/promql/syntax";
import type { Answer, Series } from "./answer.ts";
import { differenceOf, keyOf, RELATIVE_TOLERANCE, sameValue } from "./answer-difference.ts";
import { type Asking, type Culprit, partsOf, pinned, textOf } from "./culprit.ts";
import { differingValues, everyDifference, valuesOf, withoutNames } from "./value-differences.ts";
import { isZeroPointChange } from "./zero-point.ts";

export interface Exemption {
  readonly name: string;
  /** What is different, and since when. */
  readonly reason: string;
  /** Whether this, and nothing else, is what tells the two answers of the culprit apart. */
  explains(culprit: Culprit, asking: Asking): boolean | Promise<boolean>;
}

const DATE_FUNCTIONS = new Set([
  ...["day_of_month", "day_of_week", "day_of_year", "days_in_month"],
  ...["hour", "minute", "month", "year"],
]);
/** What adds many values up, in an order and with a compensation that versions do not share. */
const SUMMING_FUNCTIONS = new Set([
  ...["avg_over_time", "sum_over_time", "stddev_over_time", "stdvar_over_time"],
]);
const SUMMING_AGGREGATIONS = new Set(["sum", "avg", "stddev", "stdvar"]);
/** Relative to the largest term of a sum; of a variance, to its square. */
const ROUNDING = 1e-13;
/** So many values are computed again, one by one. */
const AMPLIFIED_MAX = 100;
const SAME_LABELS = "vector cannot contain metrics with the same labelset";
const DUPLICATES =
  /^(found duplicate series for the match group .* of the operation: )\[(.*)\](;many-to-many .*)$/su;

export const EXEMPTIONS: readonly Exemption[] = [
  {
    name: "atan2-drops-the-name",
    reason: "atan2 drops the metric name, as all arithmetic does; 2.42 kept it (mended in 2.5x)",
    explains: ({ expr, theirs, mine }) => {
      if (expr.kind !== "binary" || expr.op !== "atan2" || !("series" in theirs)) return false;
      const unnamed = withoutNames(theirs);
      const isNamed = theirs.series.some(({ metric }) => "__name__" in metric);
      const collides =
        "series" in unnamed && new Set(unnamed.series.map(keyOf)).size < unnamed.series.length;
      return (
        isNamed &&
        (collides ? isError(mine, SAME_LABELS) : differenceOf(unnamed, mine) === undefined)
      );
    },
  },
  {
    name: "names-dropped-at-the-end",
    reason:
      "series that only their names tell apart may meet in the middle of a query (decision 8)",
    async explains({ expr, text, times, theirs, mine }, { ours }) {
      if (!isError(theirs, SAME_LABELS) || isError(mine, SAME_LABELS)) return false;
      // A part by itself collides here as well: there its names are dropped.
      for (const part of partsOf(expr)) {
        const answer = await ours(textOf(text, expr, part.expr), part.timesOf(times));
        if (isError(answer, SAME_LABELS)) return true;
      }
      return false;
    },
  },
  {
    name: "topk-ties",
    reason:
      "which of equal values topk and bottomk keep is nowhere said; here it is the first by labels",
    explains: ({ expr, theirs, mine }) =>
      expr.kind === "aggregation" &&
      (expr.op === "topk" || expr.op === "bottomk") &&
      isTie(expr, theirs, mine),
  },
  {
    name: "k-out-of-range",
    reason:
      "3.x says of a k that is no number, or too small, that it is; and nothing if it keeps none",
    explains: ({ expr, theirs, mine }) => {
      const k =
        theirs.kind === "error" ? /^Scalar value (\S+) overflows int64$/.exec(theirs.error) : null;
      if (k === null || expr.kind !== "aggregation") return false;
      if (k[1] === "NaN") return isError(mine, "Parameter value is NaN");
      const isSmall = k[1]?.startsWith("-") === true;
      if (mine.kind === "error")
        return isSmall && mine.error === `Scalar value ${k[1]} underflows int64`;
      return isSmall && "series" in mine && mine.series.length === 0;
    },
  },
  {
    name: "deviation-of-one",
    reason: "a single value that is not finite has the deviation NaN since 3.0, not 0",
    explains: ({ expr, theirs, mine }) =>
      expr.kind === "aggregation" &&
      (expr.op === "stddev" || expr.op === "stdvar") &&
      everyDifference(theirs, mine, ({ their, our }) => their === 0 && Number.isNaN(our)),
  },
  {
    name: "deviation-overflows",
    reason: "a compensated sum beyond the largest number is infinite since 3.0, not NaN",
    explains: ({ expr, theirs, mine }) =>
      expr.kind === "call" &&
      (expr.func === "stddev_over_time" || expr.func === "stdvar_over_time") &&
      everyDifference(
        theirs,
        mine,
        ({ their, our }) => Number.isNaN(their) && our === Number.POSITIVE_INFINITY,
      ),
  },
  {
    name: "no-date",
    reason: "what is no time has no date: NaN; Prometheus answers what its processor makes of it",
    async explains({ expr, text, times, theirs, mine }, { ours }) {
      const argument =
        expr.kind === "call" && DATE_FUNCTIONS.has(expr.func) ? expr.args[0] : undefined;
      if (argument === undefined) return false;
      const input = valuesOf(withoutNames(await ours(textOf(text, expr, argument), times)));
      return everyDifference(theirs, mine, ({ key, our }) => {
        const seconds = input.get(key);
        return Number.isNaN(our) && seconds !== undefined && !(Math.abs(seconds) < 2 ** 63);
      });
    },
  },
  {
    name: "zero-point-of-a-counter",
    reason:
      "a counter is extrapolated to where it was 0 only within half an interval of a window's far edge, since 2.5x",
    explains: isZeroPointChange,
  },
  {
    name: "predict-linear-at-a-time",
    reason:
      "the window of predict_linear(x[d] @ t, s) stays where it is since 2.5x; 2.42 moved it along",
    async explains({ expr, text, times, mine }, { theirs }) {
      const isMoved = expr.kind === "call" && expr.func === "predict_linear" && text.includes("@");
      if (!isMoved || times.kind !== "range") return false;
      // Moment by moment 2.42 answers the same as we do.
      for (let { start: time } = times; time <= times.end; time += times.step) {
        const right = await theirs(pinned(text, times), { kind: "instant", time });
        if (differenceOf(right, momentOf(mine, time)) !== undefined) return false;
      }
      return true;
    },
  },
  {
    name: "rounding-of-sums",
    reason: "sums whose terms cancel out: what remains is smaller than the rounding of the terms",
    async explains({ expr, text, times, theirs, mine }, { ours }) {
      const extremes = extremesOfTerms(expr, text);
      if (extremes === undefined) return false;
      const [high = new Map(), low = new Map()] = await Promise.all(
        extremes.map(async (query) => valuesOf(await ours(query, times))),
      );
      const isSquare = /^stdvar/.test(text);
      const isRoot = /^stddev/.test(text);
      return everyDifference(theirs, mine, ({ key, their, our }) => {
        const largest = Math.max(Math.abs(high.get(key) ?? 0), Math.abs(low.get(key) ?? 0));
        if (!Number.isFinite(largest)) return false;
        const rounding = ROUNDING * (isSquare || isRoot ? largest ** 2 : largest);
        // A deviation is the root of a variance, which may be nothing but rounding.
        return Math.abs(their - our) <= (isRoot ? Math.sqrt(rounding) : rounding);
      });
    },
  },
  {
    name: "rounding-amplified",
    reason:
      "a function that makes much of the last digit; of what goes in there, ours gives what comes out",
    async explains({ expr, text, times, theirs, mine }, asking) {
      const argument = expr.kind === "call" && expr.args.length === 1 ? expr.args[0] : undefined;
      if (expr.kind !== "call" || argument === undefined) return false;
      const input = valuesOf(
        withoutNames(await asking.theirs(textOf(text, expr, argument), times)),
      );
      const wrong = differingValues(theirs, mine);
      if (wrong === undefined || wrong.length > AMPLIFIED_MAX) return false;
      for (const { key, their } of wrong) {
        const query = `${expr.func}(vector(${input.get(key) ?? Number.NaN}))`;
        const [again] = valuesOf(await asking.ours(query, times)).values();
        if (!sameValue(their, again ?? Number.NaN, RELATIVE_TOLERANCE)) return false;
      }
      return true;
    },
  },
  {
    name: "half-of-the-largest",
    reason:
      "Go's sinh and cosh are infinite from half of the largest number on, ours from there on",
    explains: ({ expr, theirs, mine }) =>
      expr.kind === "call" &&
      (expr.func === "sinh" || expr.func === "cosh") &&
      everyDifference(
        theirs,
        mine,
        ({ their, our }) =>
          Math.abs(their) === Number.POSITIVE_INFINITY &&
          Math.sign(their) === Math.sign(our) &&
          Math.abs(our) >= (Number.MAX_VALUE / 2) * (1 - RELATIVE_TOLERANCE),
      ),
  },
  {
    name: "rounding-in-labels",
    reason: "count_values writes numbers down, whose last digit may be rounded another way",
    explains: ({ expr, theirs, mine }) => {
      if (expr.kind !== "aggregation" || expr.op !== "count_values") return false;
      const label = expr.param?.kind === "string" ? expr.param.value : "";
      return differenceOf(roundedLabel(theirs, label), roundedLabel(mine, label)) === undefined;
    },
  },
  {
    name: "duplicates-named",
    reason: "which two of several duplicates an error names, and in which order, is nowhere said",
    explains: ({ theirs, mine }) => {
      if (theirs.kind !== "error" || mine.kind !== "error") return false;
      const their = DUPLICATES.exec(theirs.error);
      const our = DUPLICATES.exec(mine.error);
      return their !== null && our !== null && their[1] === our[1] && their[3] === our[3];
    },
  },
  {
    name: "duplicates-that-do-not-matter",
    reason:
      "duplicates that no matcher of the other side lets through are not read, and so no error",
    async explains({ expr, text, times, theirs, mine }, { ours }) {
      if (expr.kind !== "binary" || expr.matching === undefined) return false;
      const { on, labels, card } = expr.matching;
      const duplicates = theirs.kind === "error" ? DUPLICATES.exec(theirs.error) : null;
      if (duplicates === null || mine.kind === "error") return false;
      const group = / match group (\{.*\}) on the /su.exec(duplicates[1] ?? "")?.[1];
      const other = card === "one-to-many" ? expr.right : expr.left;
      const partners = await ours(textOf(text, expr, other), times);
      const names = new Set([...labels, ...(on ? [] : ["__name__"])]);
      return (
        "series" in partners &&
        !partners.series.some(({ metric }) => group === describeGroup(metric, names, on))
      );
    },
  },
  {
    name: "filtered-matches-count",
    reason: "matching twice is an error in 3.x even where a comparison filters one of the two away",
    async explains({ expr, text, times, theirs, mine }, asking) {
      if (expr.kind !== "binary" || expr.matching === undefined || expr.bool) return false;
      if (theirs.kind === "error" || mine.kind !== "error") return false;
      if (!mine.error.startsWith("multiple matches for labels: ")) return false;
      // Where nothing is filtered away, 2.42 says the same.
      const at = expr.left.span.end - expr.span.start;
      const unfiltered = text.slice(0, at) + text.slice(at).replace(expr.op, `${expr.op} bool`);
      return isError(await asking.theirs(unfiltered, times), mine.error);
    },
  },
  {
    name: "range-queries-name-the-parameter",
    reason: "an error in the text of a range query begins as that of an instant query, since 3.0",
    explains: (culprit) => {
      const texts = parseErrors(culprit);
      return texts !== undefined && texts[0] === texts[1] && culprit.times.kind === "range";
    },
  },
  {
    name: "patterns-as-written",
    reason: "an error in a regular expression shows what was written, not what it is wrapped in",
    explains: (culprit) => {
      const texts = parseErrors(culprit);
      return texts !== undefined && texts[0].replace(/`\^\(\?:(.*)\)\$`/su, "`$1`") === texts[1];
    },
  },
  {
    name: "durations-are-expressions",
    reason: "where a duration stands, more may stand than a duration, since 3.14",
    explains: (culprit) => {
      const texts = parseErrors(culprit);
      const more = "expected number, duration, step(), or range()";
      return texts !== undefined && texts[0].replace("expected duration", more) === texts[1];
    },
  },
  {
    name: "names-in-utf-8",
    reason: "label names may be any text since 3.0; 2.42 refuses most",
    explains: ({ expr, theirs, mine }) =>
      expr.kind === "call" &&
      (expr.func === "label_replace" || expr.func === "label_join") &&
      theirs.kind === "error" &&
      theirs.error.endsWith(` label name in ${expr.func}(): ${expr.args.find(isNewName)?.value}`) &&
      mine.kind !== "error",
  },
];

/** A string that is no name as 2.42 has them. */
function isNewName(expr: Expr): expr is StringLiteral {
  return expr.kind === "string" && !/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(expr.value);
}

/** What both say of a text that is no query, without the parameter that it came in. */
function parseErrors({ theirs, mine }: Culprit): [theirs: string, ours: string] | undefined {
  if (theirs.kind !== "error" || mine.kind !== "error") return undefined;
  if (theirs.errorType !== "bad_data" || mine.errorType !== "bad_data") return undefined;
  const [their = "", our = ""] = [theirs, mine].map(({ error }) =>
    error.replace(/^invalid parameter "query": /, ""),
  );
  return [their, our];
}

function isError(answer: Answer, text: string): boolean {
  return answer.kind === "error" && answer.error === text;
}

/** The labels that decide what matches, as errors name them. */
function describeGroup(metric: Series["metric"], names: ReadonlySet<string>, on: boolean): string {
  const matched = Object.entries(metric)
    .filter(([name]) => names.has(name) === on)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${matched.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(", ")}}`;
}

/** The first that explains all of the difference. */
export async function exemptionFor(
  culprit: Culprit,
  asking: Asking,
): Promise<Exemption | undefined> {
  for (const exemption of EXEMPTIONS)
    if (await exemption.explains(culprit, asking)) return exemption;
  return undefined;
}

/** Whether each group has the same values at each time, and only series that share one value were exchanged. */
function isTie(expr: Aggregation, theirs: Answer, mine: Answer): boolean {
  const groups = [theirs, mine].map((answer) => {
    const byGroup = new Map<string, Map<string, number>>();
    if (!("series" in answer)) return byGroup;
    for (const series of answer.series)
      for (const [seconds, value] of series.points) {
        const group = `${seconds} ${groupOf(expr, series.metric)}`;
        const members = byGroup.get(group) ?? new Map<string, number>();
        byGroup.set(group, members.set(keyOf(series), value));
      }
    return byGroup;
  });
  const [theirGroups = new Map(), ourGroups = new Map()] = groups;
  if (theirGroups.size === 0 || theirGroups.size !== ourGroups.size) return false;
  for (const [group, theirMembers] of theirGroups) {
    const ourMembers: Map<string, number> = ourGroups.get(group) ?? new Map();
    const exchanged = (from: Map<string, number>, to: Map<string, number>): number[] =>
      [...from].filter(([key]) => !to.has(key)).map(([, value]) => value);
    const values = [...exchanged(theirMembers, ourMembers), ...exchanged(ourMembers, theirMembers)];
    if (theirMembers.size !== ourMembers.size) return false;
    for (const [key, value] of theirMembers)
      if (!sameValue(value, ourMembers.get(key) ?? value, RELATIVE_TOLERANCE)) return false;
    const [first = 0] = values;
    if (!values.every((value) => sameValue(value, first, RELATIVE_TOLERANCE))) return false;
  }
  return true;
}

function groupOf(
  { grouping, without }: Aggregation,
  metric: Readonly<Record<string, string>>,
): string {
  const kept = Object.entries(metric).filter(([name]) =>
    without ? name !== "__name__" && !grouping.includes(name) : grouping.includes(name),
  );
  return JSON.stringify(kept.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Queries for the largest and the smallest of the terms of each sum; undefined where nothing is summed. */
function extremesOfTerms(expr: Expr, text: string): string[] | undefined {
  if (expr.kind === "aggregation" && SUMMING_AGGREGATIONS.has(expr.op))
    return ["max", "min"].map((op) => op + text.slice(expr.op.length));
  if (expr.kind !== "call" || !SUMMING_FUNCTIONS.has(expr.func)) return undefined;
  const range = expr.args.find(({ kind }) => kind === "matrix" || kind === "subquery");
  if (range === undefined) return undefined;
  return ["max_over_time", "min_over_time"].map((name) => `${name}(${textOf(text, expr, range)})`);
}

/** What a range query answers for one of its steps, as an instant query would. */
function momentOf(answer: Answer, time: number): Answer {
  if (!("series" in answer)) return answer;
  const series = answer.series.flatMap(({ metric, points }) => {
    const point = points.find(([seconds]) => seconds === time);
    return point === undefined ? [] : [{ metric, points: [point] }];
  });
  return { kind: "vector", series };
}

function roundedLabel(answer: Answer, label: string): Answer {
  if (!("series" in answer)) return answer;
  const series = answer.series.map(({ metric, points }) => {
    const value = Number(metric[label]);
    return Number.isFinite(value)
      ? { metric: { ...metric, [label]: value.toPrecision(12) }, points }
      : { metric, points };
  });
  return { ...answer, series };
}
