import { type Labels, mergeLabels } from "@pharos/base";
import type { GroupAlert } from "../alert-group.ts";
import type { CompiledAlertingRule } from "../rule.ts";
import {
  type Alert,
  type AlertChange,
  EMPTY_RULE_STATE,
  type RuleEnvironment,
  type RuleState,
  type RuleVector,
  stepRule,
} from "../rule-state.ts";
import { NotificationReplay, type ReplayRouting } from "./notification-replay.ts";

/** A time in which an alert fired. */
export interface FiringInterval {
  readonly labels: Labels;
  /** When its condition began to hold. */
  readonly activeAtMs: number;
  readonly firedAtMs: number;
  /** Undefined where it still fires at the end. */
  readonly resolvedAtMs: number | undefined;
  /** What the condition gave when it fired. */
  readonly value: number;
}

export interface RuleReplayOptions extends RuleEnvironment {
  /** Without one no notifications are counted. */
  readonly routing?: ReplayRouting | undefined;
  /** So many intervals are listed; all are counted. */
  readonly intervalsMax: number;
}

/** What a rule would have done, evaluation by evaluation, by the state machine that runs it for real. */
export class RuleReplay {
  readonly #rule: CompiledAlertingRule;
  readonly #silent: CompiledAlertingRule;
  readonly #options: RuleReplayOptions;
  readonly #notifications: NotificationReplay | undefined;
  readonly #intervals: FiringInterval[] = [];
  /** Alerts that fire, by the same key as in the state, with their place in the list. */
  readonly #open = new Map<string, number>();
  #state: RuleState = EMPTY_RULE_STATE;
  #firings = 0;
  #failures = 0;
  #firstError: string | undefined;
  /** Whether labels of alerts come from labels alone, not from values. */
  readonly #fixedLabels: boolean;
  /** The series whose alerts all fire, and will for as long as these are there. */
  #steady: readonly Labels[] | undefined;
  /** The last of the evaluations that were left out for that. */
  #skipped: { readonly timeMs: number; readonly vector: RuleVector } | undefined;

  constructor(rule: CompiledAlertingRule, options: RuleReplayOptions) {
    this.#rule = rule;
    // Texts are for people: they are made for the last evaluation only.
    this.#silent = { ...rule, annotations: [] };
    this.#fixedLabels = rule.labels.every(([, { parsed }]) => parsed === undefined);
    this.#options = options;
    this.#notifications =
      options.routing === undefined ? undefined : new NotificationReplay(options.routing);
  }

  /**
   * One evaluation; times must go up. `isLast` makes the annotations, too. Answers how many alerts were looked at, a
   * measure of the work: where the very list of label sets is that of the step before, it may be none.
   */
  step(timeMs: number, vector: RuleVector, isLast = false): number {
    // Nothing can change: most evaluations of most rules.
    if (vector.labels.length === 0 && this.#state.alerts.size === 0) return 0;
    if (vector.labels === this.#steady && !isLast) {
      this.#skipped = { timeMs, vector };
      return 0;
    }
    // An alert that goes on firing without its condition has the value of the last time that it held.
    if (this.#skipped !== undefined)
      this.#evaluate(this.#skipped.timeMs, this.#skipped.vector, false);
    this.#skipped = undefined;
    return this.#evaluate(timeMs, vector, isLast);
  }

  #evaluate(timeMs: number, vector: RuleVector, isLast: boolean): number {
    const rule = isLast ? this.#rule : this.#silent;
    const step = stepRule(rule, this.#state, vector, timeMs, this.#options);
    this.#state = step.state;
    if (step.status === "failed") {
      this.#failures++;
      this.#firstError ??= step.error;
    }
    const told: GroupAlert[] = [];
    for (const change of step.changes) {
      const alert = this.#note(change);
      if (alert !== undefined) told.push(alert);
    }
    if (told.length > 0) this.#notifications?.update(told, timeMs);
    this.#steady = this.#isSteady(vector) ? vector.labels : undefined;
    return step.state.alerts.size;
  }

  /** Whether all alerts fire because of these series: the same ones change nothing then. */
  #isSteady({ labels }: RuleVector): boolean {
    const { alerts } = this.#state;
    if (!this.#fixedLabels || alerts.size !== labels.length) return false;
    for (const { state } of alerts.values())
      if (state.phase !== "firing" || state.falseSinceMs !== null) return false;
    return true;
  }

  /** As of the end: what is due until then is sent. */
  end(timeMs: number): void {
    this.#notifications?.advance(timeMs);
  }

  get firings(): number {
    return this.#firings;
  }

  /** Evaluations that failed, and why the first did. */
  get failures(): { readonly count: number; readonly firstError: string | undefined } {
    return { count: this.#failures, firstError: this.#firstError };
  }

  /** In the order in which they began, up to `intervalsMax`. */
  get intervals(): readonly FiringInterval[] {
    return this.#intervals;
  }

  /** By receiver. */
  get notifications(): ReadonlyMap<string, number> {
    return this.#notifications?.counts ?? new Map();
  }

  /** Those that are pending or firing after the last step. */
  get alerts(): readonly Alert[] {
    return [...this.#state.alerts.values()].filter(({ state }) => state.phase !== "resolved");
  }

  #note({ transition, alert }: AlertChange): GroupAlert | undefined {
    if (transition !== "fired" && transition !== "resolved") return undefined;
    const { state } = alert;
    if (state.phase === "pending") return undefined;
    const { labels } = alert;
    const key = JSON.stringify(labels);
    const resolvedAtMs = state.phase === "resolved" ? state.resolvedAtMs : undefined;
    if (transition === "fired") {
      this.#firings++;
      if (this.#intervals.length < this.#options.intervalsMax) {
        this.#open.set(key, this.#intervals.length);
        const { activeAtMs, firedAtMs } = state;
        this.#intervals.push({ labels, activeAtMs, firedAtMs, resolvedAtMs, value: alert.value });
      }
    } else {
      const at = this.#open.get(key);
      const open = at === undefined ? undefined : this.#intervals[at];
      if (at !== undefined && open !== undefined) this.#intervals[at] = { ...open, resolvedAtMs };
      this.#open.delete(key);
    }
    return {
      labels: mergeLabels(this.#options.externalLabels, labels),
      annotations: [],
      startsAtMs: state.firedAtMs,
      endsAtMs: resolvedAtMs ?? null,
      generatorUrl: "",
    };
  }
}
