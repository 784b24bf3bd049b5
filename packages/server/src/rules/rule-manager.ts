import {
  type CompiledAlertingRule,
  DEFAULT_OUTAGE_TIMES,
  EMPTY_RULE_STATE,
  endAlerts,
  type OutageTimes,
  type RuleGroup,
  type RuleState,
  restoreRule,
  ruleGroupKey,
  ruleStateFromJson,
  ruleStateToJson,
} from "@pharos/alert";
import {
  compareUtf8,
  type Labels,
  labelsKey,
  labelValue,
  mergeLabels,
  OperatingError,
} from "@pharos/base";
import type { StoredDocument } from "@pharos/ports";
import type { RuleGroupStatus, RulesProvider } from "../http/dependencies.ts";
import { LeavingRules, type MovedRule } from "./leaving-rules.ts";
import type { AlertingEntry, RuleEntry } from "./rule-entry.ts";
import { type RuleGroupCounts, RuleGroupRunner } from "./rule-group-runner.ts";
import { staleBatch } from "./rule-samples.ts";
import {
  DEFAULT_RESEND_DELAY_MS,
  RULE_STATE_COLLECTION,
  type RuleSettings,
  type RuleSurroundings,
  type RuleTransition,
} from "./rule-surroundings.ts";
import { RULES_CONCURRENT_MAX, Semaphore } from "./semaphore.ts";

/** How many rules may have alerts that outlive a restart. */
const STORED_RULES_MAX = 100_000;
/** For how long the alerts are kept that another server of the same store left: it may come back. */
const OTHERS_KEPT_MS = 7 * 24 * 60 * 60_000;

/** What follows the group in the id of a kept state. */
const RULE_KEY_BEGIN = ';["alert",';

export interface RuleManagerOptions extends RuleSurroundings {
  readonly rulesConcurrentMax?: number;
  readonly resendDelayMs?: number;
  readonly outage?: OutageTimes;
  /** Tells this server's documents from those of others in a store that they share; not needed where it is alone. */
  readonly replicaName?: string;
}

/**
 * Keeps rule groups evaluated. Alerts outlive restarts (their state is a document) and reloads: a rule of the same name
 * and labels goes on where it was, first of all that of the same group, else one that left another group.
 */
export class RuleManager implements RulesProvider, AsyncDisposable {
  readonly #options: RuleManagerOptions;
  readonly #settings: RuleSettings;
  readonly #semaphore: Semaphore;
  readonly #stop = new AbortController();
  readonly #cleanups = new Set<Promise<void>>();
  /** What the last process left, by rule; empty after the first `apply`. */
  readonly #stored: Map<string, RuleState>;
  #runners: readonly RuleGroupRunner[] = [];
  /** The same, by their keys. */
  #byKey: ReadonlyMap<string, RuleGroupRunner> = new Map();
  #restored = false;

