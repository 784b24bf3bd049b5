import { z } from "zod";

export const ROUTING_PATH = "/api/v1/routing";

/** A node of the tree of routes; what it does not say itself it has from the node above. */
export interface RouteJson {
  /** Names it among all. */
  readonly id: string;
  /** As group keys and previews name it; two nodes may have the same. */
  readonly key: string;
  /** Matchers as `alertmanager.yml` writes them; none at the root. */
  readonly matchers: readonly string[];
  readonly receiver: string;
  /** Label names; `["..."]` where every alert is a group of its own. */
  readonly groupBy: readonly string[];
  readonly groupWait: string;
  readonly groupInterval: string;
  readonly repeatInterval: string;
  readonly muteTimeIntervals: readonly string[];
  readonly activeTimeIntervals: readonly string[];
  /** Whether the nodes after it are asked as well. */
  readonly continue: boolean;
  readonly routes: readonly RouteJson[];
}

export const routeSchema: z.ZodType<RouteJson> = z.lazy(() =>
  z.object({
    id: z.string(),
    key: z.string(),
    matchers: z.array(z.string()),
    receiver: z.string(),
    groupBy: z.array(z.string()),
    groupWait: z.string(),
    groupInterval: z.string(),
    repeatInterval: z.string(),
    muteTimeIntervals: z.array(z.string()),
    activeTimeIntervals: z.array(z.string()),
    continue: z.boolean(),
    routes: z.array(routeSchema),
  }),
);

/** Who is told of what, and how it stands with them. Nothing in it is secret. */
export const routingSchema = z.object({
  route: routeSchema,
  receivers: z.array(
    z.object({
      name: z.string(),
      integrations: z.array(
        z.object({
          /** `team/webhook[0]`. */
          integration: z.string(),
          kind: z.string(),
          sendResolved: z.boolean(),
          /** `open`: it failed so often that it is left alone for a while; `half-open`: it is tried again. */
          circuit: z.enum(["closed", "open", "half-open"]),
          /** Notifications that wait for it, and those on their way. */
          waiting: z.int(),
          sending: z.int(),
        }),
      ),
    }),
  ),
  /** Whether each is in force now. */
  timeIntervals: z.array(z.object({ name: z.string(), active: z.boolean() })),
});

export type RoutingJson = z.output<typeof routingSchema>;
