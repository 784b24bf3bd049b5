import { ALERTMANAGER_PATHS, ALERTMANAGER_PREFIX } from "@pharos/api";
import { errorText } from "@pharos/base";
import { Hono, type MiddlewareHandler } from "hono";
import { addAcknowledgeLink } from "./acknowledge-link.ts";
import { addRoute, onlyMethods, type Route } from "./add-route.ts";
import { ADMIN_ACTIONS, administer } from "./admin-routes.ts";
import { addAlertRuleRoutes } from "./alert-rule-routes.ts";
import { addAlertmanagerRoutes } from "./alertmanager-routes.ts";
import { failure, failureOf, INTERNAL_ERROR, jsonAnswer, responseOf, success } from "./answer.ts";
import { Assets, PAGE_PATHS, SECURITY_HEADERS } from "./assets.ts";
import type { RequestEnvironment } from "./client.ts";
import { addClusterRoutes } from "./cluster-routes.ts";
import { compression } from "./compression.ts";
import { CORS_HEADERS, READ_ONLY_CORS_HEADERS } from "./cors.ts";
import { addDeliveryRoutes } from "./delivery-routes.ts";
import type { ApiDependencies, LifecycleControl } from "./dependencies.ts";
import { endUnreadBody } from "./head-request.ts";
import { addIncidentRoutes } from "./incident-routes.ts";
import { addMimirBase } from "./mimir-base.ts";
import { liveNotifications, notificationList } from "./notifications.ts";
import { addOnCallRoutes } from "./oncall-routes.ts";
import { openApi } from "./openapi-route.ts";
import { formatQuery, parseQuery } from "./query-routes.ts";
import { activeQueries, cancelQuery, topQueries } from "./query-status-routes.ts";
import { readRequestOf } from "./read-request.ts";
import { READ_METHODS, READ_PATHS } from "./read-routes.ts";
import { addReceiverRoutes } from "./receiver-routes.ts";
import { addRoutingRoutes } from "./routing-routes.ts";
import { alertmanagers, alerts, dashboardAlerts, rules } from "./rule-routes.ts";
import { addRulerRoutes } from "./ruler-routes.ts";
import { isFromAnotherSite } from "./same-site.ts";
import { relabelSteps, scrapePoolConfig } from "./scrape-pool-routes.ts";
import { searchMetricNames } from "./search-metadata.ts";
import { selfMetrics } from "./self-metrics.ts";
import { metadata } from "./series-routes.ts";
import { addSilenceRoutes } from "./silence-routes.ts";
import {
  buildInfo,
  configText,
  features,
  flags,
  runtimeInfo,
  tsdbBlocks,
  tsdbRetention,
  tsdbStatus,
  walReplay,
} from "./status-routes.ts";
import { scrapePools, targets, targetsMetadata } from "./target-routes.ts";

const READ = ["GET"] as const;

/** Where links to the pages of Prometheus, old and new, end here: at the same query, or at what shows the same. */
const PROMETHEUS_PAGES: ReadonlyMap<string, string> = new Map([
  ["/graph", "/"],
  ["/query", "/"],
  ["/classic/graph", "/"],
  ["/rules", "/alerts"],
  ["/service-discovery", "/targets"],
  ["/config", "/status"],
  ["/flags", "/status"],
  ["/tsdb-status", "/status"],
]);

const READ_OR_FORM = ["GET", "POST"] as const;
const CHANGE = ["POST", "PUT"] as const;
/**
 * Everything that is served over HTTP but the ingestion of samples: Prometheus's API, the life cycle, our own metrics,
 * the page. A function from `Request` to `Response` (`app.fetch`), without a socket.
 */
export function createApi(dependencies: ApiDependencies): Hono {
  const app = new Hono();
  app.onError((error) => {
    const failed = failureOf(error);
    // A bug: the connection gets a 500, and whoever watches the process learns of it with its stack.
    if (failed === undefined) dependencies.onBug(error);
    return responseOf(failed ?? INTERNAL_ERROR);
  });
  app.use(endUnreadBody);
  app.use(compression);
  addApi(app, dependencies);
  addLifecycle(app, dependencies);
  addPage(app, dependencies);
  return app;
}

