import {
  type Alert,
  type AlertChange,
  compileRule,
  endAlerts,
  type GroupAlert,
  hashLabels,
  queryEscape,
  type RuleGroup,
  type RuleVector,
  ruleGroupKey,
  ruleKey,
  ruleStateToJson,
  stepRecordingRule,
  stepRule,
} from "@pharos/alert";
import {
  type Clock,
  errorText,
  type Labels,
  labelsKey,
  mergeLabels,
  NO_LABELS,
  OperatingError,
} from "@pharos/base";
import type { DocumentStore, SampleBatch } from "@pharos/ports";
import type { QueryValue } from "@pharos/promql/engine";
import { type Expr, printExpr } from "@pharos/promql/syntax";
import type { RuleGroupStatus } from "../http/dependencies.ts";
import {
  type AlertingEntry,
  newEntry,
  type RecordingEntry,
  type RuleEntry,
  seriesOf,
} from "./rule-entry.ts";
import { ruleBatch, staleBatch } from "./rule-samples.ts";
import { ruleStatus } from "./rule-status.ts";
import type { Semaphore } from "./semaphore.ts";

/** The collection of alert state; on disk for ever. */
export const RULE_STATE_COLLECTION = "rule_states";

/** Alerts are told again this often, so that their texts stay current; Prometheus's resend delay. */
const RESEND_DELAY_MS = 60_000;
/** How often the state of a rule with pending alerts is kept though nothing changed: how well a restart knows when we died. */
const HEARTBEAT_MS = 15_000;

/** What rules need of the rest of the server. */
export interface RuleSurroundings {
  readonly clock: Clock;
  readonly store: DocumentStore;
  /** An instant query. @throws OperatingError */
  readonly evaluate: (
    expr: Expr,
    timeMs: number,
    signal: AbortSignal,
    group: { readonly file: string; readonly name: string },
  ) => Promise<QueryValue>;
  /** @throws OperatingError where nothing was written. */
  readonly append: (batch: SampleBatch) => Promise<unknown>;
  /** The dispatcher: resolves when it has kept what is new. */
  readonly notify: (alerts: readonly GroupAlert[]) => Promise<void>;
  /** Told that alerts of an expression became pending or firing, or ended. */
  readonly alertsChanged?: (expr: Expr) => void;
  readonly externalLabels: () => Labels;
  /** Without a slash at the end. */
  readonly externalUrl: string;
  /** Failures of the world that rules go on after; for the log and for metrics. */
  readonly onProblem: (error: OperatingError, doing: string) => void;
}

/** Counts since the group was loaded. */
export interface RuleGroupCounts {
  iterations: number;
  missedIterations: number;
  evaluations: number;
  failures: number;
  /** Samples of the last evaluation. */
  lastSamples: number;
}

/** Evaluates the rules of one group at the group's times: in order, one after the other, never two rounds at once. */
export class RuleGroupRunner {
  readonly group: RuleGroup;
  readonly key: string;
  readonly counts: RuleGroupCounts = {
    iterations: 0,
    missedIterations: 0,
    evaluations: 0,
    failures: 0,
    lastSamples: 0,
  };
  readonly #surroundings: RuleSurroundings;
  readonly #semaphore: Semaphore;
  readonly #entries: readonly RuleEntry[];
  readonly #stop = new AbortController();
  /** Series of rules that are no more; they end with the next evaluation. */
  #ending: Labels[] = [];
  #running: Promise<void> = Promise.resolve();
  #evaluationTimeMs = 0;
  #lastEvaluationMs: number | undefined;

