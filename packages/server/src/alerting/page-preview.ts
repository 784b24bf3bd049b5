import { isFor, matchRoutes, type PlannedStep, planEscalation, type Route } from "@pharos/alert";
import type { Labels } from "@pharos/base";
import { type Dispatcher, integrationKey, mutedBy } from "@pharos/notify";
import type { OnCall } from "./oncall.ts";

/** Who is told of an alert that begins at a time, as far as it can be known now. */
export interface PagePreview {
  readonly atMs: number;
  readonly silencedBy: readonly string[];
  readonly inhibitedBy: readonly string[];
  readonly routes: readonly PreviewedRoute[];
  /** Undefined where no policy is for it, or where it is hidden. */
  readonly escalation:
    | { readonly policy: string; readonly steps: readonly PlannedStep[] }
    | undefined;
}

export interface PreviewedRoute {
  readonly route: Route;
  readonly integrations: readonly string[];
  readonly mutedBy: readonly string[];
}

/**
 * Goes the way of an alert without telling anybody: silences, mutes and people on call as they are at `atMs`; alerts
 * that inhibit it as they are now.
 */
export function previewPage(
  labels: Labels,
  atMs: number,
  dispatcher: Pick<Dispatcher, "config" | "hiddenBy">,
  oncall: Pick<OnCall, "plan" | "isReachable">,
): PagePreview {
  const { config } = dispatcher;
  const { silencedBy, inhibitedBy } = dispatcher.hiddenBy(labels, atMs);
  const routes = matchRoutes(config.route, labels).map((route): PreviewedRoute => {
    const receiver = config.receivers.find(({ name }) => name === route.receiver);
    return {
      route,
      integrations: (receiver?.integrations ?? []).map((one) =>
        integrationKey(route.receiver, one),
      ),
      mutedBy: mutedBy(route, config.timeIntervals, atMs),
    };
  });
  // Incidents follow the first route: what it mutes is not escalated.
  const isHidden =
    silencedBy.length + inhibitedBy.length > 0 || (routes[0]?.mutedBy.length ?? 0) > 0;
  const policy = oncall.plan.policies.find((each) => isFor(each, labels));
  const escalation =
    policy === undefined || isHidden
      ? undefined
      : {
          policy: policy.name,
          steps: planEscalation(policy, oncall.plan, atMs, oncall.isReachable),
        };
  return { atMs, silencedBy, inhibitedBy, routes, escalation };
}

/** Whether anybody is told at all. */
export function isTold({ silencedBy, inhibitedBy, routes, escalation }: PagePreview): boolean {
  if (silencedBy.length + inhibitedBy.length > 0) return false;
  if (escalation?.steps.some(({ receivers }) => receivers.length > 0) === true) return true;
  return routes.some((route) => route.mutedBy.length === 0 && route.integrations.length > 0);
}