function addApi(app: Hono, dependencies: ApiDependencies): void {
  const path = (name: string): string => `/api/v1/${name}`;
  app.use("/api/*", cors);
  app.options("/api/*", () => new Response(null, { status: 204 }));
  const serve = (methods: readonly string[], name: string, route: Route): void =>
    addRoute(app, methods, path(name), route);

  addReads(app, dependencies);
  addRoute(app, READ_OR_FORM, READ_PATHS.searchMetricNames, (request) =>
    searchMetricNames(request, dependencies),
  );
  serve(READ_OR_FORM, "format_query", formatQuery);
  serve(READ_OR_FORM, "parse_query", parseQuery);
  serve(READ, "metadata", (request) => metadata(request, dependencies));
  serve(READ, "targets", (request) => targets(request, dependencies));
  serve(READ, "targets/metadata", (request) => targetsMetadata(request, dependencies));
  serve(READ, "targets/relabel_steps", (request) => relabelSteps(request, dependencies));
  serve(READ, "scrape_pools", () => scrapePools(dependencies));
  serve(READ, "scrape_pools/config", (request) => scrapePoolConfig(request, dependencies));
  serve(READ, "rules", (request) => rules(request, dependencies));
  serve(READ, "alerts", () => alerts(dependencies));
  serve(READ, "alertmanagers", (request) => alertmanagers(request, dependencies));
  serve(READ, "dashboard/alerts", () => dashboardAlerts(dependencies));
  serve(READ, "status/buildinfo", () => success(buildInfo(dependencies)));
  serve(READ, "status/runtimeinfo", () => runtimeInfo(dependencies));
  serve(READ, "status/config", () => configText(dependencies));
  serve(READ, "status/flags", () => flags(dependencies));
  serve(READ, "status/tsdb", (request) => tsdbStatus(request, dependencies));
  serve(READ, "status/tsdb/blocks", () => tsdbBlocks(dependencies));
  serve(READ, "status/tsdb/retention", () => tsdbRetention(dependencies));
  serve(READ, "status/walreplay", walReplay);
  const { queries } = dependencies;
  serve(READ, "status/active_queries", () => activeQueries(queries));
  serve(CHANGE, "status/active_queries/:id/cancel", (request, context) =>
    cancelQuery(request, context.req.param("id") ?? "", queries),
  );
  serve(READ_OR_FORM, "status/top_queries", (request) => topQueries(request, queries));
  serve(READ, "status/self_metrics", (request) => selfMetrics(request, dependencies));
  serve(READ, "features", () => features(dependencies));
  const { notifications } = dependencies;
  serve(READ, "notifications", () => notificationList(notifications));
  serve(READ, "notifications/live", (request) => liveNotifications(request, notifications));
  serve(READ, "openapi.yaml", (request) => openApi(request, dependencies));
  for (const action of Object.keys(ADMIN_ACTIONS))
    serve(CHANGE, `admin/tsdb/${action}`, (request) =>
      administer(request, action, dependencies.admin),
    );
  addAlertRuleRoutes(app, dependencies);
  // Before the incidents, one of which would be called "ack".
  addAcknowledgeLink(app, dependencies);
  addIncidentRoutes(app, dependencies);
  addOnCallRoutes(app, dependencies);
  addSilenceRoutes(app, dependencies);
  addRulerRoutes(app, dependencies);
  addMimirBase(app, dependencies);
  addAlertmanagerRoutes(app, dependencies, cors);
  addDeliveryRoutes(app, dependencies);
  addClusterRoutes(app, dependencies);
  addRoutingRoutes(app, dependencies);
  addReceiverRoutes(app, dependencies);
  // Their POST never comes here: see the listener.
  for (const name of ["write", "metrics"]) app.all(path(name), onlyMethods(["POST"]));
  app.all("/api/*", (context) =>
    responseOf(failure(404, "not_found", `there is no ${context.req.path} in this API`)),
  );
}

