import { OperatingError, parseDuration } from "@pharos/base";
import { parseTime } from "../http/parameters.ts";
import { type EstimatedCost, QueryClient } from "./query/query-client.ts";
import { resultChart } from "./query/result-chart.ts";
import { resultCsv } from "./query/result-csv.ts";
import { resultTable, table } from "./query/result-table.ts";

export interface QueryCommandOptions {
  readonly url: string;
  readonly time?: string;
  readonly range?: string;
  readonly step?: string;
  readonly timeout?: string;
  readonly format: "table" | "json" | "csv" | "chart";
  readonly explain?: true;
  readonly cost?: true;
}

const CHART_RANGE_MS = 3_600_000;
const WIDTH_DEFAULT = 80;
const CHART_TICKS = 4;
/** Without a step a range has about so many points. */
const POINTS_DEFAULT = 240;

/** The times of a query; a step of 0 is an instant query. */
interface Times {
  readonly startSeconds: number;
  readonly endSeconds: number;
  readonly stepSeconds: number;
}

/** `pharos query EXPR`: asks a running server. Exit code 1 where the query fails, 2 for a wrong call. */
export async function query(expr: string, options: QueryCommandOptions): Promise<void> {
  try {
    await ask(expr, options);
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    process.stderr.write(`pharos: ${error.message}\n${pointedAt(expr, error.message)}`);
    // What is wrong with the call itself, as for a flag that there is not.
    process.exitCode = error.code === "input.invalid" ? 2 : 1;
  }
}

async function ask(expr: string, options: QueryCommandOptions): Promise<void> {
  const client = new QueryClient(options.url);
  const times = timesOf(options);
  const isRange = times.stepSeconds > 0;
  const form = {
    query: expr,
    ...(isRange
      ? {
          start: String(times.startSeconds),
          end: String(times.endSeconds),
          step: String(times.stepSeconds),
        }
      : { time: String(times.endSeconds) }),
    ...(options.timeout === undefined ? {} : { timeout: options.timeout }),
  };
  if (options.explain === true) {
    const text = await client.explain(form);
    process.stdout.write(text.endsWith("\n") ? text : `${text}\n`);
    return;
  }
  if (options.cost === true) {
    const cost = await client.cost(isRange ? "query_range_cost" : "query_cost", form);
    for (const warning of cost.warnings) process.stderr.write(`warning: ${warning}\n`);
    process.stdout.write(costTable(cost));
    return;
  }
  const { data, warnings, infos } = await client.query(isRange ? "query_range" : "query", form);
  for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`);
  for (const info of infos) process.stderr.write(`info: ${info}\n`);
  switch (options.format) {
    case "table":
      process.stdout.write(resultTable(data));
      break;
    case "json":
      process.stdout.write(`${JSON.stringify(data, undefined, 2)}\n`);
      break;
    case "csv":
      for (const line of resultCsv(data)) process.stdout.write(line);
      break;
    case "chart":
      process.stdout.write(resultChart(data, { ...times, ...terminal() }));
      break;
  }
}

/** @throws OperatingError `input.invalid`. */
function timesOf({ time, range, step, format }: QueryCommandOptions): Times {
  const endMs = time === undefined ? Date.now() : parseTime(time);
  if (endMs === undefined)
    throw new OperatingError("input.invalid", `--time ${time}: want Unix seconds or RFC 3339`);
  const endSeconds = endMs / 1000;
  const rangeMs = range === undefined ? undefined : durationOf("--range", range);
  if (rangeMs === undefined && step !== undefined && format !== "chart")
    throw new OperatingError("input.invalid", "--step is for a range: say how long with --range");
  // A chart of one moment shows nothing.
  const lengthMs = rangeMs ?? (format === "chart" ? CHART_RANGE_MS : 0);
  if (lengthMs === 0) return { startSeconds: endSeconds, endSeconds, stepSeconds: 0 };
  const stepMs =
    step === undefined
      ? Math.max(1000, Math.ceil(lengthMs / POINTS_DEFAULT / 1000) * 1000)
      : durationOf("--step", step);
  return {
    startSeconds: (endMs - lengthMs) / 1000,
    endSeconds,
    stepSeconds: stepMs / 1000,
  };
}

function durationOf(flag: string, text: string): number {
  const ms = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : parseDuration(text);
  if (ms !== undefined && ms > 0) return ms;
  throw new OperatingError("input.invalid", `${flag} ${text}: want a duration such as 5m or 1h30m`);
}

function terminal(): { readonly width: number; readonly ticks: number; readonly colors: boolean } {
  const { stdout, env } = process;
  const width = stdout.columns ?? Number(env["COLUMNS"] || WIDTH_DEFAULT);
  const colors = stdout.isTTY === true && !env["NO_COLOR"] && env["TERM"] !== "dumb";
  return {
    width: Number.isInteger(width) && width > 0 ? width : WIDTH_DEFAULT,
    ticks: CHART_TICKS,
    colors,
  };
}

function costTable({ estimate, selectors }: EstimatedCost): string {
  const cells = ({ seriesTouched, samplesRead, bytes }: typeof estimate): readonly string[] =>
    [seriesTouched, samplesRead, bytes].map((count) => count.toLocaleString("en-US"));
  const rows = selectors.map((one) => [one.selector, ...cells(one)]);
  const total = rows.length === 1 ? [] : [["in all", ...cells(estimate)]];
  return table(["selector", "series", "samples", "bytes"], [...rows, ...total], 1);
}

/** The line of the expression that a message names, with a mark under the place; nothing where it names none. */
function pointedAt(expr: string, message: string): string {
  const [, line, column] = /(?:^|[\s:])(\d+):(\d+): parse error/.exec(message) ?? [];
  const text = expr.split("\n")[Number(line) - 1];
  if (text === undefined) return "";
  const before = text.slice(0, Number(column) - 1).replaceAll(/[^\t]/g, " ");
  return `  ${text}\n  ${before}^\n`;
}
