import { type Labels, type Matcher, matchesLabels } from "@pharos/base";
import { ROLLUP_TIERS } from "@pharos/ports";
import { compileMatchers, type MatcherText } from "../rollup/rollup-policy.ts";

/** What a series is kept as: its samples, and the rollup tiers from the finest to the coarsest. */
export const STORAGE_TIERS = ["raw", ...ROLLUP_TIERS] as const;

export type StorageTier = (typeof STORAGE_TIERS)[number];

/** How long each tier is kept, in ms: 0 for not at all, Infinity for ever. */
export type KeepMs = Readonly<Record<StorageTier, number>>;

/** A retention for the series that match. */
export interface RetentionRule {
  /** All of them must match; empty for every series. */
  readonly matchers: readonly Matcher[];
  readonly keepMs: KeepMs;
}

/** How long each series is kept: the first rule that matches decides, and `fallback` where none does. */
export interface RetentionPolicy {
  readonly rules: readonly RetentionRule[];
  readonly fallback: KeepMs;
}

const DAY_MS = 86_400_000;
const YEAR_MS = 365 * DAY_MS;
const FOREVER = Number.POSITIVE_INFINITY;

/**
 * Retentions by name. `s0` to `s4` are five pyramids that monitoring systems of different sizes use; `widest` keeps of
 * each tier as long as most of them do or longer, and is the default.
 */
export const RETENTION_PRESETS = {
  /** Samples alone, for a year: where an archive takes the older ones. */
  s0: { raw: YEAR_MS, "1m": 0, "5m": 0, "1h": 0, "1d": 0 },
  s1: { raw: 7 * DAY_MS, "1m": 30 * DAY_MS, "5m": 0, "1h": YEAR_MS, "1d": 0 },
  s2: { raw: 7 * DAY_MS, "1m": 30 * DAY_MS, "5m": 90 * DAY_MS, "1h": YEAR_MS, "1d": FOREVER },
  s3: { raw: 14 * DAY_MS, "1m": 0, "5m": 90 * DAY_MS, "1h": YEAR_MS, "1d": 0 },
  /** For a second between samples. */
  s4: { raw: DAY_MS, "1m": 7 * DAY_MS, "5m": 30 * DAY_MS, "1h": YEAR_MS, "1d": FOREVER },
  widest: { raw: 14 * DAY_MS, "1m": 30 * DAY_MS, "5m": 90 * DAY_MS, "1h": YEAR_MS, "1d": FOREVER },
} as const satisfies Readonly<Record<string, KeepMs>>;

export type RetentionPreset = keyof typeof RETENTION_PRESETS;

export const DEFAULT_RETENTION_PRESET: RetentionPreset = "widest";

/** What a user says about retention, as plain data; the rest comes from the preset. */
export interface RetentionWishes {
  readonly preset: RetentionPreset;
  /** How long samples are kept where no rule says otherwise; undefined for as the preset has it. */
  readonly rawMs: number | undefined;
  /** What a rule leaves out is as where no rule matches. */
  readonly rules: readonly {
    readonly matchers: readonly MatcherText[];
    readonly keepMs: Partial<KeepMs>;
  }[];
}

/** The policy that follows, with all that was left out filled in. */
export function retentionPolicy({ preset, rawMs, rules }: RetentionWishes): RetentionPolicy {
  const named: KeepMs = RETENTION_PRESETS[preset];
  const fallback = rawMs === undefined ? named : { ...named, raw: rawMs };
  return {
    rules: rules.map(({ matchers, keepMs }) => ({
      matchers: compileMatchers(matchers),
      keepMs: { ...fallback, ...keepMs },
    })),
    fallback,
  };
}

/** Which rule holds for a series: its place in the list, or -1 for the fallback. */
export function retentionRuleOf({ rules }: RetentionPolicy, labels: Labels): number {
  return rules.findIndex(({ matchers }) => matchesLabels(matchers, labels));
}

/** The retention at a place that `retentionRuleOf` gave. */
export function keepOfRule({ rules, fallback }: RetentionPolicy, rule: number): KeepMs {
  return rules[rule]?.keepMs ?? fallback;
}

/** How long a series is kept. */
export function seriesRetention(policy: RetentionPolicy, labels: Labels): KeepMs {
  return keepOfRule(policy, retentionRuleOf(policy, labels));
}

/** The longest that any series' samples or rows are kept. */
export function keepMsMax({ rules, fallback }: RetentionPolicy, tier: StorageTier): number {
  return rules.reduce((max, { keepMs }) => Math.max(max, keepMs[tier]), fallback[tier]);
}

/** The shortest; 0 where a rule does not keep the tier at all. */
export function keepMsMin({ rules, fallback }: RetentionPolicy, tier: StorageTier): number {
  return rules.reduce((min, { keepMs }) => Math.min(min, keepMs[tier]), fallback[tier]);
}
