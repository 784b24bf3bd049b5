import { DELIVERIES_PATH, type DeliveryJson } from "@pharos/api";
import {
  ATTEMPT_OUTCOMES,
  DELIVERY_PAGE_MAX,
  type Delivery,
  type DeliveryLog,
} from "@pharos/notify";
import type { Hono } from "hono";
import { addRoute } from "./add-route.ts";
import { type Answer, formatTime, success } from "./answer.ts";
import { cursorJson, pageParameters } from "./page-parameters.ts";
import { choiceParameter, parametersOf, TIME_MS_MAX, TIME_MS_MIN } from "./parameters.ts";

interface DeliveryDependencies {
  readonly deliveries: Pick<DeliveryLog, "query">;
}

/** The log of all attempts to notify. */
export function addDeliveryRoutes(app: Hono, { deliveries }: DeliveryDependencies): void {
  addRoute(app, ["GET"], DELIVERIES_PATH, (request) => listDeliveries(request, deliveries));
}

/** `?integration&receiver&incident&key&outcome&start&end&limit&cursor`. */
async function listDeliveries(
  request: Request,
  log: DeliveryDependencies["deliveries"],
): Promise<Answer> {
  const parameters = await parametersOf(request);
  const { minMs, maxMs, limit, after } = pageParameters(parameters);
  const outcome = choiceParameter(parameters, "outcome", ATTEMPT_OUTCOMES);
  const asked = (name: "integration" | "receiver" | "incident" | "key") => {
    const text = parameters.get(name) ?? "";
    return text === "" ? {} : { [name]: text };
  };
  const size = Math.min(limit, DELIVERY_PAGE_MAX - 1);
  const found = await log.query({
    ...asked("integration"),
    ...asked("receiver"),
    ...asked("incident"),
    ...asked("key"),
    ...(outcome === undefined ? {} : { outcome }),
    ...(minMs === TIME_MS_MIN ? {} : { startMs: minMs }),
    ...(maxMs === TIME_MS_MAX ? {} : { endMs: maxMs }),
    ...(after === undefined ? {} : { after }),
    // One more, to know whether there is another page.
    limit: size + 1,
  });
  const shown = found.slice(0, size);
  const last = found.length > size ? shown.at(-1) : undefined;
  const next = last === undefined ? undefined : { sortKey: last.atMs, id: last.id };
  return success({ deliveries: shown.map(deliveryJson), ...cursorJson({ next }) });
}

function deliveryJson(delivery: Delivery): DeliveryJson {
  const { id, key, integration, receiver, groupKey, incident = null, reason } = delivery;
  const { firing, resolved, outcome, error, attempt, atMs, server } = delivery;
  const durationMs = Math.round(delivery.durationMs);
  return {
    ...{ id, at: formatTime(atMs), key, integration, receiver, groupKey, incident, reason },
    ...{ firing, resolved, outcome, error, attempt, durationMs, server },
  };
}
