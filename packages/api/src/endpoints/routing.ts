import { routingSchema } from "../routing.ts";
import { data, type Endpoint, GET, v1 } from "./endpoint.ts";

/** Who is told of what. */
export const ROUTING_ENDPOINTS: readonly Endpoint[] = [
  v1("routing", GET, "The tree of routes, and how it stands with receivers.", data(routingSchema)),
];
