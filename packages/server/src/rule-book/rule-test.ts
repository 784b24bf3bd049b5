import {
  type Alert,
  alertTexts,
  type CompiledAlertingRule,
  compileRule,
  type ReplayRouting,
  type RuleEnvironment,
  type RuleGroup,
  RuleReplay,
  type RuleVector,
  TemplateQueries,
} from "@pharos/alert";
import { queryDataSchema } from "@pharos/api";
import { decodeQueryColumns, type GridSeries, QUERY_COLUMNS_TYPE } from "@pharos/api/columns";
import {
  type Clock,
  errorText,
  type Labels,
  labelsFrom,
  labelsKey,
  NO_LABELS,
  OperatingError,
} from "@pharos/base";
import type { Answer } from "../http/answer.ts";
import type { Client } from "../http/client.ts";
import { ReadRequest } from "../http/read-request.ts";
import { READ_PATHS } from "../http/read-routes.ts";
import { channelsOfGroups } from "./rule-feed.ts";

/** Evaluations of a replay; over a longer time they are further apart. */
export const REPLAY_STEPS_MAX = 100_000;
/** The longest replay. */
export const REPLAY_RANGE_MS_MAX = 366 * 24 * 60 * 60_000;
/** Intervals that are listed of a replay. */
export const REPLAY_INTERVALS_MAX = 1000;
/** Alerts of all evaluations of a replay together: what it may take of the thread that answers everybody. */
const REPLAY_WORK_MAX = 5_000_000;
/** Evaluations that are asked for at once; range queries have at most 11,000. */
const CHUNK_STEPS_MAX = 10_000;
/** Others have their turn after so many alerts that were looked at. */
const TURN_WORK = 2000;
/** To look whether so many series have a value takes about as long as an alert. */
const SERIES_OF_ALERT = 100;
/** Bytes of the result of one chunk. */
const RESULT_SIZE_MAX = 256 * 1024 * 1024;

export interface RuleTestSurroundings {
  readonly clock: Clock;
  readonly read: (request: ReadRequest, client?: Client) => Promise<Answer>;
  readonly externalLabels: () => Labels;
  readonly externalUrl: string;
  /** How alerts are routed now, and would be if these channels were named. */
  readonly routing: (channels: readonly string[]) => ReplayRouting;
  /** Lets whatever else waits have its turn. */
  readonly turn: () => Promise<void>;
}

/** What was read, and for how long. */
export interface ReadCost {
  readonly estimated: { readonly series: number; readonly samples: number };
  readonly actual: { readonly series: number; readonly samples: number };
  readonly seconds: number;
}

export interface RuleTestRun {
  readonly replay: RuleReplay;
  /** What the expression gave at the end. */
  readonly last: RuleVector;
  readonly startMs: number;
  readonly endMs: number;
  readonly stepMs: number;
  readonly cost: ReadCost;
  readonly warnings: readonly string[];
}

interface RangeResult {
  readonly startMs: number;
  readonly count: number;
  readonly series: readonly GridSeries[];
  readonly warnings: readonly string[];
  readonly read: { readonly series: number; readonly samples: number };
}

/** Runs rules over what is stored, without keeping anything: nothing is written, and nobody is told. */
export class RuleTester {
  readonly #surroundings: RuleTestSurroundings;

  constructor(surroundings: RuleTestSurroundings) {
    this.#surroundings = surroundings;
  }

  /**
   * Evaluates the alerting rule of a group at the times up to `endMs` that its interval gives, over `rangeMs`.
   *
   * @throws OperatingError of queries; `query.over_limit` for more than a replay may take; `input.invalid`.
   */
  async run(
    group: RuleGroup,
    rangeMs: number,
    endMs: number,
    caller: {
      readonly client: Client | undefined;
      readonly headers: Readonly<Record<string, string>>;
      readonly signal: AbortSignal;
    },
  ): Promise<RuleTestRun> {
    const { clock, routing } = this.#surroundings;
    const compiled = compiledRule(group);
    const { rule } = compiled;
    const startedMs = clock.monotonicMs();
    const stepMs = Math.max(group.intervalMs, Math.ceil(rangeMs / REPLAY_STEPS_MAX / 1000) * 1000);
    const steps = Math.max(1, Math.floor(rangeMs / stepMs) + 1);
    const replay = new RuleReplay(compiled, {
      ...this.#environment(group),
      ...{ routing: routing(channelsOfGroups([group])), intervalsMax: REPLAY_INTERVALS_MAX },
    });
    const startMs = endMs - (steps - 1) * stepMs;
    const times = {
      startMs: startMs - group.queryOffsetMs,
      endMs: endMs - group.queryOffsetMs,
      stepMs,
    };
    const estimated = await this.#estimate(rule.expr, times, caller);
    const warnings = new Set<string>();
    let [series, samples, work] = [0, 0, 0];
    let last: RuleVector = { labels: [], values: [] };
    for (let done = 0; done < steps; done += CHUNK_STEPS_MAX) {
      const count = Math.min(CHUNK_STEPS_MAX, steps - done);
      const chunkStartMs = times.startMs + done * stepMs;
      const result = await this.#range(rule.expr, { startMs: chunkStartMs, stepMs, count }, caller);
      for (const warning of result.warnings) warnings.add(warning);
      series = Math.max(series, result.read.series);
      samples += result.read.samples;
      const chunk = new ChunkVectors(result);
      let sinceTurn = 0;
      for (let at = 0; at < count; at++) {
        const isLast = done + at === steps - 1;
        const vector = chunk.next();
        if (isLast) last = vector;
        const alerts = replay.step(startMs + (done + at) * stepMs, vector, isLast);
        work += alerts;
        sinceTurn += alerts + 1 + result.series.length / SERIES_OF_ALERT;
        if (work > REPLAY_WORK_MAX)
          throw new OperatingError(
            "query.over_limit",
            `the rule has more than ${REPLAY_WORK_MAX} alerts in all evaluations together; replay a shorter time`,
          );
        if (sinceTurn < TURN_WORK) continue;
        sinceTurn = 0;
        await this.#surroundings.turn();
        caller.signal.throwIfAborted();
      }
    }
    replay.end(endMs);
    const { count, firstError } = replay.failures;
    if (firstError !== undefined) warnings.add(`${count} evaluations fail: ${firstError}`);
    const seconds = (clock.monotonicMs() - startedMs) / 1000;
    const cost = { estimated, actual: { series, samples }, seconds };
    return { replay, last, startMs, endMs, stepMs, cost, warnings: [...warnings] };
  }

