import { createHash } from "node:crypto";
import type { Incident } from "@pharos/alert";
import {
  AUTHOR_LENGTH_MAX,
  acknowledgeSchema,
  COMMENT_LENGTH_MAX,
  INCIDENTS_PATH,
} from "@pharos/api";
import { type Clock, OperatingError, quote } from "@pharos/base";
import type { Hono } from "hono";
import type { IncidentLinks, LinkRight } from "../alerting/incident-links.ts";
import { addRoute, type Routed } from "./add-route.ts";
import { failure, formatTime } from "./answer.ts";
import { HTTP_ERRORS } from "./errors.ts";
import { ruleNames } from "./incident-json.ts";
import { acknowledgedUntil, type IncidentsProvider, parseFields } from "./incident-routes.ts";
import { parametersOf } from "./parameters.ts";
import { RateLimit } from "./rate-limit.ts";

/** Requests with links, good or bad: nobody needs more, and guessing gets nowhere at any speed. */
const LINKS_PER_SECOND = 10;
const LINKS_BURST = 50;

interface LinkDependencies {
  readonly clock: Clock;
  readonly incidents: IncidentsProvider;
  readonly incidentLinks: Pick<IncidentLinks, "verify">;
}

/**
 * `/api/v1/incidents/ack?token=`: what a signed link leads to. GET only asks, since mail scanners and chats follow links
 * by themselves; POST does it. The token is the right, and there is no login that another site's page could abuse.
 */
export function addAcknowledgeLink(app: Hono, dependencies: LinkDependencies): void {
  const { clock, incidentLinks, incidents } = dependencies;
  const rate = new RateLimit({ clock, perSecond: LINKS_PER_SECOND, burst: LINKS_BURST });
  addRoute(app, ["GET", "POST"], `${INCIDENTS_PATH}/ack`, async (request) => {
    try {
      if (!rate.take())
        throw new OperatingError("query.too_many", "too many links at once; try again in a moment");
      const parameters = await parametersOf(request);
      const right = incidentLinks.verify(parameters.get("token") ?? "", clock.nowMs());
      if (request.method === "POST") return await acknowledge(parameters, right, dependencies);
      const incident = await incidents.archive.get(right.incidentId);
      if (incident === undefined) throw noIncident(right);
      return page(200, questionOf(incident, right));
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      return refusal(request, error);
    }
  });
}

async function acknowledge(
  parameters: URLSearchParams,
  { incidentId, receiver }: LinkRight,
  { clock, incidents }: LinkDependencies,
): Promise<Routed> {
  const fields = new Map(parameters);
  fields.delete("token");
  if (!fields.get("by")?.trim()) fields.set("by", `${receiver || "somebody"} by link`);
  // The form sends an empty choice for "as long as it lasts".
  if (fields.get("expires_in") === "") fields.delete("expires_in");
  const {
    by,
    comment = "",
    expires_in,
    until,
  } = parseFields(acknowledgeSchema, Object.fromEntries(fields));
  const untilMs = acknowledgedUntil(expires_in, until, clock.nowMs());
  const incident = await incidents.act(incidentId, { kind: "acknowledge", by, comment, untilMs });
  const lasting = untilMs === null ? "as long as it lasts" : `until ${formatTime(untilMs)}`;
  return page(
    200,
    `<h1>Acknowledged</h1>${factsOf(incident)}<p>By ${escaped(by)}, ${escaped(lasting)}. Nobody is told again of what it covers meanwhile.</p>`,
  );
}

function questionOf(incident: Incident, { receiver }: LinkRight): string {
  if (incident.status === "resolved") return `<h1>Resolved already</h1>${factsOf(incident)}`;
  const { acknowledgement } = incident;
  const known =
    acknowledgement === null
      ? ""
      : `<p>Acknowledged by ${escaped(acknowledgement.by)} already.</p>`;
  return `<h1>Acknowledge?</h1>${factsOf(incident)}${known}
<form method="post">
<label>Your name<input name="by" maxlength="${AUTHOR_LENGTH_MAX}" autocomplete="name" placeholder="${escaped(receiver)} by link"></label>
<label>Comment<input name="comment" maxlength="${COMMENT_LENGTH_MAX}"></label>
<label>For<select name="expires_in"><option value="">as long as it lasts</option><option value="30m">30 minutes</option><option value="1h">1 hour</option><option value="4h">4 hours</option><option value="1d">1 day</option></select></label>
<button>Acknowledge</button>
</form>`;
}

function factsOf(incident: Incident): string {
  const [first] = incident.alerts.values();
  const summary =
    first === undefined || first.summary === "" ? "" : `<p>${escaped(first.summary)}</p>`;
  const rules = ruleNames(incident).join(", ") || incident.group.key;
  const severity = incident.severity === "" ? incident.priority : incident.severity;
  return `<h2>${escaped(rules)}</h2>${summary}<p>${escaped(severity)} · since ${formatTime(incident.startedAtMs)} · ${incident.status}</p>`;
}

function noIncident({ incidentId }: LinkRight): OperatingError {
  return new OperatingError("not_found", `there is no incident ${quote(incidentId)} any more`);
}

/** A page for people, JSON for programs. */
function refusal(request: Request, error: OperatingError): Routed {
  const { status, type } = HTTP_ERRORS[error.code];
  if (!request.headers.get("Accept")?.includes("text/html"))
    return failure(status, type, error.message);
  return page(status, `<h1>Not acknowledged</h1><p>${escaped(error.message)}</p>`);
}

const STYLE =
  "body{font:16px/1.5 system-ui,sans-serif;max-width:32rem;margin:10vh auto;padding:0 1rem;color-scheme:light dark}" +
  "label{display:block;margin:.75rem 0}input,select{display:block;width:100%;box-sizing:border-box;font:inherit;padding:.4rem}" +
  "button{font:inherit;padding:.5rem 1.5rem;margin-top:.5rem}h2{margin:.25rem 0}";
const STYLE_HASH = createHash("sha256").update(STYLE).digest("base64");

/** Nothing may be loaded, nobody may frame it, no cache keeps it, and the token goes to nobody else. */
const HEADERS = {
  "Content-Type": "text/html; charset=utf-8",
  "Content-Security-Policy": `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'`,
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "Cache-Control": "no-store",
  "X-Robots-Tag": "noindex",
};

function page(status: number, body: string): Response {
  const html = `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Pharos</title><style>${STYLE}</style></head><body>${body}</body></html>`;
  return new Response(html, { status, headers: HEADERS });
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? "");
}
