import {
  type Alert,
  compileRule,
  endAlerts,
  type GroupAlert,
  hashLabels,
  type RuleGroup,
  ruleGroupKey,
  ruleKey,
  ruleWaves,
} from "@pharos/alert";
import { type Labels, labelsKey, OperatingError } from "@pharos/base";
import type { RuleGroupStatus } from "../http/dependencies.ts";
import { type AlertingEntry, newEntry, type RuleEntry, seriesOf } from "./rule-entry.ts";
import { RuleEvaluation, type RuleOutcome } from "./rule-evaluation.ts";
import { staleBatch } from "./rule-samples.ts";
import { ruleStatus } from "./rule-status.ts";
import {
  RULE_STATE_COLLECTION,
  type RuleSettings,
  type RuleSurroundings,
  type RuleTransition,
} from "./rule-surroundings.ts";
import type { Semaphore } from "./semaphore.ts";
import { toldAlerts } from "./told-alerts.ts";
import { WaveResults } from "./wave-results.ts";

/** So long results wait for those of slower rules that are evaluated with them. */
const RESULTS_WAIT_MS_MAX = 1000;

/** A rule that read no more series than this when it was last evaluated shares its turn with others like it, */
const LIGHT_SERIES_MAX = 1000;
/** at most so many: waking the threads for each of them would take longer than its evaluation. */
const LIGHT_RULES_MAX = 4;

/** Counts since the group was loaded. */
export interface RuleGroupCounts {
  iterations: number;
  missedIterations: number;
  evaluations: number;
  failures: number;
  /** Samples of the last evaluation. */
  lastSamples: number;
  /** How long the last evaluation took. */
  evaluationTimeMs: number;
  /** When it began; undefined before the first. */
  lastEvaluationMs: number | undefined;
}

/**
 * Evaluates the rules of one group at the group's times, never two rounds at once: rules that read nothing of each other
 * together, the others in order, so that each sees what those before it wrote.
 */
export class RuleGroupRunner {
  readonly group: RuleGroup;
  readonly key: string;
  readonly counts: RuleGroupCounts = {
    iterations: 0,
    missedIterations: 0,
    evaluations: 0,
    failures: 0,
    lastSamples: 0,
    evaluationTimeMs: 0,
    lastEvaluationMs: undefined,
  };
  readonly #surroundings: RuleSurroundings;
  readonly #settings: RuleSettings;
  readonly #semaphore: Semaphore;
  readonly #entries: readonly RuleEntry[];
  readonly #waves: readonly (readonly RuleEntry[])[];
  readonly #stop = new AbortController();
  /** Series of rules that are gone; they end with the next evaluation, if there is one. */
  #ending: Labels[] = [];
  #running: Promise<void> = Promise.resolve();