  /** @throws OperatingError where a rule cannot be compiled. */
  constructor(group: RuleGroup, surroundings: RuleSurroundings, semaphore: Semaphore) {
    this.group = group;
    this.key = ruleGroupKey(group);
    this.#surroundings = surroundings;
    this.#semaphore = semaphore;
    const seen = new Map<string, number>();
    this.#entries = group.rules.map((rule) => {
      const key = ruleKey(rule, group);
      const double = seen.get(key) ?? 0;
      seen.set(key, double + 1);
      return newEntry(compileRule(rule, group), `${this.key};${key}#${double}`);
    });
  }

  get entries(): readonly RuleEntry[] {
    return this.#entries;
  }

  /** Goes on where an older version of the group was; what only the older one had, ends. */
  async takeOver(older: RuleGroupRunner): Promise<void> {
    const left = new Map(older.#entries.map((entry) => [entry.id, entry]));
    for (const entry of this.#entries) {
      const before = left.get(entry.id);
      if (before === undefined || before.kind !== entry.kind) continue;
      left.delete(entry.id);
      if (entry.kind === "alert" && before.kind === "alert") {
        const { state, toldAtMs, keptAtMs } = before;
        Object.assign(entry, { state, toldAtMs, keptAtMs });
      } else if (entry.kind === "record" && before.kind === "record")
        entry.written = before.written;
      const { health, lastError, evaluationTimeMs, lastEvaluationMs } = before;
      Object.assign(entry, { health, lastError, evaluationTimeMs, lastEvaluationMs });
    }
    this.#evaluationTimeMs = older.#evaluationTimeMs;
    this.#lastEvaluationMs = older.#lastEvaluationMs;
    this.#ending.push(...older.#ending);
    for (const entry of left.values()) {
      this.#ending.push(...seriesOf(entry));
      await this.#endEntry(entry);
    }
  }

  /** Its rules are gone: what fired resolves, and nothing is kept. Gives the series that must end. */
  async end(): Promise<Labels[]> {
    for (const entry of this.#entries) await this.#endEntry(entry);
    return [...this.#ending, ...this.writtenSeries()];
  }

  /** The series that its rules have in the store. */
  writtenSeries(): Labels[] {
    return this.#entries.flatMap(seriesOf);
  }

  /** Tells the dispatcher of all alerts that it should know: after a restart nobody knows what it heard. */
  async announce(): Promise<void> {
    for (const entry of this.#entries)
      if (entry.kind === "alert") await this.#tell(entry, [...entry.state.alerts.values()]);
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Ends the evaluation that runs, if any. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock } = this.#surroundings;
    const { intervalMs } = this.group;
    const { signal } = this.#stop;
    try {
      let slotMs = slotBefore(this.group, clock.nowMs()) + intervalMs;
      for (;;) {
        const leftMs = slotMs - clock.nowMs();
        if (leftMs > intervalMs) slotMs = slotBefore(this.group, clock.nowMs()) + intervalMs; // Set back.
        await clock.sleep(Math.min(Math.max(leftMs, 0), intervalMs), signal);
        const nowMs = clock.nowMs();
        if (nowMs < slotMs) continue;
        const missed = Math.floor((nowMs - slotMs) / intervalMs);
        slotMs += missed * intervalMs;
        this.counts.iterations += missed + 1;
        this.counts.missedIterations += missed;
        const timeMs = slotMs;
        await this.#semaphore.run(() => this.evaluate(timeMs));
        slotMs += intervalMs;
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  /** One round, as of `timeMs`. Returns early when the group is stopped. */
  async evaluate(timeMs: number): Promise<void> {
    const { clock } = this.#surroundings;
    const startMs = clock.monotonicMs();
    this.#lastEvaluationMs = clock.nowMs();
    this.counts.lastSamples = 0;
    for (const entry of this.#entries) {
      if (this.#stop.signal.aborted) return;
      await this.#evaluateEntry(entry, timeMs);
    }
    await this.#endSeries(timeMs);
    this.#evaluationTimeMs = clock.monotonicMs() - startMs;
  }

  async #evaluateEntry(entry: RuleEntry, timeMs: number): Promise<void> {
    const { clock, evaluate } = this.#surroundings;
    const startMs = clock.monotonicMs();
    const lastEvaluationMs = clock.nowMs();
    const queryTimeMs = timeMs - this.group.queryOffsetMs;
    this.counts.evaluations++;
    try {
      const result = await evaluate(
        entry.compiled.expr,
        queryTimeMs,
        this.#stop.signal,
        this.group,
      );
      if (this.#stop.signal.aborted) return;
      const vector = ruleVector(result);
      if (entry.kind === "alert") await this.#stepAlerting(entry, vector, timeMs, queryTimeMs);
      else await this.#stepRecording(entry, vector, queryTimeMs);
      entry.health = "ok";
      entry.lastError = "";
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      if (!(error instanceof OperatingError)) throw error;
      this.counts.failures++;
      entry.health = "err";
      entry.lastError = errorText(error);
      this.#surroundings.onProblem(
        error,
        `evaluating rule ${entry.compiled.rule.name} of group ${this.key}`,
      );
    }
    entry.evaluationTimeMs = clock.monotonicMs() - startMs;
    entry.lastEvaluationMs = lastEvaluationMs;
  }

  async #stepAlerting(
    entry: AlertingEntry,
    vector: RuleVector,
    timeMs: number,
    queryTimeMs: number,
  ): Promise<void> {
    const { externalLabels, externalUrl } = this.#surroundings;
    const { limit } = this.group;
    const before = entry.state;
    const step = stepRule(entry.compiled, before, vector, timeMs, {
      limit,
      externalLabels: externalLabels(),
      externalUrl,
    });
    entry.state = step.state;
    if (step.changes.length > 0) this.#surroundings.alertsChanged?.(entry.compiled.expr);
    // First kept, then told: who was told must be found again after a crash, to hear how it ends.
    if (step.changes.length > 0 || this.#heartbeatIsDue(entry, timeMs))
      await this.#keep(entry, timeMs);
    await this.#tellOf(entry, step.changes, timeMs);
    if (step.status === "failed") throw new OperatingError("query.failed", step.error);
    try {
      await this.#append(ruleBatch(step.samples, queryTimeMs));
    } catch (error) {
      // The series are as they were: the next good evaluation ends what must end.
      entry.state = { ...step.state, written: before.written };
      throw error;
    }
  }

  async #stepRecording(
    entry: RecordingEntry,
    vector: RuleVector,
    queryTimeMs: number,
  ): Promise<void> {
    const step = stepRecordingRule(entry.compiled, entry.written, vector, this.group.limit);
    if (step.status === "failed") throw new OperatingError("query.failed", step.error);
    await this.#append(ruleBatch(step.samples, queryTimeMs));
    entry.written = step.written;
  }

  async #append(batch: SampleBatch): Promise<void> {
    if (batch.series.length === 0) return;
    await this.#surroundings.append(batch);
    this.counts.lastSamples += batch.series.length;
  }

  async #endSeries(timeMs: number): Promise<void> {
    if (this.#ending.length === 0) return;
    const live = new Set(this.writtenSeries().map(labelsKey));
    const ending = this.#ending.filter((labels) => !live.has(labelsKey(labels)));
    try {
      await this.#append(staleBatch(ending, timeMs - this.group.queryOffsetMs));
      this.#ending = [];
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      this.#surroundings.onProblem(error, `ending series of group ${this.key}`);
    }
  }

  #heartbeatIsDue(entry: AlertingEntry, timeMs: number): boolean {
    if (Math.abs(timeMs - entry.keptAtMs) < HEARTBEAT_MS) return false;
    return [...entry.state.alerts.values()].some(({ state }) => state.phase === "pending");
  }

  async #keep(entry: AlertingEntry, timeMs: number): Promise<void> {
    const { store, onProblem } = this.#surroundings;
    const { id, state } = entry;
    const body = ruleStateToJson({ ...state, evaluatedAtMs: timeMs });
    try {
      await store.transaction((tx) =>
        state.alerts.size === 0
          ? tx.delete(RULE_STATE_COLLECTION, id)
          : tx.put(RULE_STATE_COLLECTION, { id, body, sortKey: 0 }),
      );
      entry.keptAtMs = timeMs;
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      entry.keptAtMs = Number.NEGATIVE_INFINITY; // Tried again with the next evaluation.
      onProblem(error, `keeping the alerts of ${entry.compiled.rule.name}`);
    }
  }

  /** Tells what changed at once, and everything now and then. */
  async #tellOf(
    entry: AlertingEntry,
    changes: readonly AlertChange[],
    timeMs: number,
  ): Promise<void> {
    const all = Math.abs(timeMs - entry.toldAtMs) >= RESEND_DELAY_MS;
    if (all) entry.toldAtMs = timeMs;
    const changed = changes
      .filter(({ transition }) => transition === "fired" || transition === "resolved")
      .map(({ alert }) => alert);
    await this.#tell(
      entry,
      all ? [...new Set([...changed, ...entry.state.alerts.values()])] : changed,
    );
  }

  async #tell(entry: AlertingEntry, alerts: readonly Alert[]): Promise<void> {
    const { externalLabels, externalUrl, notify } = this.#surroundings;
    const expr = queryEscape(printExpr(entry.compiled.expr));
    const told: GroupAlert[] = [];
    for (const { labels, annotations, state } of alerts) {
      if (state.phase === "pending") continue;
      told.push({
        labels: mergeLabels(externalLabels(), labels),
        annotations,
        startsAtMs: state.firedAtMs,
        endsAtMs: state.phase === "resolved" ? state.resolvedAtMs : null,
        generatorUrl: `${externalUrl}/graph?g0.expr=${expr}&g0.tab=1`,
      });
    }
    if (told.length > 0) await notify(told);
  }

  async #endEntry(entry: RuleEntry): Promise<void> {
    if (entry.kind === "record") return;
    const { clock, store, onProblem } = this.#surroundings;
    await this.#tell(
      entry,
      endAlerts(entry.state, clock.nowMs()).map(({ alert }) => alert),
    );
    try {
      await store.transaction((tx) => tx.delete(RULE_STATE_COLLECTION, entry.id));
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      onProblem(error, `forgetting the alerts of ${entry.compiled.rule.name}`);
    }
  }

  status(): RuleGroupStatus {
    const { name, file, intervalMs, limit } = this.group;
    return {
      name,
      file,
      intervalMs,
      limit,
      evaluationTimeMs: this.#evaluationTimeMs,
      lastEvaluationMs: this.#lastEvaluationMs,
      rules: this.#entries.map((entry) => ruleStatus(entry, this.group)),
    };
  }
}

/** The group's last time at or before `nowMs`: groups are spread over their interval, each always at the same place. */
export function slotBefore(group: RuleGroup, nowMs: number): number {
  const { intervalMs } = group;
  const { low } = hashLabels([
    ["file", group.file],
    ["name", group.name],
  ]);
  const offsetMs = Math.floor((low / 2 ** 32) * intervalMs);
  return Math.floor((nowMs - offsetMs) / intervalMs) * intervalMs + offsetMs;
}

function ruleVector(value: QueryValue): RuleVector {
  if (value.type === "vector") return value;
  if (value.type === "scalar") return { labels: [NO_LABELS], values: [value.value] };
  throw new OperatingError("query.failed", "rule result is not a vector or scalar");
}
