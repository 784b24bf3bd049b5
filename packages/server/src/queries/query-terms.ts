import { formatDuration } from "@pharos/base";
import type { Limit, QueryLimits } from "@pharos/promql/engine";
import { badData, invalidParameter } from "../http/errors.ts";
import { durationParameter } from "../http/parameters.ts";

/** What each query may take, as options and configuration say. */
export interface QueryCeilings {
  readonly timeout: Limit;
  readonly samples: Limit;
  readonly memorySize: Limit;
  /** Absent for no limit, as the following. */
  readonly series?: Limit;
  readonly samplesRead?: Limit;
  /** Bytes of an answer. */
  readonly answerSize?: Limit;
  /** A query that reads more samples is answered with a warning. */
  readonly warnSamplesRead?: Limit;
}

/** What one query may take: plain data, for another thread. */
export interface QueryTerms {
  readonly timeoutMs: number;
  /** What changes the timeout. */
  readonly timeoutSetting: string;
  readonly limits: QueryLimits;
  readonly answerSize?: Limit;
  readonly warnSamplesRead?: Limit;
  /** How long it waited for its turn. */
  readonly waitedMs: number;
}

/**
 * The terms of a request: those of the server, or tighter ones that it asks for by `max_series`, `max_samples_read`,
 * `max_query_duration` and `timeout`.
 *
 * @throws OperatingError `input.invalid`, also for what is above the server's limit; but `timeout`, as Prometheus has it,
 * is the lower of both then.
 */
export function queryTerms(parameters: URLSearchParams, ceilings: QueryCeilings): QueryTerms {
  const { timeout, samples, memorySize, answerSize, warnSamplesRead } = ceilings;
  const series = ceiling(parameters, ["max_series"], ceilings.series);
  // The second name is what an earlier draft of Prometheus's called it.
  const names = ["max_samples_read", "max_samples_scanned"] as const;
  const samplesRead = ceiling(parameters, names, ceilings.samplesRead);
  let [timeoutMs, timeoutSetting] = [timeout.max, timeout.setting];
  for (const name of ["max_query_duration", "timeout"] as const) {
    const askedMs = durationParameter(parameters, name);
    if (askedMs === undefined) continue;
    if (name === "max_query_duration" && askedMs > timeout.max)
      throw invalidParameter(
        name,
        `${formatDuration(askedMs)} is above the limit of ${formatDuration(timeout.max)} (${timeout.setting})`,
      );
    if (name === "max_query_duration" && askedMs <= 0) continue; // Not given, as 0 for the others.
    if (askedMs >= timeoutMs) continue;
    [timeoutMs, timeoutSetting] = [Math.max(0, askedMs), name];
  }
  return {
    timeoutMs,
    timeoutSetting,
    limits: {
      ...{ samples, memorySize },
      ...(series === undefined ? {} : { series }),
      ...(samplesRead === undefined ? {} : { samplesRead }),
    },
    ...(answerSize === undefined ? {} : { answerSize }),
    ...(warnSamplesRead === undefined ? {} : { warnSamplesRead }),
    waitedMs: 0,
  };
}

/** The limit that a request asks for, if it is tighter than the server's. 0 asks for nothing. */
function ceiling(
  parameters: URLSearchParams,
  names: readonly string[],
  server: Limit | undefined,
): Limit | undefined {
  for (const name of names) {
    const text = parameters.get(name) ?? "";
    if (text === "") continue;
    if (!/^\d{1,15}$/.test(text))
      throw invalidParameter(name, `want a whole number, got "${text}"`);
    const max = Number(text);
    if (max === 0) continue;
    if (server !== undefined && max > server.max)
      throw badData(
        `invalid parameter "${name}": ${max} is above the limit of ${server.max} (${server.setting})`,
      );
    return { max, setting: name };
  }
  return server;
}
