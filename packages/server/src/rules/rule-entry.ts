import {
  type CompiledAlertingRule,
  type CompiledRecordingRule,
  type CompiledRule,
  EMPTY_RULE_STATE,
  type RuleState,
  writtenSeries,
} from "@pharos/alert";
import type { Labels } from "@pharos/base";

interface RuleProgress {
  readonly id: string;
  /** The rule's name and labels, whatever group it is in. */
  readonly ruleKey: string;
  health: "ok" | "err" | "unknown";
  lastError: string;
  evaluationTimeMs: number;
  lastEvaluationMs: number | undefined;
  /** How many series the last good evaluation read; undefined before it. */
  seriesRead: number | undefined;
}

export interface AlertingEntry extends RuleProgress {
  readonly kind: "alert";
  readonly compiled: CompiledAlertingRule;
  state: RuleState;
  /** By the keys of `state.alerts`: the evaluation after which each was told last. */
  told: ReadonlyMap<string, number>;
  /** The evaluation whose state was kept last. */
  keptAtMs: number;
}

export interface RecordingEntry extends RuleProgress {
  readonly kind: "record";
  readonly compiled: CompiledRecordingRule;
  written: ReadonlyMap<string, Labels>;
}

/** One rule of a group and where it stands; its group's runner changes it. */
export type RuleEntry = AlertingEntry | RecordingEntry;

/** A rule that was never evaluated. `id` is its document's. */
export function newEntry(compiled: CompiledRule, id: string, ruleKey: string): RuleEntry {
  const progress: RuleProgress = {
    id,
    ruleKey,
    health: "unknown",
    lastError: "",
    evaluationTimeMs: 0,
    lastEvaluationMs: undefined,
    seriesRead: undefined,
  };
  return compiled.kind === "record"
    ? { kind: "record", compiled, written: new Map(), ...progress }
    : {
        kind: "alert",
        compiled,
        state: EMPTY_RULE_STATE,
        told: new Map(),
        keptAtMs: Number.NEGATIVE_INFINITY,
        ...progress,
      };
}

/** The series that the rule has in the store. */
export function seriesOf(entry: RuleEntry): Labels[] {
  return entry.kind === "alert" ? writtenSeries(entry.state) : [...entry.written.values()];
}
