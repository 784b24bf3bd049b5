import { assert, type Labels, labelValue, type Matcher, matchesLabels } from "@pharos/base";
import { MatcherIndex } from "../matching/matcher-index.ts";

/** One kind of alert that must be firing for a rule to hold. */
export interface InhibitSource {
  readonly matchers: readonly Matcher[];
  /** Labels whose values must be the same in source and target; a label that is absent has the value "". */
  readonly equal: readonly string[];
}

/** While alerts of all `sources` fire, those of `targetMatchers` are not notified. */
export interface InhibitRule {
  /** May be "". */
  readonly name: string;
  /** At least one; more than one is Alertmanager's `sources`, of which each must have an alert. */
  readonly sources: readonly InhibitSource[];
  readonly targetMatchers: readonly Matcher[];
}

/** What inhibition must know of an alert. */
export interface InhibitingAlert {
  readonly fingerprint: string;
  readonly labels: Labels;
  /** When it is over; null while nothing says so. */
  readonly endsAtMs: number | null;
}

/** How many sources an alert is told to be inhibited by, of each source of a rule: enough to go and look. */
export const INHIBITORS_SHOWN_MAX = 10;

/** Alerts of one source that have the same values of the `equal` labels, by fingerprint. */
interface SameAlerts {
  /** Those for which the rule's target matchers hold as well: apart, so that a question need not look through them. */
  readonly targets: Map<string, InhibitingAlert>;
  readonly others: Map<string, InhibitingAlert>;
}

interface IndexedSource {
  readonly rule: IndexedRule;
  readonly source: InhibitSource;
  /** By the values of the `equal` labels. */
  readonly alerts: Map<string, SameAlerts>;
}

interface IndexedRule {
  readonly position: number;
  readonly rule: InhibitRule;
  readonly sources: IndexedSource[];
}

/**
 * Which alerts are inhibited by others, as Alertmanager decides it. The owner tells it of every alert that fires,
 * changes or ends; it finds sources by the values of the `equal` labels, so that a question costs about the same
 * however many alerts there are.
 */
export class Inhibitor {
  readonly #targets = new MatcherIndex<IndexedRule>();
  readonly #sources = new MatcherIndex<IndexedSource>();

  constructor(rules: readonly InhibitRule[]) {
    for (const [position, rule] of rules.entries()) {
      assert(rule.sources.length > 0, `inhibit rule ${position} has no source`);
      const indexed: IndexedRule = { position, rule, sources: [] };
      this.#targets.set(indexed, rule.targetMatchers);
      for (const source of rule.sources) {
        const indexedSource: IndexedSource = { rule: indexed, source, alerts: new Map() };
        indexed.sources.push(indexedSource);
        this.#sources.set(indexedSource, source.matchers);
      }
    }
  }

  /** Takes in an alert; one with the same fingerprint is replaced. One that is over may be given as well. */
  set(alert: InhibitingAlert): void {
    for (const { rule, source, alerts } of this.#sources.matching(alert.labels)) {
      const same = alerts.getOrInsertComputed(equalKey(source.equal, alert.labels), noAlerts);
      const isTarget = matchesLabels(rule.rule.targetMatchers, alert.labels);
      (isTarget ? same.targets : same.others).set(alert.fingerprint, alert);
    }
  }

  /** Forgets an alert; its labels say where it stands. */
  delete(fingerprint: string, labels: Labels): void {
    for (const { source, alerts } of this.#sources.matching(labels)) {
      const key = equalKey(source.equal, labels);
      const same = alerts.get(key);
      if (same === undefined) continue;
      same.targets.delete(fingerprint);
      same.others.delete(fingerprint);
      if (isEmpty(same)) alerts.delete(key);
    }
  }

  /**
   * The fingerprints of the alerts that inhibit one with these labels: empty where none does. They are of the first
   * rule that holds, at most `INHIBITORS_SHOWN_MAX` for each of its sources.
   *
   * An alert that a rule has for a source as well as for a target is inhibited only by such that are no target:
   * otherwise it would inhibit itself, and two like it each other.
   */
  inhibitedBy(labels: Labels, nowMs: number): readonly string[] {
    const rules = this.#targets.matching(labels);
    if (rules.length > 1) rules.sort((a, b) => a.position - b.position);
    for (const rule of rules) {
      const found = inhibitorsOf(rule, labels, nowMs);
      if (found.size > 0) return [...found];
    }
    return [];
  }
}

/** The alerts by which the rule inhibits one with these labels; each source must have some. */
function inhibitorsOf(rule: IndexedRule, labels: Labels, nowMs: number): ReadonlySet<string> {
  const isSource = rule.sources.some(({ source }) => matchesLabels(source.matchers, labels));
  const found = new Set<string>();
  for (const { source, alerts } of rule.sources) {
    const same = alerts.get(equalKey(source.equal, labels));
    if (same === undefined) return NOBODY;
    const firing: string[] = [];
    addFiring(same.others, nowMs, firing);
    if (!isSource) addFiring(same.targets, nowMs, firing);
    if (firing.length === 0) return NOBODY;
    for (const fingerprint of firing) found.add(fingerprint);
  }
  return found;
}

function addFiring(
  alerts: ReadonlyMap<string, InhibitingAlert>,
  nowMs: number,
  firing: string[],
): void {
  for (const alert of alerts.values()) {
    if (firing.length >= INHIBITORS_SHOWN_MAX) return;
    if (!isOver(alert, nowMs)) firing.push(alert.fingerprint);
  }
}

const NOBODY: ReadonlySet<string> = new Set();

function noAlerts(): SameAlerts {
  return { targets: new Map(), others: new Map() };
}

function isEmpty({ targets, others }: SameAlerts): boolean {
  return targets.size === 0 && others.size === 0;
}

function isOver(alert: InhibitingAlert, nowMs: number): boolean {
  return alert.endsAtMs !== null && alert.endsAtMs <= nowMs;
}

/** Different for different values: each with its length, since no character is one that a value cannot have. */
function equalKey(equal: readonly string[], labels: Labels): string {
  let key = "";
  for (const name of equal) {
    const value = labelValue(labels, name);
    key += `${value.length},${value}`;
  }
  return key;
}
