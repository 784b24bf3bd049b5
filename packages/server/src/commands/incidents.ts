import {
  type IncidentDetailJson,
  type IncidentJson,
  incidentDetailSchema,
  incidentListSchema,
  incidentSchema,
} from "@pharos/api";
import { errorText, OperatingError } from "@pharos/base";
import { z } from "zod";
import { table } from "./query/result-table.ts";
import { userName } from "./user-name.ts";

export interface IncidentCommandOptions {
  readonly url: string;
  readonly format: "table" | "json";
}

export interface ListOptions extends IncidentCommandOptions {
  readonly status?: string;
  readonly rule?: string;
  readonly priority?: string;
  readonly match?: readonly string[];
  readonly limit: string;
}

export interface ActionOptions extends IncidentCommandOptions {
  /** Who does it; else whoever runs the command. */
  readonly by?: string;
  readonly comment?: string;
  readonly expiresIn?: string;
}

const answerSchema = z.object({ status: z.literal("success"), data: z.unknown() });
const errorSchema = z.object({ status: z.literal("error"), error: z.string() });

/** `pharos incidents list`: exit code 1 where the server does not answer as wanted. */
export function listIncidents(options: ListOptions): Promise<void> {
  return reported(async () => {
    const { status, rule, priority, match = [], limit } = options;
    const parameters = new URLSearchParams({ limit });
    for (const [name, value] of Object.entries({ status, rule, priority }))
      if (value !== undefined) parameters.set(name, value);
    for (const selector of match) parameters.append("match[]", selector);
    const list = await asked(incidentListSchema, options.url, `?${parameters}`);
    print(options, list.incidents, incidentTable);
    if (list.cursor !== undefined && options.format === "table")
      process.stderr.write(`there are more than these ${list.incidents.length}: see --limit\n`);
  });
}

/** `pharos incidents show ID`. */
export function showIncident(id: string, options: IncidentCommandOptions): Promise<void> {
  return reported(async () => {
    const incident = await asked(incidentDetailSchema, options.url, `/${encodeURIComponent(id)}`);
    print(options, incident, incidentText);
  });
}

/** `pharos incidents ack ID` and its like. */
export function actOnIncident(
  action: "acknowledge" | "unacknowledge" | "resolve" | "comment",
): (id: string, options: ActionOptions) => Promise<void> {
  return (id, options) =>
    reported(async () => {
      const { by = userName(), comment, expiresIn } = options;
      if (by === undefined)
        throw new OperatingError("input.invalid", "nobody knows who you are: say so with --by");
      const form = new URLSearchParams({ by });
      if (comment !== undefined) form.set("comment", comment);
      if (expiresIn !== undefined) form.set("expires_in", expiresIn);
      const path = `/${encodeURIComponent(id)}/${action}`;
      const incident = await asked(incidentSchema, options.url, path, form);
      print(options, incident, (done) => incidentTable([done]));
    });
}

async function reported(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    process.stderr.write(`pharos: ${error.message}\n`);
    process.exitCode = 1;
  }
}

function print<T>({ format }: IncidentCommandOptions, value: T, text: (value: T) => string): void {
  process.stdout.write(
    format === "json" ? `${JSON.stringify(value, undefined, 2)}\n` : text(value),
  );
}

/** Asks a server; with a form, to do something. @throws OperatingError with what the server says. */
async function asked<T extends z.ZodType>(
  schema: T,
  url: string,
  path: string,
  form?: URLSearchParams,
): Promise<z.output<T>> {
  const address = `${url.replace(/\/+$/, "")}/api/v1/incidents${path}`;
  const init = form === undefined ? {} : { method: "POST", body: form };
  const response = await fetch(address, init).catch((error: unknown) => {
    throw new OperatingError("http.failed", `${url} does not answer: ${errorText(error)}`);
  });
  const body: unknown = await response.json().catch(() => undefined);
  const failed = errorSchema.safeParse(body);
  if (failed.success) throw new OperatingError("http.failed", failed.data.error);
  const answer = answerSchema.safeParse(body);
  const read = schema.safeParse(answer.data?.data);
  if (read.success) return read.data;
  throw new OperatingError("http.failed", `the answer of ${url} is not that of a Pharos`);
}

/** A line for each incident. */
export function incidentTable(incidents: readonly IncidentJson[]): string {
  if (incidents.length === 0) return "no incidents\n";
  const rows = incidents.map((incident) => [
    incident.id,
    incident.status +
      (incident.flapping ? " (flapping)" : "") +
      (incident.suppressed ? " (muted)" : ""),
    incident.priority,
    shortTime(incident.startedAt),
    incident.acknowledgement?.by ?? "",
    incident.rules.join(",") || incident.groupKey,
    incident.summary,
    String(incident.firing),
  ]);
  const head = ["id", "status", "prio", "since", "acknowledged by", "alerts", "summary", "firing"];
  return table(head, rows, head.length - 1);
}

/** All that is known of an incident, the newest last: as one reads a story in a terminal. */
export function incidentText(incident: IncidentDetailJson): string {
  const { alerts, timeline, acknowledgement, notifications } = incident;
  const lines = [
    `${incident.id}  ${incident.status}  ${incident.priority}  ${incident.groupKey}`,
    incident.summary,
    `since ${shortTime(incident.startedAt)}${incident.resolvedAt === null ? "" : ` until ${shortTime(incident.resolvedAt)}`}, ${incident.firing} firing, ${incident.firingMax} at most, told ${notifications.delivered} times`,
  ];
  if (acknowledgement !== null) {
    const { by, until, comment } = acknowledgement;
    const lasting = until === null ? "as long as it lasts" : `until ${shortTime(until)}`;
    lines.push(`acknowledged by ${by} ${lasting}${comment === "" ? "" : `: ${comment}`}`);
  }
  const alertRows = alerts.map(({ state, startsAt, labels }) => [
    state,
    shortTime(startsAt),
    Object.entries(labels)
      .map(([name, value]) => `${name}=${value}`)
      .join(" "),
  ]);
  const eventRows = timeline
    .toReversed()
    .map(({ at, kind, status, detail }) => [
      shortTime(at),
      kind,
      status,
      ["by", "comment", "integration", "outcome", "error", "reason", "cause", "from", "to"]
        .flatMap((name) =>
          typeof detail[name] === "string" && detail[name] !== "" ? [detail[name]] : [],
        )
        .join(", "),
    ]);
  return [
    ...lines.filter((line) => line !== ""),
    "",
    table(["state", "since", "labels"], alertRows, 3),
    table(["time", "what", "status", ""], eventRows, 4),
  ].join("\n");
}

/** `2026-01-01 00:00:00`, in UTC. */
function shortTime(time: string): string {
  return time.slice(0, 19).replace("T", " ");
}
