import type { Hono } from "hono";
import { namespaceOfFile } from "../rule-book/stored-rule.ts";
import { addRoute } from "./add-route.ts";
import { success } from "./answer.ts";
import type { ApiDependencies, RuleGroupStatus } from "./dependencies.ts";
import { rules } from "./rule-routes.ts";
import { buildInfo } from "./status-routes.ts";

/** Where Mimir serves Prometheus's API, beside its ruler's. */
const MIMIR_PREFIX = "/prometheus";
const READ = ["GET"] as const;

/** Grafana takes whoever names features for a Mimir, and lets people edit rules where this one is there. */
const FEATURES = {
  ruler_config_api: "true",
  alertmanager_config_api: "false",
  query_sharding: "false",
  federated_rules: "false",
};

/**
 * Prometheus's API as Mimir has it, for data sources that edit rules: the rules are those of the ruler, and the file of
 * each group is its namespace. All else is the same as without the prefix.
 */
export function addMimirBase(app: Hono, dependencies: ApiDependencies): void {
  const ruler = { rules: { groups: () => rulerGroups(dependencies.rules.groups()) } };
  addRoute(app, READ, `${MIMIR_PREFIX}/api/v1/rules`, (request) => rules(request, ruler));
  addRoute(app, READ, `${MIMIR_PREFIX}/api/v1/status/buildinfo`, () =>
    success({ ...buildInfo(dependencies), features: FEATURES }),
  );
  app.all(`${MIMIR_PREFIX}/api/v1/*`, ({ req, env }) => {
    const url = new URL(req.url);
    url.pathname = url.pathname.slice(MIMIR_PREFIX.length);
    return app.fetch(new Request(url, req.raw), env);
  });
}

function rulerGroups(groups: readonly RuleGroupStatus[]): readonly RuleGroupStatus[] {
  return groups.flatMap((group) => {
    const namespace = namespaceOfFile(group.file);
    return namespace === undefined ? [] : [{ ...group, file: namespace }];
  });
}
