import type { RouteJson } from "@pharos/api";
import type { ApiTransport } from "./api-transport.ts";
import type { Json } from "./json-reader.ts";

export interface Integration {
  /** `team/webhook[0]`. */
  readonly name: string;
  readonly kind: string;
  readonly sendResolved: boolean;
  /** Open: it failed so often that it is left alone for a while. */
  readonly circuit: "closed" | "open" | "half-open";
  readonly waitingCount: number;
  readonly sendingCount: number;
}

export interface RoutingReceiver {
  readonly name: string;
  readonly integrations: readonly Integration[];
}

export interface Routing {
  readonly route: RouteJson;
  readonly receivers: readonly RoutingReceiver[];
  /** Names of those that are in force now. */
  readonly activeIntervals: ReadonlySet<string>;
}

export async function loadRouting(transport: ApiTransport, signal: AbortSignal): Promise<Routing> {
  return readRouting((await transport.send("v1/routing", undefined, signal)).data);
}

export function readRouting(data: Json): Routing {
  return {
    route: readRoute(data.get("route")),
    receivers: data
      .get("receivers")
      .list()
      .map((receiver) => ({
        name: receiver.get("name").text(),
        integrations: receiver.get("integrations").list().map(readIntegration),
      })),
    activeIntervals: new Set(
      data
        .get("timeIntervals")
        .list()
        .filter((interval) => interval.get("active").value === true)
        .map((interval) => interval.get("name").text()),
    ),
  };
}

function readRoute(route: Json): RouteJson {
  return {
    id: route.get("id").text(),
    key: route.get("key").text(),
    matchers: textsOf(route.get("matchers")),
    receiver: route.get("receiver").text(),
    groupBy: textsOf(route.get("groupBy")),
    groupWait: route.get("groupWait").text(),
    groupInterval: route.get("groupInterval").text(),
    repeatInterval: route.get("repeatInterval").text(),
    muteTimeIntervals: textsOf(route.get("muteTimeIntervals")),
    activeTimeIntervals: textsOf(route.get("activeTimeIntervals")),
    continue: route.get("continue").value === true,
    routes: route.get("routes").list().map(readRoute),
  };
}

function readIntegration(integration: Json): Integration {
  return {
    name: integration.get("integration").text(),
    kind: integration.get("kind").text(),
    sendResolved: integration.get("sendResolved").value === true,
    circuit: integration.get("circuit").oneOf(["closed", "open", "half-open"]),
    waitingCount: integration.get("waiting").number(),
    sendingCount: integration.get("sending").number(),
  };
}

function textsOf(list: Json): string[] {
  return list.list().map((text) => text.text());
}

/** What came of a test of one integration. */
export interface TestedIntegration {
  readonly integration: string;
  readonly delivered: boolean;
  /** "" where it was delivered. */
  readonly error: string;
  readonly tookMs: number;
}

/** Sends a test notification to all integrations of a receiver. */
export async function testReceiver(
  transport: ApiTransport,
  receiver: string,
  signal: AbortSignal,
): Promise<TestedIntegration[]> {
  const { data } = await transport.send("v1/receivers/test", { json: { receiver } }, signal);
  return readTested(data);
}

export function readTested(data: Json): TestedIntegration[] {
  return data
    .get("integrations")
    .list()
    .map((one) => ({
      integration: one.get("integration").text(),
      delivered: one.get("status").oneOf(["delivered", "failed"]) === "delivered",
      error: one.get("error").textOrEmpty(),
      tookMs: one.get("durationMs").number(),
    }));
}

/** An attempt to notify, as the log has it. */
export interface LoggedDelivery {
  readonly id: string;
  readonly atMs: number;
  readonly integration: string;
  readonly receiver: string;
  readonly groupKey: string;
  readonly reason: string;
  readonly firingCount: number;
  readonly resolvedCount: number;
  readonly outcome: "delivered" | "retrying" | "failed";
  readonly error: string;
  readonly attempt: number;
  readonly tookMs: number;
}

export interface DeliveryPage {
  readonly deliveries: readonly LoggedDelivery[];
  readonly cursor: string | undefined;
}

export async function listDeliveries(
  transport: ApiTransport,
  query: Record<string, string>,
  signal: AbortSignal,
): Promise<DeliveryPage> {
  const path = `v1/deliveries?${new URLSearchParams(query)}`;
  return readDeliveries((await transport.send(path, undefined, signal)).data);
}

export function readDeliveries(data: Json): DeliveryPage {
  return {
    deliveries: data
      .get("deliveries")
      .list()
      .map((one) => ({
        id: one.get("id").text(),
        atMs: one.get("at").timestampMs() ?? Number.NaN,
        integration: one.get("integration").text(),
        receiver: one.get("receiver").text(),
        groupKey: one.get("groupKey").textOrEmpty(),
        reason: one.get("reason").textOrEmpty(),
        firingCount: one.get("firing").number(),
        resolvedCount: one.get("resolved").number(),
        outcome: one.get("outcome").oneOf(["delivered", "retrying", "failed"]),
        error: one.get("error").textOrEmpty(),
        attempt: one.get("attempt").number(),
        tookMs: one.get("durationMs").number(),
      })),
    cursor: data.get("cursor").textOrEmpty() || undefined,
  };
}
