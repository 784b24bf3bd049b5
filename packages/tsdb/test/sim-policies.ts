import { createMatcher, matchesLabels, type Rng } from "@pharos/base";
import { ROLLUP_TIERS, type RollupTier } from "@pharos/ports";
import type { RetentionWishes } from "../src/retention/retention-policy.ts";
import type { MatcherText, RollupWishes } from "../src/rollup/rollup-policy.ts";
import type { ChangeableSettings } from "../src/store-settings.ts";
import type { RowsFrom } from "./sim-rollups.ts";
import { LABEL_SETS, type Model } from "./store-model.ts";

const HOUR_MS = 3_600_000;
const EVEN: MatcherText = { type: "=", name: "even", value: "1" };
const FIRST_HOSTS: MatcherText = { type: "=~", name: "host", value: "h[0-3]" };

type Rules = RetentionWishes["rules"];

/** How long samples are kept, in ms, and the rules beside that. */
interface Retention {
  readonly retentionMs: number;
  readonly rules: Rules;
}

const RETENTIONS: readonly Retention[] = [
  { retentionMs: Number.POSITIVE_INFINITY, rules: [] },
  { retentionMs: 12 * HOUR_MS, rules: [] },
  {
    retentionMs: 30 * HOUR_MS,
    rules: [{ matchers: [EVEN], keepMs: { raw: 6 * HOUR_MS, "1m": 24 * HOUR_MS } }],
  },
  {
    retentionMs: 8 * HOUR_MS,
    rules: [
      { matchers: [FIRST_HOSTS], keepMs: { raw: 48 * HOUR_MS } },
      { matchers: [EVEN], keepMs: { raw: 12 * HOUR_MS, "1h": 0 } },
    ],
  },
];

const ROLLUPS: readonly RollupWishes[] = [
  [{ matchers: [], tiers: ["1m", "1h"], quantiles: ["1h"] }],
  [{ matchers: [], tiers: ROLLUP_TIERS, quantiles: ROLLUP_TIERS }],
  [
    { matchers: [EVEN], tiers: ["5m"], quantiles: [] },
    { matchers: [], tiers: ["1h", "1d"], quantiles: ["1d"] },
  ],
];

function matches(matchers: readonly MatcherText[], series: number): boolean {
  const compiled = matchers.map(({ type, name, value }) => createMatcher(type, name, value));
  return matchesLabels(compiled, LABEL_SETS[series] ?? []);
}

/** The settings of a simulated store that change while it is open, and what follows from them, worked out naively. */
export class SimPolicies {
  #retention: Retention;
  #rollups: RollupWishes;
  #outOfOrderWindowMs: number;
  /** When a series last began to get a tier, or what had expired of its rows since, whatever the settings became. */
  readonly #rowsFromMs = LABEL_SETS.map(() => new Map<RollupTier, number>());

  constructor(rng: Rng) {
    this.#retention = RETENTIONS[rng.chance(50) ? 0 : rng.below(RETENTIONS.length)] as Retention;
    // Most runs have none, as rollups make every flush several times as long.
    this.#rollups = rng.chance(65) ? [] : (ROLLUPS[rng.below(ROLLUPS.length)] as RollupWishes);
    this.#outOfOrderWindowMs = 30 * 60_000;
    this.#noteRows(Number.NEGATIVE_INFINITY);
  }

  get settings(): ChangeableSettings {
    return {
      retentionMs: this.#retention.retentionMs,
      retention: { preset: "widest", rules: this.#retention.rules },
      retentionSizeMax: 0,
      rollups: this.#rollups,
      outOfOrderWindowMs: this.#outOfOrderWindowMs,
    };
  }

  change(rng: Rng, nowMs: number): void {
    this.#expireRows(nowMs);
    this.#retention = RETENTIONS[rng.below(RETENTIONS.length)] as Retention;
    if (rng.chance(30) && this.hasRollups)
      this.#rollups = ROLLUPS[rng.below(ROLLUPS.length)] as RollupWishes;
    this.#outOfOrderWindowMs = rng.chance(50) ? 30 * 60_000 : 5 * 60_000;
    this.#noteRows(nowMs);
  }

  get hasRollups(): boolean {
    return this.#rollups.length > 0;
  }

  #keepMs(series: number, tier: "raw" | RollupTier): number {
    const { rules, retentionMs } = this.#retention;
    const rule = rules.find(({ matchers }) => matches(matchers, series));
    return rule?.keepMs[tier] ?? (tier === "raw" ? retentionMs : Number.POSITIVE_INFINITY);
  }

  /** How long the samples are kept that are kept longest. */
  get keepMsMax(): number {
    return Math.max(...LABEL_SETS.keys().map((series) => this.#keepMs(series, "raw")));
  }

  /** Tells the model what may go from now on. */
  expire(model: Model, nowMs: number): void {
    for (const series of LABEL_SETS.keys())
      model.expire(series, nowMs - this.#keepMs(series, "raw"));
    this.#expireRows(nowMs);
  }

  /** Rows that have expired do not come back when they are to be kept for longer. */
  #expireRows(nowMs: number): void {
    for (const [series, since] of this.#rowsFromMs.entries())
      for (const [tier, fromMs] of since)
        since.set(tier, Math.max(fromMs, nowMs - this.#keepMs(series, tier)));
  }

  #noteRows(nowMs: number): void {
    for (const [series, since] of this.#rowsFromMs.entries())
      for (const tier of ROLLUP_TIERS) {
        const rule = this.#rollups.find(({ matchers }) => matches(matchers, series));
        const wanted = rule?.tiers.includes(tier) === true && this.#keepMs(series, tier) > 0;
        if (!wanted) since.delete(tier);
        else if (!since.has(tier)) since.set(tier, nowMs);
      }
  }

  /** From when on the rows of a series have to be there. */
  rowsFrom(nowMs: number): RowsFrom {
    return (series, tier) =>
      Math.max(
        this.#rowsFromMs[series]?.get(tier) ?? Number.POSITIVE_INFINITY,
        nowMs - this.#keepMs(series, tier),
      );
  }
}
