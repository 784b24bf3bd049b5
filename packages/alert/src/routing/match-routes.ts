import { type Labels, matchesLabels } from "@pharos/base";
import { MatcherIndex } from "../matching/matcher-index.ts";
import type { Route } from "./route.ts";

/**
 * The nodes that an alert goes to, as Alertmanager finds them: depth first and in the order of the file. A node whose
 * children did not match takes the alert itself; after a child that matched, its siblings are asked only where it says
 * `continue`. Empty where the top node has matchers and does not match, which a configuration file cannot say.
 */
export function matchRoutes(root: Route, labels: Labels): readonly Route[] {
  if (!matchesLabels(root.matchers, labels)) return [];
  const found: Route[] = [];
  collect(root, labels, found);
  return found;
}

/** Adds the nodes at or below one whose matchers hold; there is always one. */
function collect(route: Route, labels: Labels, found: Route[]): void {
  const children = indexOf(route)?.matching(labels) ?? [];
  if (children.length > 1) children.sort((a, b) => a.position - b.position);
  for (const { route: child } of children) {
    collect(child, labels, found);
    if (!child.continues) return;
  }
  if (children.length === 0) found.push(route);
}

interface Child {
  readonly route: Route;
  readonly position: number;
}

const indexes = new WeakMap<Route, MatcherIndex<Child>>();

/** The children of a node by the labels that they want; undefined where it has none. */
function indexOf(route: Route): MatcherIndex<Child> | undefined {
  if (route.routes.length === 0) return undefined;
  let index = indexes.get(route);
  if (index === undefined) {
    index = new MatcherIndex();
    for (const [position, child] of route.routes.entries())
      index.set({ route: child, position }, child.matchers);
    indexes.set(route, index);
  }
  return index;
}