  /**
   * The alerts that are pending or firing at the end of a run, with what their annotations ask of the store. Alerts whose
   * labels ask, too, stay as the run left them: those of its evaluations had no answers, and so were others.
   *
   * @throws OperatingError `input.invalid`.
   */
  async alerts(
    group: RuleGroup,
    { replay, last, endMs }: RuleTestRun,
    caller: Parameters<RuleTester["run"]>[3],
  ): Promise<readonly Alert[]> {
    const rule = compiledRule(group);
    const environment = this.#environment(group);
    const queries = new TemplateQueries();
    for (;;) {
      const texts = alertTexts(rule, last, endMs, { ...environment, query: queries.ask });
      const open = queries.takeOpen();
      if (open.length === 0)
        return replay.alerts.map((alert) => {
          const annotations = texts?.get(labelsKey(alert.labels));
          return annotations === undefined ? alert : { ...alert, annotations };
        });
      for (const expr of open) {
        try {
          queries.answer(expr, await this.#instant(expr, endMs, caller));
        } catch (error) {
          if (!(error instanceof OperatingError)) throw error;
          queries.fail(expr, errorText(error));
        }
      }
    }
  }

  #environment({ limit }: RuleGroup): RuleEnvironment {
    const { externalLabels, externalUrl } = this.#surroundings;
    return { limit, externalLabels: externalLabels(), externalUrl };
  }

