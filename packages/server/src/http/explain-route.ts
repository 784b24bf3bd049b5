import type { PlanPart } from "@pharos/api";
import type { PlanNode, PlannedSelection } from "@pharos/promql/engine";
import { type Answer, success } from "./answer.ts";
import { optionalBoolean } from "./parameters.ts";
import { estimateData } from "./query-evaluation.ts";
import { askedExpression, type QueryDependencies, queryOptions } from "./query-routes.ts";
import type { ReadRequest } from "./read-request.ts";

/**
 * `/api/v1/query_explain`, with the parameters of `query`, or of `query_range` where there is a `step`: how the query is
 * evaluated, as a tree and as text for people. With `analyze` it is evaluated, too, to say what it takes.
 */
export async function queryExplain(
  request: ReadRequest,
  dependencies: QueryDependencies,
): Promise<Answer> {
  const { engine, store, clock, observe } = dependencies;
  const parameters = request.parameters;
  const analyzes = optionalBoolean(parameters, "analyze", false);
  const options = { ...queryOptions(request, parameters, dependencies), analyzes };
  const { expr, range } = askedExpression(parameters, clock.nowMs());
  const startedMs = clock.monotonicMs();
  const { root, text, estimate, stats, warnings } = await engine.explain(
    ...([store, expr, range, options] as const),
  );
  if (stats !== undefined) observe?.({ evaluatedMs: clock.monotonicMs() - startedMs, stats });
  return success(
    {
      text,
      plan: planData(root),
      ...(estimate === undefined ? {} : { estimate: estimateData(estimate) }),
      ...(stats === undefined
        ? {}
        : {
            actual: {
              seriesTouched: stats.seriesRead,
              samplesRead: stats.samplesRead,
              peakSamples: stats.samplesPeak,
            },
          }),
    },
    { warnings },
  );
}

function planData(node: PlanNode): PlanPart {
  const { operation, steps, evaluated, pushedDown, selection, actual, inputs } = node;
  return {
    ...{ operation, steps, evaluated, pushedDown },
    ...(selection === undefined ? {} : { selection: selectionData(selection) }),
    ...(actual === undefined
      ? {}
      : { actual: { elapsedSeconds: actual.elapsedMs / 1000, series: actual.series } }),
    inputs: inputs.map(planData),
  };
}

function selectionData(selection: PlannedSelection): NonNullable<PlanPart["selection"]> {
  const { selector, inferredMatchers, range, reads, sharedWith, estimate, actual } = selection;
  return {
    selector,
    inferredMatchers: [...inferredMatchers],
    start: range.minMs / 1000,
    end: range.maxMs / 1000,
    reads: reads.map((read) => ({
      from: read.from,
      ...(read.reason === undefined ? {} : { reason: read.reason }),
      start: read.firstStepMs / 1000,
      end: read.lastStepMs / 1000,
      steps: read.steps,
    })),
    sharedWith,
    ...(estimate === undefined ? {} : { estimate: estimateData(estimate) }),
    ...(actual === undefined
      ? {}
      : { actual: { seriesTouched: actual.series, samplesRead: actual.samples } }),
  };
}
