import { METRIC_NAME, matchesValue } from "@pharos/base";
import { type VectorSelector, walk } from "@pharos/promql/syntax";
import type { CompiledRule } from "./rule.ts";

/** The metrics that alerting rules write. */
const ALERT_METRICS = ["ALERTS", "ALERTS_FOR_STATE"];

/**
 * The rules of a group in waves: what comes of evaluating each wave at once, and writing its results in order before the
 * next, is what comes of evaluating one rule after the other. A wave ends where a rule may read what one before it in the
 * wave writes. In `rules` are all of the group, in order; so they are in the waves.
 */
export function ruleWaves<R extends { readonly compiled: CompiledRule }>(
  rules: readonly R[],
): readonly (readonly R[])[] {
  const waves: R[][] = [];
  let wave: R[] = [];
  let written = new WrittenMetrics();
  for (const rule of rules) {
    if (readsFrom(rule.compiled, written)) {
      waves.push(wave);
      wave = [];
      written = new WrittenMetrics();
    }
    wave.push(rule);
    written.add(rule.compiled);
  }
  if (wave.length > 0) waves.push(wave);
  return waves;
}

/** What the rules of a wave write. */
class WrittenMetrics {
  readonly #recorded = new Set<string>();
  readonly #alerts = new Set<string>();

  add({ kind, rule }: CompiledRule): void {
    if (kind === "record") this.#recorded.add(rule.name);
    else this.#alerts.add(rule.name);
  }

  get isEmpty(): boolean {
    return this.#recorded.size === 0 && this.#alerts.size === 0;
  }

  /** Whether a selector may match any of it. */
  mayMatch({ matchers }: VectorSelector): boolean {
    const ofName = matchers.filter(({ name }) => name === METRIC_NAME);
    const names = (name: string): boolean => ofName.every((matcher) => matchesValue(matcher, name));
    const exact = ofName.find(({ type }) => type === "=");
    const recorded = exact === undefined ? this.#recorded : [exact.value];
    for (const name of recorded) if (this.#recorded.has(name) && names(name)) return true;
    if (!ALERT_METRICS.some(names)) return false;
    const ofAlert = matchers.filter(({ name }) => name === "alertname");
    for (const alert of this.#alerts)
      if (ofAlert.every((matcher) => matchesValue(matcher, alert))) return true;
    return false;
  }
}

function readsFrom(rule: CompiledRule, written: WrittenMetrics): boolean {
  if (written.isEmpty) return false;
  let reads = rule.kind === "alert" && asksInTemplates(rule.annotations, rule.labels);
  walk(rule.expr, (expr) => {
    // `info` reads metrics that its text does not name.
    if (expr.kind === "call" && expr.func === "info") reads = true;
    else if (expr.kind === "vector" && written.mayMatch(expr)) reads = true;
  });
  return reads;
}

/** Whether templates may ask for anything at all, by `query`. */
function asksInTemplates(
  ...lists: readonly (readonly (readonly [string, { readonly source: string }])[])[]
): boolean {
  return lists.some((list) => list.some(([, { source }]) => /\{\{[\s\S]*query/.test(source)));
}
