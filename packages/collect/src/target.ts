import { createHash } from "node:crypto";
import {
  DURATION_HINT,
  errorText,
  formatDuration,
  type Labels,
  labelsFrom,
  labelsKey,
  labelValue,
  OperatingError,
  parseDuration,
  quote,
} from "@pharos/base";
import { relabel } from "./relabel.ts";
import type { ScrapeJob, TargetGroup } from "./scrape-job.ts";

/** One endpoint to scrape. */
export interface Target {
  /** The same for the same endpoint with the same labels, over reloads and restarts. */
  readonly key: string;
  readonly url: string;
  /** What every scraped series gets; no label here starts with `__`. */
  readonly labels: Labels;
  /** As discovered, before relabelling. */
  readonly discoveredLabels: Labels;
  readonly scrapeIntervalMs: number;
  readonly scrapeTimeoutMs: number;
}

/** A target that is not scraped: relabelling dropped it, or it makes no sense. */
export interface DroppedTarget {
  readonly discoveredLabels: Labels;
  /** Why it cannot be scraped; undefined where a relabelling rule dropped it. */
  readonly error: string | undefined;
}

export interface ResolvedTargets {
  /** Each key once. */
  readonly active: readonly Target[];
  readonly dropped: readonly DroppedTarget[];
}

const PARAM_PREFIX = "__param_";

/** Gives each discovered target its labels, runs the job's relabelling, and sorts out what cannot be scraped. */
export function resolveTargets(job: ScrapeJob, groups: readonly TargetGroup[]): ResolvedTargets {
  const active = new Map<string, Target>();
  const dropped: DroppedTarget[] = [];
  for (const group of groups)
    for (const own of group.targets) {
      const discoveredLabels = discoveredLabelsOf(job, group, own);
      try {
        const target = resolveTarget(job, discoveredLabels);
        if (target === undefined) dropped.push({ discoveredLabels, error: undefined });
        else active.set(target.key, target);
      } catch (error) {
        if (!(error instanceof OperatingError)) throw error;
        dropped.push({ discoveredLabels, error: errorText(error) });
      }
    }
  return { active: [...active.values()], dropped };
}

function discoveredLabelsOf(job: ScrapeJob, group: TargetGroup, own: Labels): Labels {
  const set = new Map<string, string>([
    ["job", job.jobName],
    ["__scheme__", job.scheme],
    ["__metrics_path__", job.metricsPath],
    ["__scrape_interval__", formatDuration(job.scrapeIntervalMs)],
    ["__scrape_timeout__", formatDuration(job.scrapeTimeoutMs)],
  ]);
  for (const [name, value] of group.labels) set.set(name, value);
  for (const [name, value] of own) set.set(name, value);
  for (const [name, [first]] of Object.entries(job.params))
    if (first !== undefined) set.set(PARAM_PREFIX + name, first);
  return labelsFrom(set);
}

/** Undefined where a rule drops it. @throws OperatingError `config.invalid` where it cannot be scraped. */
function resolveTarget(job: ScrapeJob, discoveredLabels: Labels): Target | undefined {
  const all = relabel(discoveredLabels, job.relabelRules);
  if (all === undefined) return undefined;
  const address = labelValue(all, "__address__");
  if (address === "") throw invalid("no address");
  if (address.includes("/")) throw invalid(`${quote(address)} is not a valid hostname`);
  const scrapeIntervalMs = durationLabel(all, "__scrape_interval__", "scrape interval");
  const scrapeTimeoutMs = durationLabel(all, "__scrape_timeout__", "scrape timeout");
  if (scrapeTimeoutMs > scrapeIntervalMs)
    throw invalid(
      `scrape timeout cannot be greater than scrape interval (${formatDuration(scrapeTimeoutMs)} > ${formatDuration(scrapeIntervalMs)})`,
    );
  for (const [name, value] of all)
    if (!value.isWellFormed()) throw invalid(`invalid label value for ${quote(name)}: not UTF-8`);

  const labels = publicLabels(all, address);
  const url = urlOf(job, all, address);
  const key = `${labelsKey(labels)}${url}`;
  return { key, url, labels, discoveredLabels, scrapeIntervalMs, scrapeTimeoutMs };
}

function durationLabel(labels: Labels, name: string, what: string): number {
  const text = labelValue(labels, name);
  const ms = parseDuration(text);
  if (ms === undefined)
    throw invalid(`error parsing ${what}: not ${DURATION_HINT}: ${quote(text)}`);
  if (ms === 0) throw invalid(`${what} cannot be 0`);
  return ms;
}

function publicLabels(all: Labels, address: string): Labels {
  const labels = all.filter(([name]) => !name.startsWith("__"));
  if (labelValue(labels, "instance") !== "") return labels;
  return labelsFrom([...labels, ["instance", address]]);
}

function urlOf(job: ScrapeJob, all: Labels, address: string): string {
  const scheme = labelValue(all, "__scheme__") || "http";
  if (scheme !== "http" && scheme !== "https") throw invalid(`invalid scheme: ${quote(scheme)}`);
  const path = labelValue(all, "__metrics_path__");
  // A "?" in the path belongs to the path: queries are `params`.
  const escapedPath = encodeURI(path).replaceAll("?", "%3F").replaceAll("#", "%23");
  const slash = path.startsWith("/") ? "" : "/";
  const query = queryOf(job, all);
  const url = `${scheme}://${address}${slash}${escapedPath}${query === "" ? "" : `?${query}`}`;
  if (!URL.canParse(url)) throw invalid(`${quote(address)} is not a valid address`);
  return url;
}

/** The job's parameters, where `__param_<name>` replaces the first value of each; sorted by name. */
function queryOf(job: ScrapeJob, all: Labels): string {
  const params = new Map(Object.entries(job.params).map(([name, values]) => [name, [...values]]));
  for (const [label, value] of all) {
    if (!label.startsWith(PARAM_PREFIX)) continue;
    const name = label.slice(PARAM_PREFIX.length);
    params.set(name, [value, ...(params.get(name) ?? []).slice(1)]);
  }
  const query = new URLSearchParams();
  for (const [name, values] of [...params].sort(([a], [b]) => (a < b ? -1 : 1)))
    for (const value of values) query.append(name, value);
  return query.toString();
}

function invalid(message: string): OperatingError {
  return new OperatingError("config.invalid", message);
}

/**
 * When in its interval a target is scraped: ms in [0, interval). It follows from the target's identity, so that targets
 * spread evenly, and so that a restart keeps the rhythm. `seed` tells apart several servers with the same targets.
 */
export function scrapeOffsetMs(target: Target, seed: string): number {
  const hash = createHash("md5").update(`${seed}\n${target.key}`).digest();
  return hash.readUIntBE(0, 6) % target.scrapeIntervalMs;
}
