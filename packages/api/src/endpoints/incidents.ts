import {
  acknowledgeSchema,
  alertHistorySchema,
  commentSchema,
  incidentActionSchema,
  incidentDetailSchema,
  incidentListSchema,
  incidentSchema,
} from "../incidents.ts";
import {
  type Answer,
  data,
  type Endpoint,
  end,
  GET,
  type Method,
  match,
  type Parameter,
  start,
  v1,
} from "./endpoint.ts";

const POST = ["post"] as const satisfies readonly Method[];
const HTML: Answer = { kind: "other", contentType: "text/html" };
const JSON_TYPE = "application/json";

const id: Parameter = {
  name: "id",
  description: "The incident's identifier.",
  required: true,
  in: "path",
};
const by: Parameter = { name: "by", description: "Who does it.", required: true };
const comment: Parameter = { name: "comment", description: "What they say about it." };
const lifetime: readonly Parameter[] = [
  { name: "expires_in", description: "How long the acknowledgement lasts: 2h, or seconds." },
  { name: "until", description: "When it ends instead: Unix seconds or RFC 3339." },
];
const cursor: Parameter = { name: "cursor", description: "Where the page before ended." };
const pageLimit: Parameter = {
  name: "limit",
  description: "How many on a page; 100 unless given.",
};
const alertMatch: Parameter = {
  name: "match[]",
  description: "A selector of alerts by their labels. Of several, what any of them selects.",
  repeated: true,
};
const token: Parameter = {
  name: "token",
  description: "From the link in a notification.",
  required: true,
};

const action = (
  name: string,
  summary: string,
  body: Endpoint["body"],
  parameters: readonly Parameter[],
): Endpoint => ({
  ...v1(`incidents/{id}/${name}`, POST, summary, data(incidentSchema), [id, ...parameters]),
  ...(body === undefined ? {} : { body }),
});

/** Incidents, what people do with them, and the history of alerts. */
export const INCIDENT_ENDPOINTS: readonly Endpoint[] = [
  v1("incidents", GET, "Incidents, the newest first.", data(incidentListSchema), [
    {
      name: "status",
      description: "Only those.",
      values: ["firing", "acknowledged", "resolved", "open"],
    },
    { name: "priority", description: "Only those.", values: ["P1", "P2", "P3", "P4"] },
    { name: "receiver", description: "Of the route that their group is under." },
    { name: "rule", description: "Those with an alert of this name." },
    { ...match, ...alertMatch },
    start,
    end,
    pageLimit,
    cursor,
  ]),
  v1(
    "incidents/acknowledge",
    POST,
    "Acknowledges all that fire and have an alert that matches.",
    data(incidentListSchema),
    [{ ...alertMatch, required: true }, by, comment, ...lifetime],
  ),
  v1("incidents/ack", ["get"], "A page that asks whether to acknowledge.", HTML, [token]),
  v1("incidents/ack", POST, "Acknowledges, by a signed link.", HTML, [
    token,
    { ...by, required: false },
    comment,
    ...lifetime,
  ]),
  v1("incidents/{id}", GET, "An incident with its timeline.", data(incidentDetailSchema), [
    id,
    pageLimit,
    cursor,
  ]),
  action(
    "acknowledge",
    "Says that somebody is at it: no notification of what it covers, no escalation.",
    { contentType: JSON_TYPE, schema: acknowledgeSchema },
    [by, comment, ...lifetime],
  ),
  action(
    "unacknowledge",
    "Takes the acknowledgement back.",
    { contentType: JSON_TYPE, schema: incidentActionSchema },
    [by, comment],
  ),
  action(
    "resolve",
    "Calls it over; what fires on opens another one only when it fires anew.",
    { contentType: JSON_TYPE, schema: incidentActionSchema },
    [by, comment],
  ),
  action("comment", "Adds to the timeline.", { contentType: JSON_TYPE, schema: commentSchema }, [
    by,
    { ...comment, required: true },
  ]),
  v1("alerts/history", GET, "What became of alerts, the newest first.", data(alertHistorySchema), [
    { name: "rule", description: "Only alerts of this name." },
    {
      name: "state",
      description: "Only transitions to this state.",
      values: ["inactive", "pending", "firing", "resolved"],
    },
    { name: "fingerprint", description: "Only this alert." },
    { ...match, ...alertMatch },
    start,
    end,
    pageLimit,
    cursor,
  ]),
];
