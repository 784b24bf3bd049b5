import { formatDuration, matchesLabels } from "@pharos/base";
import { type Answer, formatTime, labelsObject, success } from "./answer.ts";
import type { ActiveTarget, ApiDependencies } from "./dependencies.ts";
import { parseSelector } from "./match-parameter.ts";
import { parametersOf } from "./parameters.ts";
import { countParameter } from "./series-routes.ts";

/** `/api/v1/targets?state&scrapePool`: what is scraped, and what relabelling dropped. */
export async function targets(
  request: Request,
  { targets: provider }: Pick<ApiDependencies, "targets">,
): Promise<Answer> {
  const parameters = await parametersOf(request);
  const state = (parameters.get("state") ?? "").toLowerCase() || "any";
  const pool = parameters.get("scrapePool") ?? "";
  const inPool = ({ scrapePool }: { scrapePool: string }): boolean =>
    pool === "" || scrapePool === pool;
  const wants = (one: string): boolean => state === "any" || state === one;
  const dropped = wants("dropped") ? provider.droppedTargets().filter(inPool) : [];
  const droppedCounts = Object.create(null) as Record<string, number>;
  if (wants("dropped"))
    for (const name of provider.scrapePools())
      if (inPool({ scrapePool: name })) droppedCounts[name] = 0;
  for (const { scrapePool } of dropped)
    droppedCounts[scrapePool] = (droppedCounts[scrapePool] ?? 0) + 1;
  return success({
    activeTargets: wants("active") ? provider.activeTargets().filter(inPool).map(targetJson) : [],
    droppedTargets: dropped.map(({ discoveredLabels, scrapePool }) => ({
      discoveredLabels: labelsObject(discoveredLabels),
      scrapePool,
    })),
    droppedTargetCounts: droppedCounts,
  });
}

function targetJson(target: ActiveTarget): unknown {
  return {
    discoveredLabels: labelsObject(target.discoveredLabels),
    labels: labelsObject(target.labels),
    scrapePool: target.scrapePool,
    scrapeUrl: target.scrapeUrl,
    globalUrl: target.globalUrl,
    lastError: target.lastError,
    lastScrape: formatTime(target.lastScrapeMs),
    lastScrapeDuration: target.lastScrapeDurationMs / 1000,
    health: target.health,
    scrapeInterval: formatDuration(target.scrapeIntervalMs),
    scrapeTimeout: formatDuration(target.scrapeTimeoutMs),
  };
}

/** `/api/v1/targets/metadata?match_target&metric&limit`: metadata with the target that gave it. */
export async function targetsMetadata(
  request: Request,
  { metadata }: Pick<ApiDependencies, "metadata">,
): Promise<Answer> {
  const parameters = await parametersOf(request);
  const limit = countParameter(parameters, "limit");
  const matchTarget = parameters.get("match_target") ?? "";
  const matchers = matchTarget === "" ? [] : parseSelector(matchTarget, "match_target");
  const metric = parameters.get("metric") ?? "";
  const list: unknown[] = [];
  for (const { target, metric: name, type, help, unit } of metadata.metadata(metric || undefined)) {
    if (limit !== undefined && list.length >= limit) break;
    if (!matchesLabels(matchers, target)) continue;
    const entry = { target: labelsObject(target), type, help, unit };
    list.push(metric === "" ? { ...entry, metric: name } : entry);
  }
  return success(list);
}

/** `/api/v1/scrape_pools`: the names of the jobs. */
export function scrapePools({ targets: provider }: Pick<ApiDependencies, "targets">): Answer {
  return success({ scrapePools: [...provider.scrapePools()].sort() });
}
