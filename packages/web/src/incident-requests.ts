import type { ApiTransport } from "./api-transport.ts";
import {
  type Incident,
  type IncidentDetail,
  type IncidentPage,
  readIncident,
  readIncidentDetail,
  readIncidentPage,
} from "./incident-state.ts";

/** Transitions of a timeline that are asked for at once. */
const TIMELINE_LIMIT = "200";

/** What a person does with an incident. */
export type IncidentAction =
  | {
      readonly kind: "acknowledge";
      readonly by: string;
      readonly comment: string;
      /** Undefined for as long as the incident lasts. */
      readonly lastsMs: number | undefined;
    }
  | {
      readonly kind: "unacknowledge" | "resolve" | "comment";
      readonly by: string;
      readonly comment: string;
    };

export async function listIncidents(
  transport: ApiTransport,
  query: Record<string, string>,
  signal: AbortSignal,
): Promise<IncidentPage> {
  const { data } = await transport.send(
    `v1/incidents?${new URLSearchParams(query)}`,
    undefined,
    signal,
  );
  return readIncidentPage(data);
}

export async function loadIncident(
  transport: ApiTransport,
  id: string,
  signal: AbortSignal,
): Promise<IncidentDetail> {
  const path = `v1/incidents/${encodeURIComponent(id)}?limit=${TIMELINE_LIMIT}`;
  return readIncidentDetail((await transport.send(path, undefined, signal)).data);
}

/** Gives the incident as it is then. */
export async function actOnIncident(
  transport: ApiTransport,
  id: string,
  action: IncidentAction,
  signal: AbortSignal,
): Promise<Incident> {
  const { by, comment, kind } = action;
  const json = {
    by,
    ...(comment === "" ? {} : { comment }),
    ...(action.kind === "acknowledge" && action.lastsMs !== undefined
      ? { expires_in: String(action.lastsMs / 1000) }
      : {}),
  };
  const path = `v1/incidents/${encodeURIComponent(id)}/${kind}`;
  return readIncident((await transport.send(path, { json }, signal)).data);
}
