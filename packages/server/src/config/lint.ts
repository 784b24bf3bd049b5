import { type RuleGroup, ruleLabels } from "@pharos/alert";
import { formatDuration, formatLabels, labelsFrom, METRIC_NAME } from "@pharos/base";
import type { ScrapeJob } from "@pharos/collect";

/** What can be looked for in files that load: legal, and most often a mistake. Names as promtool has them. */
export const LINTS = ["duplicate-rules", "too-long-scrape-interval"] as const;
export type Lint = (typeof LINTS)[number];

/** How far back an instant query looks: samples that are further apart have gaps between them. */
const LOOKBACK_MS = 300_000;

export interface LintChoice {
  readonly lints: ReadonlySet<Lint>;
  /** Names that mean nothing; they are passed over, as promtool does. */
  readonly unknown: readonly string[];
}

/** Reads what `--lint` was given: names with commas between them, `all`, or `none`, which goes before all others. */
export function chooseLints(given: string): LintChoice {
  const names = given.split(",");
  const lints = LINTS.filter((lint) => names.includes(lint) || names.includes("all"));
  const known: readonly string[] = [...LINTS, "all", "none"];
  return {
    lints: new Set(names.includes("none") ? [] : lints),
    unknown: names.filter((name) => !known.includes(name)),
  };
}

/** One line for each name with labels that several rules of a file write: their samples may contradict each other. */
export function duplicateRules(groups: readonly RuleGroup[]): string[] {
  const writers = new Map<string, string[]>();
  for (const group of groups)
    for (const [at, rule] of group.rules.entries()) {
      const labels = labelsFrom([...ruleLabels(rule, group), [METRIC_NAME, rule.name]]);
      const written = `${group.file}: lint: ${formatLabels(labels)}`;
      const places = writers.get(written) ?? [];
      places.push(`rule ${at + 1} of group ${JSON.stringify(group.name)}`);
      writers.set(written, places);
    }
  return [...writers]
    .filter(([, places]) => places.length > 1)
    .map(([written, places]) => `${written} is written by several rules: ${places.join(", ")}`);
}

/** One line for each job whose samples are too far apart for an instant query to find one at any time. */
export function longIntervals(jobs: readonly ScrapeJob[], file: string): string[] {
  return jobs
    .filter(({ scrapeIntervalMs }) => scrapeIntervalMs >= LOOKBACK_MS)
    .map(
      ({ jobName, scrapeIntervalMs }) =>
        `${file}: lint: job ${JSON.stringify(jobName)} is scraped every ${formatDuration(scrapeIntervalMs)}: ` +
        `its series have gaps, since queries look back ${formatDuration(LOOKBACK_MS)}`,
    );
}
