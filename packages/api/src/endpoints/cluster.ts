import {
  clusterClaimBodySchema,
  clusterClaimSchema,
  clusterStateBodySchema,
  clusterStateSchema,
  clusterUpdatesBodySchema,
  clusterUpdatesSchema,
} from "../cluster.ts";
import { type Endpoint, json, v1 } from "./endpoint.ts";

const POST = ["post"] as const;
const body = (schema: NonNullable<Endpoint["body"]>["schema"]) =>
  ({ contentType: "application/json", schema }) as NonNullable<Endpoint["body"]>;

/** Between servers of `--cluster-peer`; not for others. */
export const CLUSTER_ENDPOINTS: readonly Endpoint[] = [
  {
    ...v1("cluster/updates", POST, "A peer tells what is new.", json(clusterUpdatesSchema)),
    body: body(clusterUpdatesBodySchema),
  },
  {
    ...v1("cluster/claims", POST, "A peer asks whether it may tell.", json(clusterClaimSchema)),
    body: body(clusterClaimBodySchema),
  },
  {
    ...v1("cluster/state", POST, "A peer asks for all that is known.", json(clusterStateSchema)),
    body: body(clusterStateBodySchema),
  },
];
