import type { Label } from "@pharos/base";

/** The operators that a threshold may have, as in PromQL. */
export const COMPARISONS = [">", "<", ">=", "<=", "==", "!="] as const;
export type Comparison = (typeof COMPARISONS)[number];

/** What must hold, as people write it down; `conditionText` makes PromQL of it. */
export type RuleCondition =
  /** PromQL; names of metrics may have dots. */
  | { readonly kind: "expr"; readonly expr: string }
  | ThresholdCondition
  | ChangeCondition
  | CompositeCondition;

/** A query compared with a number. */
export interface ThresholdCondition {
  readonly kind: "threshold";
  /** PromQL, usually the name of a metric. */
  readonly query: string;
  readonly operator: Comparison;
  /** A number, or one with its unit: `5%`, `500ms`. */
  readonly threshold: number | string;
  /** Compares the average (of `max`, `min`, `sum`: that) over so long; 0 for the latest value. */
  readonly overMs: number;
}

/** How far a query has moved from where it was a while ago. */
export interface ChangeCondition {
  readonly kind: "change";
  readonly query: string;
  readonly direction: "increases" | "decreases" | "changes";
  readonly operator: ">" | ">=";
  /** In percent of the value then where `percent` is true, else in the query's own unit. */
  readonly amount: number;
  readonly percent: boolean;
  readonly windowMs: number;
}

export interface CompositeCondition {
  readonly kind: "all" | "any";
  readonly conditions: readonly RuleCondition[];
  /** The labels that series of the conditions must have in common; undefined where nobody says. */
  readonly on: readonly string[] | undefined;
}

/** A rule in one of the structured forms, before it is compiled. */
export interface RuleForm {
  /** Undefined where it has none of its own; then the condition is its name. */
  readonly name: string | undefined;
  readonly condition: RuleCondition;
  /** The condition as it was written, for people. */
  readonly text: string;
  readonly forMs: number;
  readonly keepFiringForMs: number;
  readonly labels: readonly Label[];
  readonly annotations: readonly Label[];
  /** Becomes the label `severity`, unless `labels` has one. */
  readonly severity: string | undefined;
  /** Who is told, such as `pagerduty:team-a`; becomes the label `channels`. */
  readonly channels: readonly string[];
}

/** How deep conditions may hold conditions. */
export const CONDITION_DEPTH_MAX = 8;
/** How many conditions a rule may have. */
export const CONDITIONS_MAX = 64;
