import { compareUtf8, type Matcher, OperatingError } from "@pharos/base";
import { formatAlertMatchers } from "../matching/format-alert-matcher.ts";
import type { Route } from "./route.ts";

/** What a node of the routing tree says itself; what is absent it has from its parent. */
export interface RouteParts {
  /** In any order; those of `match` and `match_re` among them. */
  readonly matchers?: readonly Matcher[];
  readonly receiver?: string;
  /** An empty list says nothing, as in Alertmanager: the parent's labels stand. */
  readonly groupBy?: readonly string[] | "all";
  readonly groupWaitMs?: number;
  readonly groupIntervalMs?: number;
  readonly repeatIntervalMs?: number;
  /** These two hold for the node itself and are not inherited. */
  readonly muteTimeIntervals?: readonly string[];
  readonly activeTimeIntervals?: readonly string[];
  /** What the node adds to its parent's route labels; one with the same name stands in place of the parent's. */
  readonly labels?: readonly (readonly [name: string, template: string])[];
  readonly continues?: boolean;
  readonly routes?: readonly RouteParts[];
}

/** What the top node has where it says nothing: Alertmanager's times. */
export const TOP_ROUTE: Pick<
  Route,
  "receiver" | "groupBy" | "groupWaitMs" | "groupIntervalMs" | "repeatIntervalMs" | "labels"
> = {
  receiver: "",
  groupBy: [],
  groupWaitMs: 30_000,
  groupIntervalMs: 5 * 60_000,
  repeatIntervalMs: 4 * 3_600_000,
  labels: [],
};

/** How many nodes a tree may have, and how many may stand below one another: keys grow with the depth. */
export const ROUTES_MAX = 20_000;
export const ROUTE_DEPTH_MAX = 50;

/**
 * The tree with everything inherited, and each node with its key and id as Alertmanager forms them.
 *
 * @throws OperatingError `config.invalid` where the tree is too large or too deep.
 */
export function buildRoute(parts: RouteParts): Route {
  const count = countRoutes(parts, 1);
  if (count > ROUTES_MAX)
    throw new OperatingError(
      "config.invalid",
      `${count} routes; at most ${ROUTES_MAX} are allowed`,
    );
  return build(parts, TOP_ROUTE, undefined, 0);
}

function countRoutes({ routes = [] }: RouteParts, depth: number): number {
  if (depth > ROUTE_DEPTH_MAX) {
    const message = `routes more than ${ROUTE_DEPTH_MAX} deep; put some of them side by side`;
    throw new OperatingError("config.invalid", message);
  }
  return routes.reduce((count, child) => count + countRoutes(child, depth + 1), 1);
}

function build(
  parts: RouteParts,
  inherited: typeof TOP_ROUTE,
  parent: Pick<Route, "key" | "id"> | undefined,
  position: number,
): Route {
  const matchers = [...(parts.matchers ?? [])].sort(compareMatchers);
  const ownKey = formatAlertMatchers(matchers);
  const key = parent === undefined ? ownKey : `${parent.key}/${ownKey}`;
  // With the positions of all nodes above: siblings that look alike may have children that look alike.
  const id = parent === undefined ? ownKey : `${parent.id}/${ownKey}/${position}`;
  const options = {
    receiver: parts.receiver || inherited.receiver,
    groupBy: isEmpty(parts.groupBy) ? inherited.groupBy : parts.groupBy,
    groupWaitMs: parts.groupWaitMs ?? inherited.groupWaitMs,
    groupIntervalMs: parts.groupIntervalMs ?? inherited.groupIntervalMs,
    repeatIntervalMs: parts.repeatIntervalMs ?? inherited.repeatIntervalMs,
    labels: [...new Map([...inherited.labels, ...(parts.labels ?? [])])],
  };
  return {
    key,
    id,
    matchers,
    ...options,
    muteTimeIntervals: parts.muteTimeIntervals ?? [],
    activeTimeIntervals: parts.activeTimeIntervals ?? [],
    continues: parts.continues ?? false,
    routes: (parts.routes ?? []).map((child, index) => build(child, options, { key, id }, index)),
  };
}

function isEmpty(groupBy: RouteParts["groupBy"]): groupBy is undefined | readonly [] {
  return groupBy === undefined || groupBy.length === 0;
}

const TYPE_ORDER = ["=", "!=", "=~", "!~"];

/** By name, value, kind: the order in which Alertmanager writes a node's matchers into its key. */
function compareMatchers(a: Matcher, b: Matcher): number {
  return (
    compareUtf8(a.name, b.name) ||
    compareUtf8(a.value, b.value) ||
    TYPE_ORDER.indexOf(a.type) - TYPE_ORDER.indexOf(b.type)
  );
}

/** Every node of the tree, parents before their children. */
export function* walkRoutes(root: Route): Generator<Route> {
  yield root;
  for (const child of root.routes) yield* walkRoutes(child);
}
