import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { useApi } from "./api-context.ts";
import type { Answer } from "./api-transport.ts";
import type { InstantResult, RangeResult } from "./query-result.ts";
import type { Interval } from "./time-range.ts";

/** What a panel shows of its query. */
export interface QueryView<T> {
  /** The newest answer; an older one of the same expression while a newer is awaited, or where it failed. */
  readonly answer: T | undefined;
  /** Whether `answer` is not (yet) what was asked for. */
  readonly stale: boolean;
  readonly loading: boolean;
  readonly error: unknown;
}

/** A range answer with the interval it was asked for. */
export type RangeAnswer = Answer<RangeResult> & { readonly interval: Interval };

const FOREVER = Number.POSITIVE_INFINITY;

/** Runs a range query; `interval` is aligned to the step. Nothing runs for an empty expression. */
export function useRangeQuery(
  expr: string,
  interval: Interval,
  stepMs: number,
  enabled: boolean,
): QueryView<RangeAnswer> {
  const api = useApi();
  const { fromMs, toMs } = interval;
  const query = useQuery({
    queryKey: ["query_range", expr, fromMs, toMs, stepMs],
    queryFn: async ({ signal }) => ({
      ...(await api.queryRange(expr, { fromMs, toMs }, stepMs, signal)),
      interval: { fromMs, toMs },
    }),
    enabled: enabled && expr !== "",
    staleTime: FOREVER,
    placeholderData: keepPreviousData,
  });
  return useKept(expr, query);
}

/** Runs an instant query at `timestampMs`. */
export function useInstantQuery(
  expr: string,
  timestampMs: number,
  enabled: boolean,
): QueryView<Answer<InstantResult>> {
  const api = useApi();
  const query = useQuery({
    queryKey: ["query", expr, timestampMs],
    queryFn: ({ signal }) => api.query(expr, timestampMs, signal),
    enabled: enabled && expr !== "",
    staleTime: FOREVER,
    placeholderData: keepPreviousData,
  });
  return useKept(expr, query);
}

/** Asks how a range query would be answered. */
export function useExplanation(
  expr: string,
  interval: Interval,
  stepMs: number,
  enabled: boolean,
): QueryView<Answer<string>> {
  const api = useApi();
  const { fromMs, toMs } = interval;
  const query = useQuery({
    queryKey: ["query_explain", expr, fromMs, toMs, stepMs],
    queryFn: ({ signal }) => api.explainRange(expr, { fromMs, toMs }, stepMs, signal),
    enabled: enabled && expr !== "",
    staleTime: FOREVER,
    placeholderData: keepPreviousData,
  });
  return useKept(expr, query);
}

/** The last good answer of an expression survives a failed refresh: half a chart helps more than none. */
function useKept<T>(
  expr: string,
  query: {
    data: T | undefined;
    isPlaceholderData: boolean;
    isFetching: boolean;
    error: unknown;
    isError: boolean;
  },
): QueryView<T> {
  const kept = useRef<{ expr: string; answer: T } | undefined>(undefined);
  const fresh = query.data !== undefined && !query.isPlaceholderData && !query.isError;
  useEffect(() => {
    if (fresh && query.data !== undefined) kept.current = { expr, answer: query.data };
  });
  const old = kept.current?.expr === expr ? kept.current.answer : undefined;
  return {
    answer: fresh ? query.data : old,
    stale: !fresh,
    loading: query.isFetching,
    error: query.isError ? query.error : undefined,
  };
}