/** The listener answers most of these by itself, and the same way: see `isPlainRead`. */
function addReads(app: Hono, dependencies: ApiDependencies): void {
  const read: Route = async (request, context) => {
    // Undefined where no listener is in front.
    const environment = context.env as RequestEnvironment | undefined;
    return dependencies.read(await readRequestOf(request), environment?.client);
  };
  for (const name of Object.keys(READ_PATHS) as (keyof typeof READ_PATHS)[])
    if (name !== "searchMetricNames") addRoute(app, READ_METHODS[name], READ_PATHS[name], read);
}

function addLifecycle(app: Hono, dependencies: ApiDependencies): void {
  const { lifecycle } = dependencies;
  // Whoever takes us for an Alertmanager below a path looks for these there.
  for (const prefix of ["", ALERTMANAGER_PREFIX]) {
    addRoute(app, READ, `${prefix}/-/healthy`, () => text(200, "Pharos is healthy."));
    addRoute(app, READ, `${prefix}/-/ready`, () => {
      const problem = lifecycle.problem();
      if (problem === undefined) return text(200, "Pharos is ready.");
      return text(503, `Service Unavailable: ${problem}`);
    });
    addRoute(app, READ, `${prefix}/metrics`, async () => {
      const headers = { "Content-Type": "text/plain; version=0.0.4; charset=utf-8" };
      return new Response(await dependencies.metricsText(), { headers });
    });
  }
  const controlled =
    (act: (control: LifecycleControl) => Response | Promise<Response>): Route =>
    (request) => {
      if (lifecycle.control === undefined)
        return text(403, "Not on this address: start Pharos with --enable-lifecycle.");
      // A page that somebody looks at could otherwise stop the server from within their browser.
      if (isFromAnotherSite(request)) return text(403, "Not from a page of another site.");
      return act(lifecycle.control);
    };
  const reload = controlled(async (control) => {
    try {
      await control.reload();
      return text(200, "");
    } catch (error) {
      if (failureOf(error) === undefined) throw error;
      return text(500, `failed to reload config: ${errorText(error)}`);
    }
  });
  addRoute(app, CHANGE, "/-/reload", reload);
  const quit = controlled((control) => {
    control.quit();
    return text(200, "Requesting termination... Goodbye!");
  });
  addRoute(app, CHANGE, "/-/quit", quit);
  addRoute(app, READ, "/version", () => jsonAnswer(JSON.stringify(buildInfo(dependencies))));
}

function addPage(app: Hono, dependencies: ApiDependencies): void {
  const assets = new Assets(dependencies.assets, dependencies.pathPrefix);
  for (const path of PAGE_PATHS) addRoute(app, READ, path, (request) => assets.page(request));
  for (const [path, page] of PROMETHEUS_PAGES)
    addRoute(app, READ, path, (request) => {
      const Location = `${dependencies.pathPrefix}${page}${new URL(request.url).search}`;
      return new Response(null, { status: 302, headers: { Location } });
    });
  app.get("*", (context) => {
    const name = new URL(context.req.url).pathname.slice(1);
    return assets.file(name, context.req.raw) ?? text(404, "not found");
  });
  app.all("*", () => text(404, "not found"));
}

/** Pages of other origins (Grafana in the browser, dashboards) may read the API, as Prometheus lets them. */
const cors: MiddlewareHandler = async (context, next) => {
  await next();
  if (context.req.header("Origin") === undefined) return;
  const { headers } = context.res;
  const { path } = context.req;
  const isAlertmanager = ALERTMANAGER_PATHS.some((base) => path.startsWith(`${base}/`));
  const allowed = isAlertmanager ? READ_ONLY_CORS_HEADERS : CORS_HEADERS;
  for (const [name, value] of Object.entries(allowed)) headers.set(name, value);
  headers.append("Vary", "Origin");
};

function text(status: number, body: string): Response {
  const headers = { ...SECURITY_HEADERS, "Content-Type": "text/plain; charset=utf-8" };
  return new Response(body === "" ? "" : `${body}\n`, { status, headers });
}
