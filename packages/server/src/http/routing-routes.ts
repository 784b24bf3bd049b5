import { isActiveAt, type Route } from "@pharos/alert";
import { ROUTING_PATH, type RouteJson, type RoutingJson } from "@pharos/api";
import { type Clock, formatDuration, formatMatcher } from "@pharos/base";
import { integrationKey } from "@pharos/notify";
import type { Hono } from "hono";
import { addRoute } from "./add-route.ts";
import { success } from "./answer.ts";
import type { ReceiversProvider } from "./receiver-routes.ts";

interface RoutingDependencies {
  readonly clock: Clock;
  readonly receivers: Pick<ReceiversProvider, "config" | "integrations">;
}

/** Who is told of what, for people to look at: the tree, the receivers, the time intervals. */
export function addRoutingRoutes(app: Hono, dependencies: RoutingDependencies): void {
  addRoute(app, ["GET"], ROUTING_PATH, () => success(routingJson(dependencies)));
}

function routingJson({ clock, receivers }: RoutingDependencies): RoutingJson {
  const { receivers: configs, route, timeIntervals } = receivers.config();
  const states = receivers.integrations();
  const nowMs = clock.nowMs();
  return {
    route: routeJson(route),
    receivers: configs.map(({ name, integrations }) => ({
      name,
      integrations: integrations.map((config) => {
        const integration = integrationKey(name, config);
        // One that nothing was ever sent to has no loop yet.
        const { circuit = "closed", waiting = 0, sending = 0 } = states.get(integration) ?? {};
        const { kind, sendResolved } = config;
        return { integration, kind, sendResolved, circuit, waiting, sending };
      }),
    })),
    timeIntervals: [...timeIntervals].map(([name, intervals]) => ({
      name,
      active: isActiveAt(intervals, nowMs),
    })),
  };
}

function routeJson(route: Route): RouteJson {
  return {
    id: route.id,
    key: route.key,
    matchers: route.matchers.map(formatMatcher),
    receiver: route.receiver,
    groupBy: route.groupBy === "all" ? ["..."] : [...route.groupBy],
    groupWait: formatDuration(route.groupWaitMs),
    groupInterval: formatDuration(route.groupIntervalMs),
    repeatInterval: formatDuration(route.repeatIntervalMs),
    muteTimeIntervals: [...route.muteTimeIntervals],
    activeTimeIntervals: [...route.activeTimeIntervals],
    continue: route.continues,
    routes: route.routes.map(routeJson),
  };
}
