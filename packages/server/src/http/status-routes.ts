import { FUNCTIONS } from "@pharos/promql/syntax";
import type { PreviewedBlock } from "../threads/store-calls.ts";
import { type Answer, formatTime, success } from "./answer.ts";
import type { ApiDependencies } from "./dependencies.ts";
import { badData } from "./errors.ts";
import { parametersOf } from "./parameters.ts";

type StatusDependencies = Pick<ApiDependencies, "status" | "clock" | "lifecycle">;

const TSDB_LIST_LENGTH = 10;
const TSDB_LIST_LENGTH_MAX = 10_000;

/** `/api/v1/status/buildinfo`; also `/version`, without the envelope. */
export function buildInfo({ status }: StatusDependencies): Readonly<Record<string, string>> {
  const { version, revision, branch, buildUser, buildDate, runtimeVersion } = status.build;
  return { version, revision, branch, buildUser, buildDate, goVersion: runtimeVersion };
}

/** `/api/v1/status/runtimeinfo`. What only Go has is empty. */
export async function runtimeInfo({ status, clock }: StatusDependencies): Promise<Answer> {
  const info = await status.runtime();
  return success({
    startTime: formatTime(info.startTimeMs),
    CWD: info.workingDirectory,
    hostname: info.hostname,
    serverTime: formatTime(clock.nowMs()),
    reloadConfigSuccess: info.reloadConfigSuccess,
    lastConfigTime: formatTime(info.lastConfigTimeMs),
    corruptionCount: info.corruptionCount,
    goroutineCount: 0,
    GOMAXPROCS: info.processors,
    GOMEMLIMIT: 0,
    GOGC: "",
    GODEBUG: "",
    storageRetention: info.storageRetention,
  });
}

/** `/api/v1/status/config`. */
export function configText({ status }: StatusDependencies): Answer {
  return success({ yaml: status.configText() });
}

/** `/api/v1/status/flags`. */
export function flags({ status }: StatusDependencies): Answer {
  return success(status.flags());
}

/** `/api/v1/status/tsdb?limit`: what is in memory, and which names and labels make the most series. */
export async function tsdbStatus(
  request: Request,
  { status }: StatusDependencies,
): Promise<Answer> {
  const parameters = await parametersOf(request);
  const text = parameters.get("limit") ?? "";
  const limit = text === "" ? TSDB_LIST_LENGTH : Number(text);
  if (!/^\d*$/.test(text) || limit < 1) throw badData("limit must be a positive number");
  if (limit > TSDB_LIST_LENGTH_MAX) throw badData(`limit must not exceed ${TSDB_LIST_LENGTH_MAX}`);
  const { head, ...lists } = await status.tsdb(limit);
  return success({
    headStats: {
      numSeries: head.seriesCount,
      numLabelPairs: head.labelPairCount,
      chunkCount: head.chunkCount,
      minTime: head.minTimeMs,
      maxTime: head.maxTimeMs,
    },
    ...lists,
  });
}

/** `/api/v1/status/tsdb/blocks`: as Prometheus lists them; `tier` and `numBytes` are ours. */
export async function tsdbBlocks({ status }: StatusDependencies): Promise<Answer> {
  const blocks = (await status.blocks()).map((block) => ({
    ulid: block.name,
    minTime: block.minTimeMs,
    maxTime: block.maxTimeMs,
    stats: {
      numSamples: block.samples,
      numSeries: block.series,
      numChunks: block.chunks,
      numBytes: block.size,
    },
    // Prometheus counts how often a block was merged; here it is once, or not yet.
    compaction: { level: block.sources.length > 0 ? 2 : 1, sources: block.sources },
    version: block.version,
    tier: block.tier,
  }));
  return success({ blocks });
}

/** `/api/v1/status/tsdb/retention`: what would go now, were the configuration loaded again. Nothing does. */
export async function tsdbRetention({ status }: StatusDependencies): Promise<Answer> {
  const { remove, rewrite, expired } = await status.retention();
  const listed = ({ tier, path, rangeStartMs, rangeEndMs, size }: PreviewedBlock) => ({
    ...{ tier, path, minTime: rangeStartMs, maxTime: rangeEndMs, numBytes: size },
  });
  return success({
    numBytes: expired.reduce((sum, { size }) => sum + size, 0),
    expired: expired.map(({ tier, rule, series, samples, size }) => ({
      tier,
      // The place in the list `retention`; -1 for what no entry matches, null for what goes for the size limit.
      rule: rule ?? null,
      numSeries: series,
      numSamples: samples,
      numBytes: size,
    })),
    remove: remove.map(listed),
    rewrite: rewrite.map(listed),
  });
}

/** `/api/v1/status/walreplay`: the log has been read back; until then another answers (`answerStarting`). */
export function walReplay(): Answer {
  return success({ min: 0, max: 0, current: 0, state: "done" });
}

/** `/api/v1/features`: which of Prometheus's features there are, by part of the system. */
export function features({
  admin,
  lifecycle,
}: Pick<ApiDependencies, "admin" | "lifecycle">): Answer {
  return success({
    api: {
      admin: admin.control !== undefined,
      exclude_alerts: true,
      label_values_match: true,
      lifecycle: lifecycle.control !== undefined,
      openapi: true,
      openapi_3_1: true,
      openapi_3_2: true,
      otlp_write_receiver: false,
      query_columns: true,
      query_stats: true,
      query_warnings: true,
      remote_write_receiver: true,
      search: true,
      search_fuzz_alg_jarowinkler: true,
      search_fuzz_alg_subsequence: true,
      time_range_labels: true,
      time_range_series: true,
    },
    promql: {
      anchored: true,
      at_modifier: true,
      bool: true,
      by: true,
      delayed_name_removal: true,
      duration_expr: true,
      experimental_functions: true,
      fill: true,
      group_left: true,
      group_right: true,
      ignoring: true,
      negative_offset: true,
      offset: true,
      on: true,
      per_step_stats: true,
      smoothed: true,
      subqueries: true,
      without: true,
    },
    promql_functions: Object.fromEntries(
      Object.keys(FUNCTIONS)
        .sort()
        .map((name) => [name, true]),
    ),
    scrape: { native_histograms: false },
  });
}
