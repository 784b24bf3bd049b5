import type { Limit } from "@pharos/promql/engine";
import type { QueryConfig } from "../config/config.ts";
import { SERVE_OPTIONS, type ServeOptions } from "../options.ts";
import type { QueryCeilings } from "./query-terms.ts";

/** What each query may take: what the configuration says, where it does, and else the options. */
export function queryCeilings(options: ServeOptions, config: QueryConfig): QueryCeilings {
  const { seriesMax, samplesReadMax, durationMsMax } = config;
  const series =
    above0(seriesMax, "global.query_max_series") ?? optionLimit(options, "querySeriesMax");
  const samplesRead =
    above0(samplesReadMax, "global.query_max_samples_read") ??
    optionLimit(options, "querySamplesReadMax");
  const answerSize = optionLimit(options, "queryAnswerSizeMax");
  const warnSamplesRead = optionLimit(options, "queryWarnSamples");
  return {
    timeout: above0(durationMsMax, "global.query_max_duration") ?? {
      max: options.queryTimeoutMs,
      setting: SERVE_OPTIONS.queryTimeoutMs.flag,
    },
    samples: { max: options.querySamplesMax, setting: SERVE_OPTIONS.querySamplesMax.flag },
    memorySize: { max: options.queryMemorySizeMax, setting: SERVE_OPTIONS.queryMemorySizeMax.flag },
    ...(series === undefined ? {} : { series }),
    ...(samplesRead === undefined ? {} : { samplesRead }),
    ...(answerSize === undefined ? {} : { answerSize }),
    ...(warnSamplesRead === undefined ? {} : { warnSamplesRead }),
  };
}

function above0(max: number, setting: string): Limit | undefined {
  return max > 0 ? { max, setting } : undefined;
}

function optionLimit(
  options: ServeOptions,
  key: "querySeriesMax" | "querySamplesReadMax" | "queryAnswerSizeMax" | "queryWarnSamples",
): Limit | undefined {
  return above0(options[key], SERVE_OPTIONS[key].flag);
}
