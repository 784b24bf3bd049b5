import { ADMIN_ENDPOINTS } from "./endpoints/admin.ts";
import { ALERT_RULE_ENDPOINTS } from "./endpoints/alert-rules.ts";
import { CLUSTER_ENDPOINTS } from "./endpoints/cluster.ts";
import { DASHBOARD_ENDPOINTS } from "./endpoints/dashboards.ts";
import { DELIVERY_ENDPOINTS } from "./endpoints/deliveries.ts";
import type { Endpoint } from "./endpoints/endpoint.ts";
import { INCIDENT_ENDPOINTS } from "./endpoints/incidents.ts";
import { ONCALL_ENDPOINTS } from "./endpoints/oncall.ts";
import { QUERY_ENDPOINTS } from "./endpoints/queries.ts";
import { ROUTING_ENDPOINTS } from "./endpoints/routing.ts";
import { RULE_ENDPOINTS } from "./endpoints/rules.ts";
import { SAMPLE_ENDPOINTS } from "./endpoints/samples.ts";
import { SERIES_ENDPOINTS } from "./endpoints/series.ts";
import { STATUS_ENDPOINTS } from "./endpoints/status.ts";
import { TARGET_ENDPOINTS } from "./endpoints/targets.ts";

/** All that the server answers to programs; each area has its file. */
export const ENDPOINTS: readonly Endpoint[] = [
  ...QUERY_ENDPOINTS,
  ...SERIES_ENDPOINTS,
  ...TARGET_ENDPOINTS,
  ...RULE_ENDPOINTS,
  ...ALERT_RULE_ENDPOINTS,
  ...INCIDENT_ENDPOINTS,
  ...ROUTING_ENDPOINTS,
  ...DELIVERY_ENDPOINTS,
  ...ONCALL_ENDPOINTS,
  ...STATUS_ENDPOINTS,
  ...ADMIN_ENDPOINTS,
  ...SAMPLE_ENDPOINTS,
  ...DASHBOARD_ENDPOINTS,
  ...CLUSTER_ENDPOINTS,
];
