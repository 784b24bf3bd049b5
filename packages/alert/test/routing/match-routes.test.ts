import { deepEqual, equal, throws } from "node:assert/strict";
import { test } from "node:test";
import { type Labels, labelsFrom, matchesLabels } from "@pharos/base";
import fc from "fast-check";
import { parseMatchers } from "../../src/matching/parse-matchers.ts";
import {
  buildRoute,
  ROUTE_DEPTH_MAX,
  ROUTES_MAX,
  type RouteParts,
  walkRoutes,
} from "../../src/routing/build-route.ts";
import { matchRoutes } from "../../src/routing/match-routes.ts";
import type { Route } from "../../src/routing/route.ts";

/** A node: its matchers, its receiver (or what it says itself), its children. */
function node(
  matchers: string,
  said: string | RouteParts,
  ...routes: readonly RouteParts[]
): RouteParts {
  const parts = typeof said === "string" ? { receiver: said } : said;
  return { ...parts, matchers: parseMatchers(matchers).matchers, routes };
}

function receivers(root: Route, labels: Readonly<Record<string, string>>): string {
  return matchRoutes(root, labelsFrom(labels))
    .map(({ receiver }) => receiver)
    .join(" ");
}

const TREE = buildRoute(
  node(
    "",
    { receiver: "default", groupBy: ["alertname"] },
    node(
      'owner="team-A"',
      "a",
      node('env="testing"', { receiver: "a-testing", groupBy: "all" }),
      node('env="production"', { groupWaitMs: 60_000, continues: true }),
      node('env=~"produ.*",job=~".*"', { repeatIntervalMs: 1, groupIntervalMs: 2 }),
    ),
    node('owner=~"team-(B|C)"', { groupBy: ["foo", "bar"], groupWaitMs: 0, receiver: "bc" }),
    node('group_by="role"', { groupBy: ["role"] }, node('env="testing"', "role-testing")),
    node('also!=""', { receiver: "first", continues: true }),
    node('also!="",not!="this"', { receiver: "second", continues: true }),
  ),
);

test("an alert goes to the deepest nodes that match, and further only where a node says continue", () => {
  equal(receivers(TREE, {}), "default");
  equal(receivers(TREE, { owner: "team-A" }), "a");
  equal(receivers(TREE, { owner: "team-A", env: "unset" }), "a");
  equal(receivers(TREE, { owner: "team-A", env: "testing" }), "a-testing");
  equal(receivers(TREE, { owner: "team-A", env: "production" }), "a a");
  equal(receivers(TREE, { owner: "team-C", env: "production" }), "bc");
  equal(receivers(TREE, { owner: "team-BC" }), "default", "expressions match whole values");
  equal(receivers(TREE, { group_by: "role", env: "testing" }), "role-testing");
  equal(receivers(TREE, { also: "x" }), "first second");
  equal(receivers(TREE, { also: "x", not: "this" }), "first");
  equal(receivers(TREE, { owner: "team-A", also: "x" }), "a", "without continue it ends there");
});

test("a top node with matchers that do not hold takes nothing", () => {
  deepEqual(matchRoutes(buildRoute(node("a=b", "x")), labelsFrom({})), []);
});

test("a node has from its parent what it does not say, but not when it is muted", () => {
  const root = buildRoute(
    node(
      "",
      {
        receiver: "top",
        groupBy: ["a"],
        groupWaitMs: 1,
        groupIntervalMs: 2,
        repeatIntervalMs: 3,
        muteTimeIntervals: ["nights"],
        activeTimeIntervals: ["days"],
        labels: [["team", "web"]],
      },
      node("x=y", { groupBy: "all", labels: [["tier", "1"]] }, node("z=z", { groupBy: [] })),
      node("x=w", { groupWaitMs: 0, groupBy: ["b"], labels: [["team", "db"]] }),
    ),
  );
  const [, first, grandchild, second] = [...walkRoutes(root)];
  deepEqual(
    [first, grandchild, second].map((route) => ({ ...route, routes: [], matchers: [] })),
    [
      [
        '{}/{x="y"}',
        '{}/{x="y"}/0',
        "all",
        1,
        [
          ["team", "web"],
          ["tier", "1"],
        ],
      ],
      [
        '{}/{x="y"}/{z="z"}',
        '{}/{x="y"}/0/{z="z"}/0',
        "all",
        1,
        [
          ["team", "web"],
          ["tier", "1"],
        ],
      ],
      ['{}/{x="w"}', '{}/{x="w"}/1', ["b"], 0, [["team", "db"]]],
    ].map(([key, id, groupBy, groupWaitMs, labels]) => ({
      key,
      id,
      matchers: [],
      receiver: "top",
      groupBy,
      groupWaitMs,
      groupIntervalMs: 2,
      repeatIntervalMs: 3,
      labels,
      muteTimeIntervals: [],
      activeTimeIntervals: [],
      continues: false,
      routes: [],
    })),
  );
});

