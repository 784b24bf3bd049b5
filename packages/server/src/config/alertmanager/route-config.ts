import type { RouteParts } from "@pharos/alert";
import { quote } from "@pharos/base";
import { z } from "zod";
import { duration, labelMap } from "../field-schemas.ts";
import { nearestName } from "../nearest-name.ts";
import type { Path, YamlSource } from "../yaml-source.ts";
import { equalsSchema, matchersSchema, readMatchers, regexesSchema } from "./matcher-config.ts";

/** A node of the routing tree as the file has it. */
export interface RouteKeys {
  readonly receiver?: string | undefined;
  readonly group_by: readonly string[];
  readonly group_wait?: number | undefined;
  readonly group_interval?: number | undefined;
  readonly repeat_interval?: number | undefined;
  readonly match: Readonly<Record<string, string>>;
  readonly match_re: Readonly<Record<string, string>>;
  readonly matchers: readonly string[];
  readonly mute_time_intervals: readonly string[];
  readonly active_time_intervals: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly continue: boolean;
  readonly routes: readonly RouteKeys[];
}

const nonZero = (name: string) => duration.refine((ms) => ms > 0, `${name} cannot be zero`);

export const routeSchema = z.strictObject({
  receiver: z.string().optional(),
  group_by: z.array(z.string()).default([]),
  group_wait: duration.optional(),
  group_interval: nonZero("group_interval").optional(),
  repeat_interval: nonZero("repeat_interval").optional(),
  match: equalsSchema,
  match_re: regexesSchema,
  matchers: matchersSchema,
  mute_time_intervals: z.array(z.string()).default([]),
  active_time_intervals: z.array(z.string()).default([]),
  labels: labelMap.default({}),
  continue: z.boolean().default(false),
  get routes() {
    return z.array(routeSchema).default([]) as unknown as z.ZodType<readonly RouteKeys[], unknown>;
  },
});

/** What the nodes of the tree refer to, and where problems go. */
export interface RouteSources {
  readonly source: YamlSource;
  readonly receivers: readonly string[];
  readonly timeIntervals: ReadonlySet<string>;
  readonly warn: (path: Path, message: string) => void;
}

/** The section `route`, with Alertmanager's checks of the top node. */
export function topRoute(keys: RouteKeys, sources: RouteSources): RouteParts {
  const { source } = sources;
  const path = ["route"];
  if ((keys.receiver ?? "") === "")
    source.report([...path, "receiver"], "root route must specify a default receiver");
  if (keys.continue) source.reportKey([...path, "continue"], "cannot have continue in root route");
  for (const name of ["match", "match_re", "matchers"] as const)
    if (Object.keys(keys[name]).length > 0)
      source.reportKey(
        [...path, name],
        "root route must not have any matchers; it takes what no route below it does",
      );
  for (const [name, words] of [
    ["mute_time_intervals", "mute time intervals"],
    ["active_time_intervals", "active time intervals"],
  ] as const)
    if (keys[name].length > 0)
      source.reportKey(
        [...path, name],
        `root route must not have any ${words}; set them on a route below it`,
      );
  return routeParts(keys, path, sources);
}

function routeParts(keys: RouteKeys, path: Path, sources: RouteSources): RouteParts {
  const { source, receivers, timeIntervals, warn } = sources;
  const { receiver } = keys;
  if (receiver !== undefined && receiver !== "" && !receivers.includes(receiver))
    source.report(
      [...path, "receiver"],
      `undefined receiver ${quote(receiver)} used in route${hint(receiver, receivers)}`,
    );
  for (const name of ["active_time_intervals", "mute_time_intervals"] as const)
    for (const [index, interval] of keys[name].entries())
      if (!timeIntervals.has(interval))
        source.report(
          [...path, name, index],
          `undefined time interval ${quote(interval)} used in route${hint(interval, timeIntervals)}`,
        );
  const names = { equals: "match", regexes: "match_re", matchers: "matchers" };
  const matcherKeys = { equals: keys.match, regexes: keys.match_re, matchers: keys.matchers };
  return {
    matchers: readMatchers(matcherKeys, names, path, source, warn),
    ...(receiver === undefined ? {} : { receiver }),
    groupBy: groupByOf(keys.group_by, [...path, "group_by"], source),
    ...(keys.group_wait === undefined ? {} : { groupWaitMs: keys.group_wait }),
    ...(keys.group_interval === undefined ? {} : { groupIntervalMs: keys.group_interval }),
    ...(keys.repeat_interval === undefined ? {} : { repeatIntervalMs: keys.repeat_interval }),
    muteTimeIntervals: keys.mute_time_intervals,
    activeTimeIntervals: keys.active_time_intervals,
    labels: Object.entries(keys.labels),
    continues: keys.continue,
    routes: keys.routes.map((child, index) =>
      routeParts(child, [...path, "routes", index], sources),
    ),
  };
}

/** Names of one or two letters are all near to each other: what is meant is no help there. */
const HINT_LENGTH_MIN = 3;

function hint(name: string, known: Iterable<string>): string {
  const nearest = name.length < HINT_LENGTH_MIN ? undefined : nearestName(name, known);
  return nearest === undefined ? "" : `; did you mean ${quote(nearest)}?`;
}

function groupByOf(
  names: readonly string[],
  path: Path,
  source: YamlSource,
): readonly string[] | "all" {
  const seen = new Set<string>();
  for (const [index, name] of names.entries()) {
    const at = [...path, index];
    if (name === "" || !name.isWellFormed())
      source.report(at, `invalid label name ${quote(name)} in group_by list`);
    if (seen.has(name)) source.report(at, `duplicated label ${quote(name)} in group_by`);
    seen.add(name);
  }
  if (!seen.has("...")) return names;
  if (seen.size > 1)
    source.report(path, "cannot have wildcard group_by (`...`) and other labels at the same time");
  return "all";
}
