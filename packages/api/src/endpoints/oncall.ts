import {
  heartbeatListSchema,
  heartbeatSchema,
  keptSilenceSchema,
  oncallSchema,
  overrideBodySchema,
  overrideListSchema,
  overrideSchema,
  pagePreviewBodySchema,
  pagePreviewSchema,
  shiftListSchema,
  silenceBodySchema,
  silencePreviewBodySchema,
  silencePreviewSchema,
} from "../oncall.ts";
import {
  data,
  type Endpoint,
  end,
  GET,
  type Method,
  type Parameter,
  start,
  v1,
} from "./endpoint.ts";

const POST = ["post"] as const satisfies readonly Method[];
const JSON_TYPE = "application/json";

const named = (what: string): Parameter => ({
  name: "name",
  description: `The ${what}'s name.`,
  required: true,
  in: "path",
});
const schedule = named("schedule");
const overrides = "oncall/schedules/{name}/overrides";

/** Who is on call, who is called when, what must be heard of, and silences that recur. */
export const ONCALL_ENDPOINTS: readonly Endpoint[] = [
  v1("oncall", GET, "Who is on call now and next, and the policies.", data(oncallSchema)),
  v1(
    "oncall/schedules/{name}/shifts",
    GET,
    "Who is on call when; for four weeks from now unless a range is given.",
    data(shiftListSchema),
    [schedule, start, end],
  ),
  v1(
    "oncall/schedules/{name}/calendar.ics",
    GET,
    "The same for calendars: twelve weeks.",
    { kind: "other", contentType: "text/calendar" },
    [schedule],
  ),
  v1(overrides, GET, "Those that people made.", data(overrideListSchema), [schedule]),
  {
    ...v1(overrides, POST, "Has somebody stand in.", data(overrideSchema), [schedule]),
    body: { contentType: JSON_TYPE, schema: overrideBodySchema },
  },
  v1(`${overrides}/{id}`, ["delete"], "Takes an override back.", { kind: "none" }, [
    schedule,
    { name: "id", description: "The override's identifier.", required: true, in: "path" },
  ]),
  v1("oncall/preview", GET, "Who gets paged for these labels.", data(pagePreviewSchema), [
    { name: "labels", description: "Label names and values, as JSON.", required: true },
    {
      name: "at",
      description: "When: Unix seconds or RFC 3339. Now, and in an hour, unless given.",
    },
  ]),
  {
    ...v1("oncall/preview", POST, "Who gets paged for these labels.", data(pagePreviewSchema)),
    body: { contentType: JSON_TYPE, schema: pagePreviewBodySchema },
  },
  v1("heartbeats", GET, "What must be heard of, and whether it is.", data(heartbeatListSchema)),
  v1("heartbeats/{name}", POST, "Says that something is alive.", data(heartbeatSchema), [
    named("heartbeat"),
  ]),
  {
    ...v1("silences", POST, "Makes a silence, which may recur.", data(keptSilenceSchema)),
    body: { contentType: JSON_TYPE, schema: silenceBodySchema },
  },
  {
    ...v1("silences/preview", POST, "What a silence would hide now.", data(silencePreviewSchema)),
    body: { contentType: JSON_TYPE, schema: silencePreviewBodySchema },
  },
];
