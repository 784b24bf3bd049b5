// Where an answer differs, the difference is looked for in the parts of the query, down to the smallest part that two
// servers answer differently though they agree on all there is inside it.
import { childrenOf, type Expr, parse } from "@pharos/promql/syntax";
import type { Answer, Times } from "./answer.ts";
import { differenceOf } from "./answer-difference.ts";

export interface Culprit {
  readonly expr: Expr;
  readonly text: string;
  readonly times: Times;
  readonly theirs: Answer;
  readonly mine: Answer;
  readonly difference: string;
}

type Ask = (query: string, times: Times) => Promise<Answer>;

/** The two servers: the whole query is asked of both, and then the parts in which they may differ. */
export interface Asking {
  readonly theirs: Ask;
  readonly ours: Ask;
}

/** The answers of both to one query. */
export type Answers = readonly [theirs: Answer, mine: Answer];

export function askBoth({ theirs, ours }: Asking, query: string, times: Times): Promise<Answers> {
  return Promise.all([theirs(query, times), ours(query, times)]);
}

/** The text of a part, by where it stands in the text of the whole, which begins where the whole does. */
export function textOf(text: string, whole: Expr, part: Expr): string {
  const from = part.span.start - whole.span.start;
  return text.slice(from, from + part.span.end - part.span.start);
}

/** The smallest part that is answered differently; undefined where the whole is answered alike. */
export async function findCulprit(
  asking: Asking,
  query: string,
  times: Times,
  answers?: Answers,
): Promise<Culprit | undefined> {
  const [theirs, mine] = answers ?? (await askBoth(asking, query, times));
  let expr: Expr;
  try {
    expr = parse(query);
  } catch {
    const difference = differenceOf(theirs, mine);
    if (difference === undefined) return undefined;
    // What cannot be parsed has no parts.
    const nothing: Expr = { kind: "string", value: query, span: { start: 0, end: query.length } };
    return { expr: nothing, text: query, times, theirs, mine, difference };
  }
  const difference = differenceOf(theirs, mine, { ordered: isOrdered(withoutParens(expr), times) });
  if (difference === undefined) return undefined;
  const inner = withoutParens(expr);
  for (const part of partsOf(inner)) {
    const found = await findCulprit(asking, textOf(query, expr, part.expr), part.timesOf(times));
    if (found !== undefined) return found;
  }
  return { expr: inner, text: textOf(query, expr, inner), times, theirs, mine, difference };
}

/** With the query's own start and end as numbers, so that a part of it may be asked at another time. */
export function pinned(text: string, times: Times): string {
  const [start, end] = startAndEnd(times);
  return text.replaceAll("@ start()", `@ ${start}`).replaceAll("@ end()", `@ ${end}`);
}

export function startAndEnd(times: Times): [start: number, end: number] {
  return times.kind === "instant" ? [times.time, times.time] : [times.start, times.end];
}

function withoutParens(expr: Expr): Expr {
  return expr.kind === "paren" ? withoutParens(expr.expr) : expr;
}

interface Part {
  readonly expr: Expr;
  readonly timesOf: (times: Times) => Times;
}

/** The parts that can be asked for by themselves. */
export function partsOf(expr: Expr): Part[] {
  const same = (times: Times): Times => times;
  return childrenOf(expr).flatMap((child): Part[] => {
    if (child.kind === "string" || child.kind === "number" || expr.kind === "matrix") return [];
    if (child.kind === "subquery")
      return [{ expr: child.expr, timesOf: (times) => subqueryTimes(child, times) }];
    if (child.kind === "matrix") return [{ expr: child, timesOf: endOf }];
    return [{ expr: child, timesOf: same }];
  });
}

/** A range vector is an answer to an instant query alone. */
function endOf(times: Times): Times {
  return times.kind === "instant" ? times : { kind: "instant", time: times.end };
}

/** The points of time at which a subquery evaluates what is inside. */
function subqueryTimes(expr: Extract<Expr, { kind: "subquery" }>, times: Times): Times {
  const [start, end] = startAndEnd(times);
  const step = (expr.stepMs ?? 60_000) / 1000;
  const at = expr.at?.kind === "time" ? expr.at.timestampMs / 1000 : undefined;
  const from = (at ?? start) - expr.offsetMs / 1000 - expr.rangeMs / 1000;
  return {
    kind: "range",
    start: Math.ceil(from / step) * step,
    end: (at ?? end) - expr.offsetMs / 1000,
    step,
  };
}

/** Whether the order of the series of an instant query is said by the query. */
function isOrdered(expr: Expr, times: Times): boolean {
  if (times.kind === "range") return false;
  if (expr.kind === "call") return expr.func === "sort" || expr.func === "sort_desc";
  return (
    expr.kind === "aggregation" &&
    (expr.op === "topk" || expr.op === "bottomk") &&
    expr.grouping.length === 0 &&
    !expr.without
  );
}
