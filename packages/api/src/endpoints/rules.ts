import { z } from "zod";
import { alertSchema, alertsDataSchema, rulesDataSchema } from "../prometheus.ts";
import { alertmanagersDataSchema } from "../status.ts";
import { data, type Endpoint, GET, json, match, v1 } from "./endpoint.ts";

/** Rules and alerts as Prometheus shows them. */
export const RULE_ENDPOINTS: readonly Endpoint[] = [
  v1("rules", GET, "Rules with their state.", data(rulesDataSchema), [
    { name: "type", description: "Only rules of this kind.", values: ["alert", "record"] },
    { name: "rule_name[]", description: "Only rules of this name.", repeated: true },
    { name: "rule_group[]", description: "Only groups of this name.", repeated: true },
    { name: "file[]", description: "Only rules of this file.", repeated: true },
    match,
    { name: "exclude_alerts", description: "Leaves out the alerts of the rules." },
    { name: "group_limit", description: "How many groups a page has." },
    { name: "group_next_token", description: "Where the page begins, from the one before." },
  ]),
  v1("alerts", GET, "What is pending or firing.", data(alertsDataSchema)),
  v1(
    "alertmanagers",
    GET,
    "Alertmanagers elsewhere that alerts are sent on to.",
    data(alertmanagersDataSchema),
  ),
  v1("dashboard/alerts", GET, "Alerts that fire.", json(z.array(alertSchema))),
];
