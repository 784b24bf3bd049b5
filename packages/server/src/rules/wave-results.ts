import type { GroupAlert } from "@pharos/alert";
import {
  type Alert,
  type AlertChange,
  type RuleGroup,
  type RuleSamples,
  type RuleState,
  ruleGroupKey,
  ruleStateToJson,
  type WrittenAlert,
} from "@pharos/alert";
import { errorText, OperatingError } from "@pharos/base";
import type { StoredDocument } from "@pharos/ports";
import type { Expr } from "@pharos/promql/syntax";
import type { AlertingEntry, RuleEntry } from "./rule-entry.ts";
import type { RuleOutcome } from "./rule-evaluation.ts";
import { ruleBatch } from "./rule-samples.ts";
import {
  RULE_STATE_COLLECTION,
  type RuleSettings,
  type RuleSurroundings,
  type RuleTransition,
} from "./rule-surroundings.ts";
import { toldAlerts } from "./told-alerts.ts";

/** How often the state of a rule with pending alerts is kept though nothing changed: how well a restart knows when we died. */
const PENDING_KEPT_AGAIN_MS = 15_000;
/** The same of a rule whose alerts all fire: that its server is still there. */
const FIRING_KEPT_AGAIN_MS = 60 * 60_000;
/** More samples than this are written in more than one batch: the store takes a quarter of a million at once. */
const BATCH_SAMPLES_MAX = 100_000;

/** Samples of one rule, and how to go back where they could not be written. */
interface Written {
  readonly entry: RuleEntry;
  readonly samples: RuleSamples;
  undo(): void;
}

/**
 * What becomes of rules that were evaluated together. All alerts are kept in one transaction, then told, then all
 * samples written: whoever was told must be found again after a crash, to hear how it ends.
 */
export class WaveResults {
  failures = 0;
  samplesWritten = 0;
  readonly #surroundings: RuleSurroundings;
  readonly #settings: RuleSettings;
  readonly #group: RuleGroup;
  readonly #timeMs: number;

  constructor(
    surroundings: RuleSurroundings,
    settings: RuleSettings,
    group: RuleGroup,
    timeMs: number,
  ) {
    this.#surroundings = surroundings;
    this.#settings = settings;
    this.#group = group;
    this.#timeMs = timeMs;
  }