  async #instant(
    query: string,
    timeMs: number,
    caller: Parameters<RuleTester["run"]>[3],
  ): Promise<RuleVector> {
    const form = { query, time: String(timeMs / 1000) };
    const data = await this.#json(READ_PATHS.instantQuery, form, caller);
    const { resultType, result } = queryDataSchema.parse(data);
    if (resultType === "scalar") return { labels: [NO_LABELS], values: [sampleValue(result[1])] };
    if (resultType !== "vector")
      throw new OperatingError("query.failed", "query result is not a vector or scalar");
    return {
      labels: result.map(({ metric }) => labelsFrom(metric)),
      values: result.map((one) => ("value" in one ? sampleValue(one.value[1]) : 0)),
    };
  }

  /** The names of labels that series of a metric have had of late; undefined where there are none. */
  async labelNames(
    metric: string,
    caller: Parameters<RuleTester["run"]>[3],
  ): Promise<ReadonlySet<string> | undefined> {
    const start = String((this.#surroundings.clock.nowMs() - LABELS_RANGE_MS) / 1000);
    const form = { "match[]": `{__name__=${JSON.stringify(metric)}}`, start };
    const names = await this.#json(READ_PATHS.labelNames, form, caller);
    const list = Array.isArray(names) ? names.map(String) : [];
    return list.length === 0 ? undefined : new Set(list);
  }

  async #estimate(
    expr: string,
    { startMs, endMs, stepMs }: { startMs: number; endMs: number; stepMs: number },
    caller: Parameters<RuleTester["run"]>[3],
  ): Promise<ReadCost["estimated"]> {
    // Evaluated in pieces, each of which has so many steps at most.
    const form = {
      ...rangeForm(expr, startMs, endMs, Math.max(stepMs, (endMs - startMs) / CHUNK_STEPS_MAX)),
    };
    const data = await this.#json(READ_PATHS.queryRangeCost, form, caller);
    const estimate = member(data, "estimate");
    return {
      series: numberOf(member(estimate, "seriesTouched")),
      samples: numberOf(member(estimate, "samplesRead")),
    };
  }

  async #range(
    expr: string,
    { startMs, stepMs, count }: { startMs: number; stepMs: number; count: number },
    caller: Parameters<RuleTester["run"]>[3],
  ): Promise<RangeResult> {
    const endMs = startMs + (count - 1) * stepMs;
    const form = { ...rangeForm(expr, startMs, endMs, stepMs), stats: "true" };
    const answer = await this.#ask(READ_PATHS.rangeQuery, form, caller, QUERY_COLUMNS_TYPE);
    const decoded = decodeQueryColumns(answer);
    if (decoded.resultType !== "matrix")
      throw new OperatingError("input.invalid", "the expression is no vector and no scalar");
    const samples = member(decoded.stats, "samples");
    return {
      ...{ startMs, count },
      series: decoded.grid === undefined ? [] : decoded.series,
      warnings: decoded.warnings,
      read: {
        series: numberOf(member(samples, "seriesTouched")),
        samples: numberOf(member(samples, "samplesRead")),
      },
    };
  }

  async #json(
    path: string,
    form: Readonly<Record<string, string>>,
    caller: Parameters<RuleTester["run"]>[3],
  ): Promise<unknown> {
    const bytes = await this.#ask(path, form, caller, "application/json");
    return member(JSON.parse(new TextDecoder().decode(bytes)), "data");
  }

  /** @throws OperatingError with what the answer says, where it is an error. */
  async #ask(
    path: string,
    form: Readonly<Record<string, string>>,
    { client, headers, signal }: Parameters<RuleTester["run"]>[3],
    accept: string,
  ): Promise<Uint8Array> {
    const request = new ReadRequest({
      ...{ method: "POST", target: path, signal },
      headers: { ...headers, accept, "content-type": "application/x-www-form-urlencoded" },
      body: new TextEncoder().encode(new URLSearchParams(form).toString()),
    });
    const answer = await this.#surroundings.read(request, client);
    const bytes = await bytesOf(answer);
    if (answer.status === 200) return bytes;
    const said = member(JSON.parse(new TextDecoder().decode(bytes)), "error");
    const code = answer.status === 400 ? "query.invalid" : "query.failed";
    throw new OperatingError(code, typeof said === "string" ? said : "the query failed");
  }
}

/** @throws OperatingError `input.invalid` unless the group is one alerting rule. */
function compiledRule(group: RuleGroup): CompiledAlertingRule {
  const [rule, ...more] = group.rules;
  const compiled = rule === undefined ? undefined : compileRule(rule, group);
  if (compiled?.kind === "alert" && more.length === 0) return compiled;
  throw new OperatingError("input.invalid", "one alerting rule is tested at a time");
}

/** As the API writes them: `+Inf` is no number to JavaScript. */
function sampleValue(text: string): number {
  return Number(text.replace("Inf", "Infinity"));
}

/** How far back series count for what labels a metric has. */
const LABELS_RANGE_MS = 60 * 60_000;

/** The vectors of a range query, step by step. */
class ChunkVectors {
  readonly #series: readonly GridSeries[];
  /** How many values of each series have been given. */
  readonly #given: Uint32Array;
  #step = 0;
  /** Of the step before; the same list goes on where the same series have values. */
  #labels: readonly Labels[] = [];
  readonly #wasPresent: Uint8Array;

  constructor({ series }: RangeResult) {
    this.#series = series;
    this.#given = new Uint32Array(series.length);
    this.#wasPresent = new Uint8Array(series.length);
  }

  next(): RuleVector {
    const values: number[] = [];
    const step = this.#step++;
    let changed = false;
    for (const [at, one] of this.#series.entries()) {
      const present = ((one.present[step >> 3] ?? 0) >> (step & 7)) & 1;
      if (present !== this.#wasPresent[at]) changed = true;
      this.#wasPresent[at] = present;
      if (present === 0) continue;
      values.push(one.values[this.#given[at] as number] as number);
      this.#given[at] = (this.#given[at] as number) + 1;
    }
    if (changed)
      this.#labels = this.#series
        .filter((_, at) => this.#wasPresent[at] === 1)
        .map(({ labels }) => labels);
    return { labels: this.#labels, values };
  }
}

function rangeForm(
  query: string,
  startMs: number,
  endMs: number,
  stepMs: number,
): Readonly<Record<string, string>> {
  const [start, end, step] = [startMs, endMs, stepMs].map((ms) => String(ms / 1000)) as [
    ...[string, string, string],
  ];
  return { query, start, end, step };
}

async function bytesOf({ body }: Answer): Promise<Uint8Array> {
  if (body === null || body instanceof Uint8Array) return body ?? new Uint8Array();
  const parts: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await body.next();
    if (done === true) return new Uint8Array(Buffer.concat(parts));
    size += value.length;
    parts.push(value);
    if (size <= RESULT_SIZE_MAX) continue;
    body.return();
    throw new OperatingError(
      "query.over_limit",
      `a replay's result has more than ${RESULT_SIZE_MAX} bytes`,
    );
  }
}

function member(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}

function numberOf(value: unknown): number {
  return typeof value === "number" ? value : 0;
}