test("nodes that look alike have the same key, and ids of their own", () => {
  const twin = node("a=b", { continues: true }, node("c=d", "x"), node("c=d", "y"));
  const routes = [...walkRoutes(buildRoute(node("", "top", twin, twin)))];
  equal(new Set(routes.map(({ key }) => key)).size, 3);
  equal(new Set(routes.map(({ id }) => id)).size, routes.length);
});

test("a tree that is too deep or too large is refused", () => {
  let deep: RouteParts = {};
  for (let depth = 1; depth < ROUTE_DEPTH_MAX; depth++) deep = { routes: [deep] };
  equal([...walkRoutes(buildRoute(deep))].length, ROUTE_DEPTH_MAX);
  throws(() => buildRoute({ routes: [deep] }), /routes more than 50 deep/);
  const wide = { routes: Array.from({ length: ROUTES_MAX }, () => ({})) };
  throws(() => buildRoute(wide), /20001 routes; at most 20000/);
});

test("a top node that says nothing has Alertmanager's times", () => {
  const { groupWaitMs, groupIntervalMs, repeatIntervalMs, groupBy } = buildRoute({ receiver: "x" });
  deepEqual([groupWaitMs, groupIntervalMs, repeatIntervalMs], [30_000, 300_000, 14_400_000]);
  deepEqual(groupBy, []);
});

test("keys have the matchers sorted by name and value, however they were written", () => {
  const root = buildRoute(node("", "x", node('b="2",b=~"2",b="1",a!="z"', "y")));
  equal(root.routes[0]?.key, '{}/{a!="z",b="1",b="2",b=~"2"}');
});

const matcherArb = fc
  .tuple(
    fc.constantFrom("a", "b"),
    fc.constantFrom("=", "!=", "=~", "!~"),
    fc.constantFrom("1", "2", "", "1|2", ".+"),
  )
  .map(([name, type, value]) => `${name}${type}"${value}"`);
const treeArb = fc.letrec<{ tree: RouteParts }>((tie) => ({
  tree: fc.record({
    matchers: fc
      .array(matcherArb, { maxLength: 2 })
      .map((m) => parseMatchers(m.join(",")).matchers),
    continues: fc.boolean(),
    routes: fc.oneof(
      { maxDepth: 3 },
      fc.constant([]),
      fc.array(tie("tree"), { minLength: 1, maxLength: 3 }),
    ),
  }),
})).tree;
const labelsArb = fc
  .record({ a: fc.constantFrom("", "1", "2", "3"), b: fc.constantFrom("", "1", "2") })
  .map((labels) => labelsFrom(labels));

/** Said once more, and without any cleverness. */
function matchPlainly(route: Route, labels: Labels): Route[] {
  if (!matchesLabels(route.matchers, labels)) return [];
  const all: Route[] = [];
  for (const child of route.routes) {
    const matched = matchPlainly(child, labels);
    all.push(...matched);
    if (matched.length > 0 && !child.continues) break;
  }
  return all.length === 0 ? [route] : all;
}

test("whatever the tree, the nodes are those of the plain definition", () => {
  fc.assert(
    fc.property(treeArb, labelsArb, (parts, labels) => {
      const root = buildRoute({ receiver: "x", routes: [parts] });
      const found = matchRoutes(root, labels);
      deepEqual(
        found.map(({ id }) => id),
        matchPlainly(root, labels).map(({ id }) => id),
      );
    }),
    { numRuns: 500 },
  );
});
