import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  type RouterHistory,
  redirect,
} from "@tanstack/react-router";
import { ExplorePage } from "./explore-page.tsx";
import { readExploreState, writeExploreState } from "./explore-search.ts";
import { Frame } from "./frame.tsx";
import { NotFound, PageError } from "./page-problem.tsx";
import { parseSearch, type SearchParams, stringifySearch } from "./search-params.ts";

/** The router reads and writes flat texts alone; each page gives its own parameters their types. */
function textsOf(search: Record<string, unknown>): SearchParams {
  return Object.fromEntries(
    Object.entries(search).filter((pair): pair is [string, string] => typeof pair[1] === "string"),
  );
}

const rootRoute = createRootRoute({
  component: Frame,
  notFoundComponent: NotFound,
  errorComponent: PageError,
  validateSearch: textsOf,
});

const exploreRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/",
  component: ExplorePage,
});

const alertsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/alerts",
  component: lazyRouteComponent(() => import("./alerts-page.tsx"), "AlertsPage"),
});

const incidentsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/incidents",
  component: lazyRouteComponent(() => import("./incidents-page.tsx"), "IncidentsPage"),
});

const incidentHistoryRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/incidents/history",
  component: lazyRouteComponent(() => import("./incident-history-page.tsx"), "IncidentHistoryPage"),
});

const incidentRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/incidents/$id",
  component: lazyRouteComponent(() => import("./incident-page.tsx"), "IncidentPage"),
});

const silencesRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/silences",
  component: lazyRouteComponent(() => import("./silences-page.tsx"), "SilencesPage"),
});

const silenceRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/silences/$id",
  component: lazyRouteComponent(() => import("./silence-page.tsx"), "SilencePage"),
});

const routingRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/routing",
  component: lazyRouteComponent(() => import("./routing-page.tsx"), "RoutingPage"),
});

const onCallRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/on-call",
  component: lazyRouteComponent(() => import("./on-call-page.tsx"), "OnCallPage"),
});

const ruleRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/alerts/$id",
  component: lazyRouteComponent(() => import("./rule-page.tsx"), "RulePage"),
});

const targetsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/targets",
  component: lazyRouteComponent(() => import("./targets-page.tsx"), "TargetsPage"),
});

const statusRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/status",
  component: lazyRouteComponent(() => import("./status-page.tsx"), "StatusPage"),
});

/** Where Prometheus's pages are now: links in old notifications and bookmarks keep working. */
const graphRoutes = (["/graph", "/query"] as const).map((path) =>
  createRoute({
    getParentRoute: () => rootRoute,
    path,
    beforeLoad: ({ search }) => {
      throw redirect({
        to: "/",
        search: writeExploreState(readExploreState(search)),
        replace: true,
      });
    },
  }),
);

const movedRoutes = (
  [
    ["/rules", "/alerts"],
    ["/service-discovery", "/targets"],
    ["/config", "/status"],
    ["/flags", "/status"],
    ["/tsdb-status", "/status"],
  ] as const
).map(([path, to]) =>
  createRoute({
    getParentRoute: () => rootRoute,
    path,
    beforeLoad: () => {
      throw redirect({ to, replace: true });
    },
  }),
);

const routeTree = rootRoute.addChildren([
  exploreRoute,
  incidentsRoute,
  incidentHistoryRoute,
  incidentRoute,
  silencesRoute,
  silenceRoute,
  ruleRoute,
  routingRoute,
  onCallRoute,
  alertsRoute,
  targetsRoute,
  statusRoute,
  ...graphRoutes,
  ...movedRoutes,
]);

/** `basepath` is the path of <base href>; `history` is the browser's unless a test brings its own. */
export function createAppRouter(basepath: string, history?: RouterHistory) {
  return createRouter({
    routeTree,
    basepath,
    parseSearch,
    stringifySearch,
    defaultPreload: "intent",
    scrollRestoration: true,
    ...(history === undefined ? {} : { history }),
  });
}

export type AppRouter = ReturnType<typeof createAppRouter>;

declare module "@tanstack/react-router" {
  interface Register {
    router: AppRouter;
  }
}