  /**
   * @param semaphore how many rules of all groups are evaluated at once.
   * @throws OperatingError where a rule cannot be compiled.
   */
  constructor(
    group: RuleGroup,
    surroundings: RuleSurroundings,
    settings: RuleSettings,
    semaphore: Semaphore,
  ) {
    this.group = group;
    this.key = ruleGroupKey(group);
    this.#surroundings = surroundings;
    this.#settings = settings;
    this.#semaphore = semaphore;
    const seen = new Map<string, number>();
    this.#entries = group.rules.map((rule) => {
      const key = ruleKey(rule, group);
      const double = seen.get(key) ?? 0;
      seen.set(key, double + 1);
      const id = `${settings.replicaPrefix}${this.key};${key}#${double}`;
      return newEntry(compileRule(rule, group), id, key);
    });
    this.#waves = ruleWaves(this.#entries);
  }

  get entries(): readonly RuleEntry[] {
    return this.#entries;
  }

  /** Goes on where an older version of the group was. Gives the rules that only the older one had. */
  takeOver(older: RuleGroupRunner): readonly RuleEntry[] {
    const left = new Map(older.#entries.map((entry) => [entry.id, entry]));
    for (const entry of this.#entries) {
      const before = left.get(entry.id);
      if (before === undefined || before.kind !== entry.kind) continue;
      left.delete(entry.id);
      if (entry.kind === "alert" && before.kind === "alert") {
        const { state, told, keptAtMs } = before;
        Object.assign(entry, { state, told, keptAtMs });
      } else if (entry.kind === "record" && before.kind === "record")
        entry.written = before.written;
      const { health, lastError, evaluationTimeMs, lastEvaluationMs } = before;
      Object.assign(entry, { health, lastError, evaluationTimeMs, lastEvaluationMs });
    }
    this.counts.evaluationTimeMs = older.counts.evaluationTimeMs;
    this.counts.lastEvaluationMs = older.counts.lastEvaluationMs;
    this.#ending.push(...older.#ending);
    return [...left.values()];
  }

  /** Rules of it that are gone: what fired resolves, and nothing is kept. */
  async end(entries: readonly RuleEntry[]): Promise<void> {
    this.#ending.push(...entries.flatMap(seriesOf));
    const alerting = entries.filter((entry) => entry.kind === "alert");
    if (alerting.length > 0) await this.#endAlerts(alerting);
  }

  /** Series of rules that are gone, which still have to end. */
  get ending(): readonly Labels[] {
    return this.#ending;
  }

  /** The series that its rules have in the store. */
  writtenSeries(): Labels[] {
    return this.#entries.flatMap(seriesOf);
  }

  /** Tells the dispatcher of all alerts that it should know: after a restart nobody knows what it heard. */
  async announce(): Promise<void> {
    const nowMs = this.#surroundings.clock.nowMs();
    const told = this.#entries.flatMap((entry) => {
      if (entry.kind !== "alert") return [];
      entry.told = new Map([...entry.state.alerts.keys()].map((key) => [key, nowMs]));
      return toldAlerts(entry.compiled, entry.state.alerts.values(), this.#surroundings);
    });
    await this.#tell(told, nowMs);
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
        await this.evaluate(slotMs);
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
    this.counts.lastEvaluationMs = clock.nowMs();
    let samples = 0;
    for (const wave of this.#waves) {
      const results = await this.#evaluateWave(wave, timeMs);
      if (results === undefined) return;
      samples += results.samplesWritten;
      this.counts.failures += results.failures;
    }
    samples += await this.#endSeries(timeMs);
    this.counts.lastSamples = samples;
    this.counts.evaluationTimeMs = clock.monotonicMs() - startMs;
  }

  /** Undefined where the group was stopped meanwhile: then nothing has changed. */
  async #evaluateWave(
    wave: readonly RuleEntry[],
    timeMs: number,
  ): Promise<WaveResults | undefined> {
    const { signal } = this.#stop;
    const { group } = this;
    const { clock } = this.#surroundings;
    const evaluation = new RuleEvaluation(this.#surroundings, group, timeMs, signal);
    const results = new WaveResults(this.#surroundings, this.#settings, group, timeMs);
    /** By the rule's place in the wave. */
    const finished = new Map<number, RuleOutcome>();
    const evaluate = async (entry: RuleEntry, place: number): Promise<void> => {
      this.counts.evaluations++;
      finished.set(place, await evaluation.run(entry));
    };
    let next = 0;
    const evaluateLeft = async (): Promise<void> => {
      while (next < wave.length) {
        const from = next;
        const turn = wave.slice(from, turnEnd(wave, from));
        next += turn.length;
        await this.#semaphore.run(async () => {
          if (signal.aborted) return;
          await Promise.all(turn.map((entry, at) => evaluate(entry, from + at)));
        }, signal);
      }
    };
    // No more of them wait than may run: each wait listens to the signal, which looks through all who do.
    const turns = Math.min(wave.length, this.#semaphore.limit);
    const all = Promise.all(Array.from({ length: turns }, evaluateLeft)).then(() => true);
    const pause = new AbortController();
    const patience = (): Promise<boolean> =>
      clock.sleep(RESULTS_WAIT_MS_MAX, pause.signal).then(
        () => false,
        () => false,
      );
    try {
      for (;;) {
        const isDone = await Promise.race([all, patience()]);
        if (signal.aborted) {
          await all;
          return undefined;
        }
        const outcomes = [...finished].sort(([a], [b]) => a - b).map(([, outcome]) => outcome);
        finished.clear();
        if (outcomes.length > 0) await results.take(outcomes);
        if (isDone && finished.size === 0) return results;
      }
    } finally {
      pause.abort();
    }
  }

  async #endSeries(timeMs: number): Promise<number> {
    if (this.#ending.length === 0) return 0;
    const live = new Set(this.writtenSeries().map(labelsKey));
    const ending = this.#ending.filter((labels) => !live.has(labelsKey(labels)));
    try {
      if (ending.length > 0)
        await this.#surroundings.append(staleBatch(ending, timeMs - this.group.queryOffsetMs));
      this.#ending = [];
      return ending.length;
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      this.#surroundings.onProblem(error, `ending series of group ${this.key}`);
      return 0;
    }
  }

  async #tell(told: readonly GroupAlert[], timeMs: number): Promise<void> {
    if (told.length === 0) return;
    const validForMs = 4 * Math.max(this.group.intervalMs, this.#settings.resendDelayMs);
    await this.#surroundings.notify(told, { timeMs, validForMs });
  }

  /** Whoever was told of the alerts hears that these are over. */
  async #endAlerts(alerting: readonly AlertingEntry[]): Promise<void> {
    const { clock, store, onProblem, recordTransitions } = this.#surroundings;
    const nowMs = clock.nowMs();
    const ended = alerting.map((entry) => ({ entry, changes: endAlerts(entry.state, nowMs) }));
    await this.#tell(
      ended.flatMap(({ entry, changes }) =>
        toldAlerts(
          entry.compiled,
          changes.map(({ alert }): Alert => alert),
          this.#surroundings,
        ),
      ),
      nowMs,
    );
    try {
      await store.transaction(async (tx) => {
        for (const { id } of alerting) await tx.delete(RULE_STATE_COLLECTION, id);
        await recordTransitions?.(
          tx,
          ended.flatMap(({ entry, changes }) =>
            changes.map((change): RuleTransition => {
              const { name: ruleName } = entry.compiled.rule;
              return { ...change, ruleName, groupKey: this.key, timeMs: nowMs };
            }),
          ),
        );
      });
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      onProblem(error, `forgetting the alerts of rules of ${this.key} that are gone`);
    }
  }

  status(): RuleGroupStatus {
    const { name, file, intervalMs, limit } = this.group;
    return {
      name,
      file,
      intervalMs,
      limit,
      evaluationTimeMs: this.counts.evaluationTimeMs,
      lastEvaluationMs: this.counts.lastEvaluationMs,
      rules: this.#entries.map((entry) => ruleStatus(entry, this.group)),
    };
  }
}

/** The end of the rules from `from` on that take one turn together: those that read little, or one that does not. */
function turnEnd(wave: readonly RuleEntry[], from: number): number {
  let to = from;
  while (to < wave.length && to - from < LIGHT_RULES_MAX && readsLittle(wave[to])) to++;
  return Math.max(to, from + 1);
}

function readsLittle(entry: RuleEntry | undefined): boolean {
  return (entry?.seriesRead ?? Number.POSITIVE_INFINITY) <= LIGHT_SERIES_MAX;
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
