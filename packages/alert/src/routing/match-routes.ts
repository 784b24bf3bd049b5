import { type Labels, type Matcher, matchesLabels } from "@pharos/base";
import type { Route } from "./route.ts";

/**
 * The nodes that an alert goes to, as Alertmanager finds them: depth first and in the order of the file. A node whose
 * children did not match takes the alert itself; after a child that matched, its siblings are asked only where it says
 * `continue`. Empty where the top node has matchers and does not match, which a configuration file cannot say.
 */
export function matchRoutes(root: Route, labels: Labels): readonly Route[] {
  const found: Route[] = [];
  collect(root, labels, found);
  return found;
}

function collect(route: Route, labels: Labels, found: Route[]): boolean {
  if (!matchesLabels(testOrder(route), labels)) return false;
  const before = found.length;
  for (const child of route.routes) if (collect(child, labels, found) && !child.continues) break;
  if (found.length === before) found.push(route);
  return true;
}

const testOrders = new WeakMap<Route, readonly Matcher[]>();

/** Comparisons before regular expressions: most nodes are refused by the cheap ones. */
function testOrder(route: Route): readonly Matcher[] {
  let order = testOrders.get(route);
  if (order === undefined) {
    order = [...route.matchers].sort((a, b) => Number("regex" in a) - Number("regex" in b));
    testOrders.set(route, order);
  }
  return order;
}

/** A node of the tree as it looked to one alert. */
export interface ExplainedRoute {
  readonly route: Route;
  readonly outcome: /** The alert goes to this node's receiver. */
    | "taken"
    /** Its matchers hold, and a node below it took the alert. */
    | "passed"
    /** `failedMatcher` does not hold; nothing below was asked. */
    | "refused"
    /** A sibling before it took the alert and does not say `continue`, or the node above was not entered. */
    | "not asked";
  /** The first matcher that does not hold; only for "refused". */
  readonly failedMatcher?: Matcher;
  readonly routes: readonly ExplainedRoute[];
}

/** The whole tree with what became of one alert at each node. The nodes "taken" are those of `matchRoutes`, in order. */
export function explainRoute(root: Route, labels: Labels): ExplainedRoute {
  const failedMatcher = root.matchers.find((matcher) => !matchesLabels([matcher], labels));
  if (failedMatcher !== undefined)
    return { route: root, outcome: "refused", failedMatcher, routes: root.routes.map(notAsked) };
  let entered = false;
  let isOver = false;
  const routes = root.routes.map((child) => {
    if (isOver) return notAsked(child);
    const explained = explainRoute(child, labels);
    if (explained.outcome !== "refused") {
      entered = true;
      isOver = !child.continues;
    }
    return explained;
  });
  return { route: root, outcome: entered ? "passed" : "taken", routes };
}

function notAsked(route: Route): ExplainedRoute {
  return { route, outcome: "not asked", routes: route.routes.map(notAsked) };
}
