import {
  type RecordingStep,
  type RuleGroup,
  type RuleStep,
  type RuleVector,
  stepRecordingRule,
  stepRule,
  TemplateQueries,
} from "@pharos/alert";
import { errorText, NO_LABELS, OperatingError } from "@pharos/base";
import type { QueryValue } from "@pharos/promql/engine";
import { parse } from "@pharos/promql/syntax";
import type { AlertingEntry, RecordingEntry, RuleEntry } from "./rule-entry.ts";
import type { RuleSurroundings } from "./rule-surroundings.ts";

/** What evaluating a rule came to; nothing of it has happened yet. */
export type RuleOutcome =
  | { readonly kind: "alert"; readonly entry: AlertingEntry; readonly step: RuleStep }
  | { readonly kind: "record"; readonly entry: RecordingEntry; readonly step: RecordingStep }
  | { readonly kind: "failed"; readonly entry: RuleEntry; readonly error: OperatingError };

/** Evaluates rules of one group as of one time. */
export class RuleEvaluation {
  readonly #surroundings: RuleSurroundings;
  readonly #group: RuleGroup;
  readonly #timeMs: number;
  readonly #signal: AbortSignal;

  constructor(
    surroundings: RuleSurroundings,
    group: RuleGroup,
    timeMs: number,
    signal: AbortSignal,
  ) {
    this.#surroundings = surroundings;
    this.#group = group;
    this.#timeMs = timeMs;
    this.#signal = signal;
  }

  /** Changes nothing of the entry but when it was evaluated, how long that took and how much it read. */
  async run(entry: RuleEntry): Promise<RuleOutcome> {
    const { clock } = this.#surroundings;
    const startMs = clock.monotonicMs();
    const lastEvaluationMs = clock.nowMs();
    try {
      return await this.#outcome(entry);
    } catch (error) {
      // Whoever stops the group asks for no outcome.
      if (!(error instanceof OperatingError) && !this.#signal.aborted) throw error;
      return { kind: "failed", entry, error: toOperatingError(error) };
    } finally {
      entry.evaluationTimeMs = clock.monotonicMs() - startMs;
      entry.lastEvaluationMs = lastEvaluationMs;
    }
  }

  async #outcome(entry: RuleEntry): Promise<RuleOutcome> {
    const { limit, queryOffsetMs } = this.#group;
    const { compiled } = entry;
    const atMs = this.#timeMs - queryOffsetMs;
    const { evaluate } = this.#surroundings;
    const answer = await evaluate(compiled.expr, atMs, this.#signal, this.#group);
    entry.seriesRead = answer.stats?.seriesRead;
    const vector = ruleVector(answer);
    if (entry.kind === "alert")
      return { kind: "alert", entry, step: await this.#stepAlerting(entry, vector) };
    const step = stepRecordingRule(entry.compiled, entry.written, vector, limit);
    return { kind: "record", entry, step };
  }

  /** Templates may ask: expanded again with what was answered, until they ask for nothing new. */
  async #stepAlerting(entry: AlertingEntry, vector: RuleVector): Promise<RuleStep> {
    const { externalLabels, externalUrl } = this.#surroundings;
    const queries = new TemplateQueries();
    for (;;) {
      const step = stepRule(entry.compiled, entry.state, vector, this.#timeMs, {
        limit: this.#group.limit,
        externalLabels: externalLabels(),
        externalUrl,
        query: queries.ask,
      });
      const open = queries.takeOpen();
      if (open.length === 0) return step;
      for (const expr of open) await this.#answer(queries, expr);
    }
  }

  async #answer(queries: TemplateQueries, expr: string): Promise<void> {
    const { evaluate } = this.#surroundings;
    try {
      // As in Prometheus, at the time of the round, without the group's offset.
      const value = await evaluate(parse(expr), this.#timeMs, this.#signal, this.#group);
      queries.answer(expr, queryVector(value));
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      queries.fail(expr, errorText(error));
    }
  }
}

function toOperatingError(error: unknown): OperatingError {
  return error instanceof OperatingError
    ? error
    : new OperatingError("query.cancelled", errorText(error));
}

function ruleVector(value: QueryValue): RuleVector {
  if (value.type === "vector") return value;
  if (value.type === "scalar") return { labels: [NO_LABELS], values: [value.value] };
  throw new OperatingError("query.failed", "rule result is not a vector or scalar");
}

function queryVector(value: QueryValue): RuleVector {
  if (value.type === "vector") return value;
  if (value.type === "scalar") return { labels: [NO_LABELS], values: [value.value] };
  throw new OperatingError("query.failed", "query result is not a vector or scalar");
}