  /** @param outcomes in the order of the rules. */
  async take(outcomes: readonly RuleOutcome[]): Promise<void> {
    const written: Written[] = [];
    const kept: AlertingEntry[] = [];
    const told: GroupAlert[] = [];
    const transitions: RuleTransition[] = [];
    const changed = new Set<Expr>();
    for (const outcome of outcomes) {
      if (outcome.kind === "failed") {
        this.#fail(outcome.entry, outcome.error);
        continue;
      }
      if (outcome.kind === "alert") {
        const { entry, step } = outcome;
        const { changes } = step;
        const { state: earlier } = entry;
        const before = earlier.written;
        entry.state = step.state;
        if (changes.length > 0) changed.add(entry.compiled.expr);
        for (const change of changes) transitions.push(this.#transition(entry, change));
        if (changes.length > 0 || hasHeldOtherwise(entry, earlier) || this.#isKeptAgain(entry))
          kept.push(entry);
        told.push(...toldAlerts(entry.compiled, this.#toTell(entry, changes), this.#surroundings));
        if (step.status === "ok")
          written.push({ entry, samples: step.samples, undo: () => undoAlerts(entry, before) });
      } else if (outcome.step.status === "ok") {
        const { entry, step } = outcome;
        const before = entry.written;
        entry.written = step.written;
        const undo = (): void => {
          entry.written = before;
        };
        written.push({ entry, samples: step.samples, undo });
      }
      if (outcome.step.status === "failed")
        this.#fail(outcome.entry, new OperatingError("query.failed", outcome.step.error));
    }
    // Whoever looks at the graph of an alert that changed sees all samples of it.
    if (changed.size > 0) this.#surroundings.alertsChanged?.([...changed]);
    if (kept.length > 0) await this.#keep(kept, transitions);
    if (told.length > 0) await this.#tell(told);
    await this.#write(written);
  }

  /** Reported when it begins or fails in another way: a rule that is wrong would fill the log at every round. */
  #fail(entry: RuleEntry, error: OperatingError): void {
    this.failures++;
    const text = errorText(error);
    const isKnown = entry.health === "err" && entry.lastError === text;
    entry.health = "err";
    entry.lastError = text;
    if (isKnown) return;
    const { name } = entry.compiled.rule;
    this.#surroundings.onProblem(
      error,
      `evaluating rule ${name} of group ${this.#group.file};${this.#group.name}`,
    );
  }

  #transition(entry: AlertingEntry, change: AlertChange): RuleTransition {
    const { name: ruleName } = entry.compiled.rule;
    return { ...change, ruleName, groupKey: ruleGroupKey(this.#group), timeMs: this.#timeMs };
  }

  #isKeptAgain(entry: AlertingEntry): boolean {
    if (entry.state.alerts.size === 0) return false;
    const agoMs = Math.abs(this.#timeMs - entry.keptAtMs);
    if (agoMs < PENDING_KEPT_AGAIN_MS) return false;
    if (agoMs >= FIRING_KEPT_AGAIN_MS) return true;
    for (const { state } of entry.state.alerts.values()) if (state.phase === "pending") return true;
    return false;
  }

  /** Alerts that fired or ended since they were told last, and those that were told long ago. */
  #toTell(entry: AlertingEntry, changes: readonly AlertChange[]): Alert[] {
    const { resendDelayMs } = this.#settings;
    const timeMs = this.#timeMs;
    const due: Alert[] = [];
    const told = new Map<string, number>();
    const { alerts } = entry.state;
    for (const [key, alert] of alerts) {
      const { state } = alert;
      if (state.phase === "pending") continue;
      const last = entry.told.get(key);
      const changedMs = state.phase === "resolved" ? state.resolvedAtMs : state.firedAtMs;
      const isDue =
        last === undefined || changedMs > last || Math.abs(timeMs - last) >= resendDelayMs;
      if (isDue) due.push(alert);
      told.set(key, isDue ? timeMs : last);
    }
    entry.told = told;
    // Where a limit was exceeded no alert is left to be told again.
    if (alerts.size === 0)
      for (const { transition, alert } of changes) if (transition === "resolved") due.push(alert);
    return due;
  }

  async #tell(told: readonly GroupAlert[]): Promise<void> {
    const validForMs = 4 * Math.max(this.#group.intervalMs, this.#settings.resendDelayMs);
    await this.#surroundings.notify(told, { timeMs: this.#timeMs, validForMs });
  }

  async #keep(
    entries: readonly AlertingEntry[],
    transitions: readonly RuleTransition[],
  ): Promise<void> {
    const { store, externalLabels, onProblem, recordTransitions } = this.#surroundings;
    const timeMs = this.#timeMs;
    const documents: StoredDocument[] = [];
    const gone: string[] = [];
    for (const { id, state } of entries) {
      const body = ruleStateToJson({ ...state, evaluatedAtMs: timeMs }, externalLabels());
      if (state.alerts.size === 0) gone.push(id);
      else documents.push({ id, body, sortKey: timeMs });
    }
    try {
      await store.transaction(async (tx) => {
        if (documents.length > 0) await tx.putAll(RULE_STATE_COLLECTION, documents);
        for (const id of gone) await tx.delete(RULE_STATE_COLLECTION, id);
        if (transitions.length > 0) await recordTransitions?.(tx, transitions);
      });
      for (const entry of entries) entry.keptAtMs = timeMs;
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      // Tried again with the next evaluation.
      for (const entry of entries) entry.keptAtMs = Number.NEGATIVE_INFINITY;
      onProblem(error, `keeping the alerts of group ${this.#group.file};${this.#group.name}`);
    }
  }

  /** All samples in one batch; where that fails rule by rule, so that no rule suffers for another one's samples. */
  async #write(written: readonly Written[]): Promise<void> {
    const some = written.filter(({ samples }) => sizeOf(samples) > 0);
    const total = some.reduce((sum, { samples }) => sum + sizeOf(samples), 0);
    let isWritten = total === 0;
    if (some.length > 1 && total <= BATCH_SAMPLES_MAX)
      isWritten = (await this.#append(joined(some.map(({ samples }) => samples)))) === undefined;
    for (const each of written) {
      const error =
        isWritten || sizeOf(each.samples) === 0 ? undefined : await this.#append(each.samples);
      if (error === undefined) {
        each.entry.health = "ok";
        each.entry.lastError = "";
      } else {
        // The series are as they were: the next good evaluation ends what must end.
        each.undo();
        this.#fail(each.entry, error);
      }
    }
  }

  async #append(samples: RuleSamples): Promise<OperatingError | undefined> {
    const atMs = this.#timeMs - this.#group.queryOffsetMs;
    try {
      await this.#surroundings.append(ruleBatch(samples, atMs));
      this.samplesWritten += sizeOf(samples);
      return undefined;
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      return error;
    }
  }
}

/**
 * Whether `keep_firing_for` has begun or ended for an alert. That is no transition, but a restart that knew nothing of it
 * would begin anew, and keep the alert firing for too long.
 */
function hasHeldOtherwise({ compiled, state }: AlertingEntry, earlier: RuleState): boolean {
  if (compiled.rule.keepFiringForMs === 0) return false;
  for (const [key, alert] of state.alerts) {
    const before = earlier.alerts.get(key);
    if (before !== undefined && heldSince(alert) !== heldSince(before)) return true;
  }
  return false;
}

function heldSince({ state }: Alert): number | null {
  return state.phase === "firing" ? state.falseSinceMs : null;
}

function undoAlerts(entry: AlertingEntry, written: ReadonlyMap<string, WrittenAlert>): void {
  entry.state = { ...entry.state, written };
}

function sizeOf({ labelSets, stale }: RuleSamples): number {
  return labelSets.length + stale.length;
}

function joined(all: readonly RuleSamples[]): RuleSamples {
  return {
    labelSets: all.flatMap(({ labelSets }) => labelSets),
    values: all.flatMap(({ values }) => values),
    stale: all.flatMap(({ stale }) => stale),
  };
}
