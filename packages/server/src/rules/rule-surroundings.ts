import type { AlertChange, GroupAlert } from "@pharos/alert";
import type { Clock, Labels, OperatingError } from "@pharos/base";
import type { DocumentStore, DocumentTransaction, SampleBatch } from "@pharos/ports";
import type { QueryResult, QueryValue } from "@pharos/promql/engine";
import type { Expr } from "@pharos/promql/syntax";

/** The collection of alert state; on disk for ever. */
export const RULE_STATE_COLLECTION = "rule_states";

/** As Prometheus's resend delay. */
export const DEFAULT_RESEND_DELAY_MS = 60_000;

/** What a query of a rule gives. */
export type RuleAnswer = QueryValue & Partial<Pick<QueryResult, "stats">>;

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
  ) => Promise<RuleAnswer>;
  /** @throws OperatingError where nothing was written. */
  readonly append: (batch: SampleBatch) => Promise<unknown>;
  /** Whoever turns alerts into notifications: resolves when it has kept what is new. */
  readonly notify: (alerts: readonly GroupAlert[], telling: AlertTelling) => Promise<void>;
  /** Told that alerts of expressions became pending or firing, or ended. */
  readonly alertsChanged?: (exprs: readonly Expr[]) => void;
  /** Writes down what became of alerts, in the transaction that keeps it. */
  readonly recordTransitions?: (
    tx: DocumentTransaction,
    transitions: readonly RuleTransition[],
  ) => Promise<void>;
  readonly externalLabels: () => Labels;
  /** Without a slash at the end. */
  readonly externalUrl: string;
  /** Failures of the world that rules go on after; for the log and for metrics. */
  readonly onProblem: (error: OperatingError, doing: string) => void;
}

/** When alerts are told, and for how long that holds unless they are told again. */
export interface AlertTelling {
  /** The evaluation after which they are told. */
  readonly timeMs: number;
  readonly validForMs: number;
}

/** A change of an alert, with its rule. */
export interface RuleTransition extends AlertChange {
  readonly ruleName: string;
  /** `ruleGroupKey` of its group. */
  readonly groupKey: string;
  /** The evaluation that found it. */
  readonly timeMs: number;
}

/** How rules are kept and told. */
export interface RuleSettings {
  /** Alerts that go on are told again this often: their texts stay current, and whoever lost them has them again. */
  readonly resendDelayMs: number;
  /** What the documents of this server begin with where others keep theirs in the same store; "" where it has its own. */
  readonly replicaPrefix: string;
}
