import { DELIVERIES_PATH, type DeliveryJson } from "@pharos/api";
import { OperatingError, quote } from "@pharos/base";
import {
  ATTEMPT_OUTCOMES,
  DELIVERY_PAGE_MAX,
  type Delivery,
  type DeliveryLog,
  type DeliveryQuery,
} from "@pharos/notify";
import type { Hono } from "hono";
import { addRoute } from "./add-route.ts";
import { type Answer, formatTime, success } from "./answer.ts";
import type { IncidentsProvider } from "./incident-routes.ts";
import { cursorJson, pageParameters } from "./page-parameters.ts";
import { choiceParameter, parametersOf, TIME_MS_MAX, TIME_MS_MIN } from "./parameters.ts";

interface DeliveryDependencies {
  readonly deliveries: Pick<DeliveryLog, "query">;
  readonly incidents: Pick<IncidentsProvider, "archive">;
}

/** The log of all attempts to notify. */
export function addDeliveryRoutes(app: Hono, dependencies: DeliveryDependencies): void {
  addRoute(app, ["GET"], DELIVERIES_PATH, (request) => listDeliveries(request, dependencies));
}

/** `?integration&receiver&incident&key&outcome&start&end&limit&cursor`. */
async function listDeliveries(
  request: Request,
  { deliveries: log, incidents }: DeliveryDependencies,
): Promise<Answer> {
  const parameters = await parametersOf(request);
  const { minMs, maxMs, limit, after } = pageParameters(parameters);
  const outcome = choiceParameter(parameters, "outcome", ATTEMPT_OUTCOMES);
  const incident = parameters.get("incident") ?? "";
  const about: Pick<DeliveryQuery, "group" | "startMs" | "endMs"> =
    incident === "" ? {} : await attemptsOf(incident, incidents);
  const asked = (name: "integration" | "receiver" | "key") => {
    const text = parameters.get(name) ?? "";
    return text === "" ? {} : { [name]: text };
  };
  const size = Math.min(limit, DELIVERY_PAGE_MAX - 1);
  const found = await log.query({
    ...asked("integration"),
    ...asked("receiver"),
    ...asked("key"),
    ...(outcome === undefined ? {} : { outcome }),
    ...about,
    ...(minMs === TIME_MS_MIN ? {} : { startMs: Math.max(minMs, about.startMs ?? minMs) }),
    ...(maxMs === TIME_MS_MAX ? {} : { endMs: Math.min(maxMs, about.endMs ?? maxMs) }),
    ...(after === undefined ? {} : { after }),
    // One more, to know whether there is another page.
    limit: size + 1,
  });
  const shown = found.slice(0, size);
  const last = found.length > size ? shown.at(-1) : undefined;
  const next = last === undefined ? undefined : { sortKey: last.atMs, id: last.id };
  const told = await incidents.archive.incidentsOf(shown);
  const deliveries = shown.map((delivery, i) => deliveryJson(delivery, told[i]));
  return success({ deliveries, ...cursorJson({ next }) });
}

async function attemptsOf(id: string, { archive }: DeliveryDependencies["incidents"]) {
  const incident = await archive.get(id);
  if (incident === undefined)
    throw new OperatingError("not_found", `there is no incident ${quote(id)}`);
  return archive.attemptsOf(incident);
}

function deliveryJson(delivery: Delivery, incident: string | null = null): DeliveryJson {
  const { id, key, integration, receiver, groupKey, reason } = delivery;
  const { firing, resolved, outcome, error, attempt, atMs, server } = delivery;
  const durationMs = Math.round(delivery.durationMs);
  return {
    ...{ id, at: formatTime(atMs), key, integration, receiver, groupKey, incident, reason },
    ...{ firing, resolved, outcome, error, attempt, durationMs, server },
  };
}
