import { QUERY_COLUMNS_TYPE } from "@pharos/api/columns";
import { ApiError } from "./api-error.ts";
import {
  type Answer,
  type ApiEnvironment,
  type ApiTransport,
  createApiTransport,
} from "./api-transport.ts";
import type { Json } from "./json-reader.ts";
import {
  type InstantResult,
  type RangeResult,
  readInstantResult,
  readRangeResult,
} from "./query-result.ts";
import { type RuleGroup, readRuleGroups } from "./rule-state.ts";
import { readTargets, type Targets } from "./target-state.ts";
import type { Interval } from "./time-range.ts";

/** Name and value pairs for people to read, in the order of the server. */
export type Facts = readonly (readonly [name: string, value: string])[];

export interface TsdbStatus {
  readonly head: Facts;
  /** In ms; undefined in an empty head. */
  readonly headMinTimeMs: number | undefined;
  readonly tops: readonly { readonly title: string; readonly rows: Facts }[];
}

/** The server, as this page needs it. Every method rejects with `ApiError`, or with the signal's reason. */
export interface ApiClient {
  /** For what only one of the pages asks: its file has the requests. */
  readonly transport: ApiTransport;
  /** Evaluates at one instant, or at the server's now. */
  query(
    expr: string,
    timestampMs: number | undefined,
    signal: AbortSignal,
  ): Promise<Answer<InstantResult>>;
  /** Evaluates at both ends of the interval and each step between. */
  queryRange(
    expr: string,
    interval: Interval,
    stepMs: number,
    signal: AbortSignal,
  ): Promise<Answer<RangeResult>>;
  /** How the server would answer `queryRange`, in words; nothing is evaluated. */
  explainRange(
    expr: string,
    interval: Interval,
    stepMs: number,
    signal: AbortSignal,
  ): Promise<Answer<string>>;
  rules(signal: AbortSignal): Promise<RuleGroup[]>;
  targets(signal: AbortSignal): Promise<Targets>;
  buildInfo(signal: AbortSignal): Promise<Facts>;
  runtimeInfo(signal: AbortSignal): Promise<Facts>;
  flags(signal: AbortSignal): Promise<Facts>;
  configYaml(signal: AbortSignal): Promise<string>;
  tsdbStatus(signal: AbortSignal): Promise<TsdbStatus>;
  /** The blocks on disk by tier, the finest first. */
  tsdbTiers(signal: AbortSignal): Promise<readonly TierBlocks[]>;
  /** The server's clock, as far as its answers tell; this browser's until the first of them. */
  nowMs(): number;
}

/** The blocks of a tier together: `raw` for samples, else rows of rollups. */
export interface TierBlocks {
  readonly tier: string;
  readonly blocks: number;
  readonly samples: number;
  /** In bytes. */
  readonly size: number;
  readonly minTimeMs: number;
  readonly maxTimeMs: number;
}

const TSDB_TOPS = [
  ["seriesCountByMetricName", "Series by metric name"],
  ["labelValueCountByLabelName", "Values by label name"],
  ["memoryInBytesByLabelName", "Bytes by label name"],
  ["seriesCountByLabelValuePair", "Series by label and value"],
] as const;

export function createApiClient(environment: ApiEnvironment): ApiClient {
  const transport = createApiTransport(environment);
  const send = (path: string, form: Record<string, string> | undefined, signal: AbortSignal) =>
    transport.send(`v1/${path}`, form === undefined ? undefined : { form }, signal);

  const facts = async (path: string, signal: AbortSignal): Promise<Facts> =>
    factsOf((await send(path, undefined, signal)).data);

  return {
    transport,
    nowMs: transport.nowMs,

    async query(expr, timestampMs, signal) {
      const form = {
        query: expr,
        ...(timestampMs === undefined ? {} : { time: seconds(timestampMs) }),
      };
      const answer = await send("query", form, signal);
      return { ...answer, data: readInstantResult(answer.data) };
    },

    async queryRange(expr, interval, stepMs, signal) {
      const startedMs = environment.monotonicMs();
      const body = new URLSearchParams(rangeForm(expr, interval, stepMs));
      const headers = { Accept: QUERY_COLUMNS_TYPE };
      const response = await transport.ask(
        "v1/query_range",
        { method: "POST", body, headers },
        signal,
      );
      if (response.headers.get("Content-Type") !== QUERY_COLUMNS_TYPE) {
        await transport.readAnswer(response, startedMs, signal);
        throw new ApiError("unexpected", response.status, "The server answered no columns.");
      }
      const { warnings, infos, ...data } = readRangeResult(await readBytes(response, signal));
      return { data, warnings, infos, tookMs: environment.monotonicMs() - startedMs };
    },

    async explainRange(expr, interval, stepMs, signal) {
      const answer = await send("query_explain", rangeForm(expr, interval, stepMs), signal);
      return { ...answer, data: answer.data.get("text").text() };
    },

    async rules(signal) {
      return readRuleGroups((await send("rules", undefined, signal)).data);
    },

    async targets(signal) {
      return readTargets((await send("targets", undefined, signal)).data);
    },

    buildInfo: (signal) => facts("status/buildinfo", signal),
    runtimeInfo: (signal) => facts("status/runtimeinfo", signal),
    flags: (signal) => facts("status/flags", signal),

    async configYaml(signal) {
      return (await send("status/config", undefined, signal)).data.get("yaml").text();
    },

    async tsdbTiers(signal) {
      const { data } = await send("status/tsdb/blocks", undefined, signal);
      const tiers = new Map<string, TierBlocks>();
      for (const block of data.get("blocks").list()) {
        const stats = block.get("stats");
        const tier = block.get("tier").text();
        const before = tiers.get(tier);
        tiers.set(tier, {
          tier,
          blocks: (before?.blocks ?? 0) + 1,
          samples: (before?.samples ?? 0) + stats.get("numSamples").number(),
          size: (before?.size ?? 0) + stats.get("numBytes").number(),
          minTimeMs: Math.min(before?.minTimeMs ?? Infinity, block.get("minTime").number()),
          maxTimeMs: Math.max(before?.maxTimeMs ?? -Infinity, block.get("maxTime").number()),
        });
      }
      return [...tiers.values()];
    },

    async tsdbStatus(signal) {
      const { data } = await send("status/tsdb", undefined, signal);
      const minTimeMs = data.get("headStats").get("minTime").numberOr(Number.MAX_SAFE_INTEGER);
      return {
        head: factsOf(data.get("headStats")),
        // An empty head answers with the largest 64-bit integer.
        headMinTimeMs: minTimeMs < Number.MAX_SAFE_INTEGER ? minTimeMs : undefined,
        tops: TSDB_TOPS.map(([key, title]) => ({
          title,
          rows: data
            .get(key)
            .list()
            .map((row) => [row.get("name").text(), String(row.get("value").number())] as const),
        })),
      };
    },
  };
}

async function readBytes(response: Response, signal: AbortSignal): Promise<Uint8Array> {
  try {
    return new Uint8Array(await response.arrayBuffer());
  } catch {
    signal.throwIfAborted();
    throw new ApiError("unreachable", 0, "The server's answer broke off.");
  }
}

function rangeForm(expr: string, interval: Interval, stepMs: number): Record<string, string> {
  return {
    query: expr,
    start: seconds(interval.fromMs),
    end: seconds(interval.toMs),
    step: seconds(stepMs),
  };
}

function seconds(ms: number): string {
  return String(ms / 1000);
}

function factsOf(data: Json): Facts {
  const { value } = data;
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).map(([name, item]) => [
    name,
    typeof item === "string" ? item : JSON.stringify(item),
  ]);
}