  private constructor(options: RuleManagerOptions, stored: Map<string, RuleState>) {
    this.#options = options;
    this.#stored = stored;
    this.#settings = {
      resendDelayMs: options.resendDelayMs ?? DEFAULT_RESEND_DELAY_MS,
      replicaPrefix: replicaPrefix(options),
    };
    this.#semaphore = new Semaphore(options.rulesConcurrentMax ?? RULES_CONCURRENT_MAX);
  }

  /**
   * Reads what the last process left. Nothing is evaluated before `apply`.
   *
   * @throws OperatingError of the store.
   */
  static async open(options: RuleManagerOptions): Promise<RuleManager> {
    const prefix = replicaPrefix(options);
    const { store, clock } = options;
    const documents = await store.read((tx) =>
      tx.list(RULE_STATE_COLLECTION, { limit: STORED_RULES_MAX }),
    );
    const own = documents.filter(({ id }) => id.startsWith(prefix));
    const abandoned = documents.filter(
      ({ id, sortKey }) =>
        store.shared && !id.startsWith(prefix) && sortKey < clock.nowMs() - OTHERS_KEPT_MS,
    );
    if (abandoned.length > 0)
      await store.transaction(async (tx) => {
        for (const { id } of abandoned) await tx.delete(RULE_STATE_COLLECTION, id);
      });
    const stored = new Map<string, RuleState>();
    for (const { id, body } of own) {
      try {
        stored.set(id, ruleStateFromJson(body));
      } catch (error) {
        if (!(error instanceof OperatingError)) throw error;
        options.onProblem(error, "reading the alerts that were kept");
      }
    }
    return new RuleManager(options, stored);
  }

  /**
   * Takes the groups of a configuration in place of the present ones. Groups that are the same run on untouched.
   *
   * @throws OperatingError where a rule cannot be read; then nothing has changed.
   */
  async apply(groups: readonly RuleGroup[]): Promise<void> {
    const old = this.#byKey;
    const next = groups.map((group) => {
      // Not compiled again: with many rules, most changes are of one.
      const same = old.get(ruleGroupKey(group));
      if (same !== undefined && isSame(same.group, group)) return same;
      return new RuleGroupRunner(group, this.#options, this.#settings, this.#semaphore);
    });
    const started = next.filter((runner) => old.get(runner.key) !== runner);
    const byKey = new Map(next.map((runner) => [runner.key, runner]));
    const removed = [...old.values()].filter(({ key }) => !byKey.has(key));
    const left: (readonly [RuleGroupRunner, readonly RuleEntry[]])[] = [];
    for (const runner of started) {
      const older = old.get(runner.key);
      if (older === undefined) continue;
      await older.stop();
      left.push([runner, runner.takeOver(older)]);
    }
    for (const runner of removed) {
      await runner.stop();
      left.push([runner, runner.entries]);
    }
    const leaving = new LeavingRules(left.flatMap(([, entries]) => entries));
    await this.#restore(started, leaving);
    this.#runners = next.toSorted(compareRunners);
    this.#byKey = byKey;
    for (const [runner, entries] of left)
      await runner.end(entries.filter((entry) => leaving.hasEnded(entry)));
    for (const runner of removed) this.#endSeries(runner);
    if (!this.#restored) {
      this.#restored = true;
      for (const runner of started) await runner.announce();
      await this.#endOrphans();
    }
    for (const runner of started) runner.start();
  }

  /** By file, then by name, as Prometheus lists them. */
  groups(): readonly RuleGroupStatus[] {
    return this.#runners.map((runner) => runner.status());
  }

  group(group: Pick<RuleGroup, "file" | "name">): RuleGroupStatus | undefined {
    return this.#byKey.get(ruleGroupKey(group))?.status();
  }

  /** Each group with its counts, for our own metrics. */
  counts(): ReadonlyMap<string, RuleGroupCounts> {
    return new Map(this.#runners.map((runner) => [runner.key, runner.counts]));
  }

  /** The groups that are evaluated, by the key that `counts` has them under. */
  configured(): ReadonlyMap<string, RuleGroup> {
    return new Map(this.#runners.map((runner) => [runner.key, runner.group]));
  }

  /** The rule that an alert came from, with its external labels or without them; undefined for an alert from elsewhere. */
  ruleOf(alert: Labels): CompiledAlertingRule | undefined {
    const name = labelValue(alert, "alertname");
    for (const runner of this.#runners)
      for (const entry of runner.entries) {
        if (entry.kind !== "alert" || entry.compiled.rule.name !== name) continue;
        for (const { labels } of entry.state.alerts.values())
          if (labels.every(([label, value]) => labelValue(alert, label) === value))
            return entry.compiled;
      }
    return undefined;
  }

  /** Stops evaluating. Series are not ended: a restart continues them. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.all([...this.#runners.map((runner) => runner.stop()), ...this.#cleanups]);
  }

  /** Rules that are new have the alerts of the last process, or of those that leave. */
  async #restore(started: readonly RuleGroupRunner[], leaving: LeavingRules): Promise<void> {
    const fresh: AlertingEntry[] = [];
    for (const entry of started.flatMap(({ entries }) => entries)) {
      if (entry.kind !== "alert" || entry.state !== EMPTY_RULE_STATE) continue;
      const stored = this.#stored.get(entry.id);
      if (stored === undefined) fresh.push(entry);
      else this.#takeStored(entry, entry.id, stored);
    }
    const moved: MovedRule[] = [];
    const stored = Map.groupBy(this.#stored, ([id]) => this.#ruleKeyOf(id));
    for (const entry of fresh) {
      const [fromId, state] = stored.get(entry.ruleKey)?.shift() ?? [];
      if (fromId !== undefined && state !== undefined) {
        this.#takeStored(entry, fromId, state);
        moved.push({ fromId, entry });
        continue;
      }
      const one = leaving.moveTo(entry);
      if (one !== undefined) moved.push(one);
    }
    if (moved.length > 0) await this.#keepMoved(moved);
  }

  #takeStored(entry: AlertingEntry, id: string, stored: RuleState): void {
    const { clock, outage = DEFAULT_OUTAGE_TIMES } = this.#options;
    entry.state = restoreRule(entry.compiled, stored, clock.nowMs(), outage);
    this.#stored.delete(id);
  }

  async #keepMoved(moved: readonly MovedRule[]): Promise<void> {
    const { store, externalLabels, onProblem } = this.#options;
    const documents = moved.map(({ entry: { id, state } }): StoredDocument => {
      const body = ruleStateToJson(state, externalLabels());
      return { id, body, sortKey: state.evaluatedAtMs ?? 0 };
    });
    try {
      await store.transaction(async (tx) => {
        for (const { fromId } of moved) await tx.delete(RULE_STATE_COLLECTION, fromId);
        await tx.putAll(RULE_STATE_COLLECTION, documents);
      });
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      // Kept with the next evaluation.
      for (const { entry } of moved) entry.keptAtMs = Number.NEGATIVE_INFINITY;
      onProblem(error, "keeping the alerts of rules that have moved");
    }
  }

  /** Rules that went while we were down: whoever heard of their alerts must hear that they are over. */
  async #endOrphans(): Promise<void> {
    const { clock, notify, store, externalLabels, onProblem, recordTransitions } = this.#options;
    const ids = [...this.#stored.keys()];
    if (ids.length === 0) return;
    const timeMs = clock.nowMs();
    const ended = [...this.#stored].flatMap(([id, state]) =>
      endAlerts(state, timeMs).map((change): RuleTransition => {
        const ruleName = labelValue(change.alert.labels, "alertname");
        return { ...change, ruleName, groupKey: this.#groupKeyOf(id), timeMs };
      }),
    );
    this.#stored.clear();
    const told = ended.map(({ alert: { labels, annotations, state } }) => ({
      labels: mergeLabels(externalLabels(), labels),
      annotations,
      startsAtMs: state.phase === "resolved" ? state.firedAtMs : state.activeAtMs,
      endsAtMs: timeMs,
      generatorUrl: "",
    }));
    await notify(told, { timeMs, validForMs: 0 });
    try {
      await store.transaction(async (tx) => {
        for (const id of ids) await tx.delete(RULE_STATE_COLLECTION, id);
        if (ended.length > 0) await recordTransitions?.(tx, ended);
      });
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      onProblem(error, "forgetting the alerts of rules that are gone");
    }
  }

  /** Of the rule that a kept state belongs to: its id begins with it. */
  #groupKeyOf(id: string): string {
    const withoutReplica = id.slice(this.#settings.replicaPrefix.length);
    return withoutReplica.slice(0, withoutReplica.indexOf(RULE_KEY_BEGIN));
  }

  /** The name and labels of the rule that a kept state belongs to, as `RuleEntry.ruleKey`. */
  #ruleKeyOf(id: string): string {
    return id.slice(id.indexOf(RULE_KEY_BEGIN) + 1, id.lastIndexOf("#"));
  }

  /** Of a group that is gone; two intervals later, unless a rule that moved elsewhere writes them by then. */
  #endSeries(runner: RuleGroupRunner): void {
    const { clock, append, onProblem } = this.#options;
    const series = runner.ending;
    const removedAtMs = clock.nowMs();
    if (series.length === 0) return;
    const cleanup = (async () => {
      try {
        await clock.sleep(2 * runner.group.intervalMs, this.#stop.signal);
        const ending = this.#withoutLive(series);
        if (ending.length > 0) await append(staleBatch(ending, removedAtMs));
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        if (!(error instanceof OperatingError)) throw error;
        onProblem(error, `ending series of group ${runner.key}`);
      }
    })().finally(() => this.#cleanups.delete(cleanup));
    this.#cleanups.add(cleanup);
  }

  #withoutLive(series: readonly Labels[]): Labels[] {
    const live = new Set(
      this.#runners.flatMap((runner) => runner.writtenSeries()).map((labels) => labelsKey(labels)),
    );
    return series.filter((labels) => !live.has(labelsKey(labels)));
  }
}

function compareRunners({ group: a }: RuleGroupRunner, { group: b }: RuleGroupRunner): number {
  return compareUtf8(a.file, b.file) || compareUtf8(a.name, b.name);
}

/** What ids of documents begin with, so that servers that share a store keep their alerts apart. */
function replicaPrefix({ store, replicaName = "" }: RuleManagerOptions): string {
  return store.shared ? `${replicaName};` : "";
}

function isSame(a: RuleGroup, b: RuleGroup): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}
