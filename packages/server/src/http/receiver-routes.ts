import {
  type Notification,
  type NotificationTemplates,
  notificationData,
  parseMatcher,
} from "@pharos/alert";
import {
  RECEIVER_TEST_PATH,
  receiverTestBodySchema,
  TEMPLATE_PREVIEW_PATH,
  templatePreviewBodySchema,
} from "@pharos/api";
import { type Clock, type Matcher, matchesLabels, OperatingError, quote } from "@pharos/base";
import {
  ATTEMPT_MS_MAX,
  type DeliveryStatus,
  type GroupStatus,
  integrationKey,
  type NotificationConfig,
  type ReceiverConfig,
  type TestedIntegration,
  type TestNotificationOptions,
} from "@pharos/notify";
import type { Hono } from "hono";
import type { z } from "zod";
import { loadNotificationConfig } from "../config/alertmanager/load-notification-config.ts";
import { ConfigError } from "../config/diagnostics.ts";
import { addRoute } from "./add-route.ts";
import { type Answer, failure, success } from "./answer.ts";
import { badData } from "./errors.ts";
import { parseFields } from "./incident-routes.ts";
import { RequestGate } from "./request-gate.ts";
import { bodyText, refusedFromElsewhere } from "./rule-request.ts";

/** What trying out receivers and templates asks of the rest of the program. */
export interface ReceiversProvider {
  config(): NotificationConfig;
  groups(): readonly GroupStatus[];
  /** How it stands with each integration, by key. */
  integrations(): ReadonlyMap<string, DeliveryStatus>;
  test(
    receiver: Pick<ReceiverConfig, "name" | "integrations">,
    signal: AbortSignal,
    options: TestNotificationOptions,
  ): Promise<readonly TestedIntegration[]>;
  /** Those that are configured, and those of `definitions`. @throws OperatingError `input.invalid`. */
  templates(definitions: string | undefined): NotificationTemplates;
  readonly externalUrl: string;
  readonly timeZone: string;
  /** Whether whoever reaches the address may have requests sent to anywhere. */
  readonly mayTestOthers: boolean;
}

interface Dependencies {
  readonly clock: Clock;
  readonly receivers: ReceiversProvider;
}

/** Tests of receivers at once; others wait their turn. */
const TESTS_CONCURRENT_MAX = 4;

/** Trying out what people are told with, before they must be told. */
export function addReceiverRoutes(app: Hono, dependencies: Dependencies): void {
  const gate = new RequestGate(TESTS_CONCURRENT_MAX);
  addRoute(app, ["POST"], RECEIVER_TEST_PATH, async (request) => {
    const refused = refusedFromElsewhere(request);
    if (refused !== undefined) return refused;
    const body = await jsonBody(request, receiverTestBodySchema);
    return gate.run(request.signal, () => testReceiver(request, body, dependencies));
  });
  addRoute(
    app,
    ["POST"],
    TEMPLATE_PREVIEW_PATH,
    async (request) =>
      refusedFromElsewhere(request) ??
      previewTemplate(await jsonBody(request, templatePreviewBodySchema), dependencies),
  );
}

async function jsonBody<T>(request: Request, schema: z.ZodType<T>): Promise<T> {
  const text = await bodyText(request);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw badData("the body is no JSON", error);
  }
  return parseFields(schema, value);
}

async function testReceiver(
  request: Request,
  body: z.output<typeof receiverTestBodySchema>,
  { receivers }: Dependencies,
): Promise<Answer> {
  const { labels = {}, annotations = {} } = body;
  if ((body.receiver === undefined) === (body.config === undefined))
    throw badData("say either receiver, the name of one, or config");
  if (body.config !== undefined && !receivers.mayTestOthers)
    return failure(
      403,
      "bad_data",
      "Only receivers of the configuration on this address: start Pharos with --enable-admin-api for others.",
    );
  const { name, integrations } = askedReceiver(body, receivers);
  const asked = integrations.filter(
    (one) => body.integration === undefined || integrationKey(name, one) === body.integration,
  );
  if (body.integration !== undefined && asked.length === 0)
    throw new OperatingError("not_found", `${name} has no integration ${quote(body.integration)}`);
  const tested = await Promise.all(
    asked.map(async (one) => {
      const late = AbortSignal.timeout(ATTEMPT_MS_MAX);
      const signal = AbortSignal.any([request.signal, late]);
      try {
        const receiver = { name, integrations: [one] };
        return await receivers.test(receiver, signal, { labels, annotations });
      } catch (error) {
        if (!late.aborted || request.signal.aborted) throw error;
        return [tooLate(integrationKey(name, one))];
      }
    }),
  );
  const results = tested.flat().map((one) => ({ ...one, durationMs: Math.round(one.durationMs) }));
  return success({ receiver: name, integrations: results });
}

function tooLate(integration: string): TestedIntegration {
  const error = `no answer within ${ATTEMPT_MS_MAX / 1000} s`;
  return { integration, status: "failed", error, transient: true, durationMs: ATTEMPT_MS_MAX };
}

function askedReceiver(
  { receiver, config, global }: z.output<typeof receiverTestBodySchema>,
  receivers: ReceiversProvider,
): Pick<ReceiverConfig, "name" | "integrations"> {
  if (config === undefined) {
    const found = receivers.config().receivers.find(({ name }) => name === receiver);
    if (found === undefined)
      throw new OperatingError("not_found", `no receiver is called ${quote(receiver ?? "")}`);
    return found;
  }
  const { name } = config;
  const text = JSON.stringify({
    global: global ?? {},
    route: { receiver: name },
    receivers: [config],
  });
  try {
    const loaded = loadNotificationConfig(text, "request", NO_FILES);
    return loaded.config.receivers[0] ?? { name, integrations: [] };
  } catch (error) {
    if (error instanceof ConfigError) throw badData(error.message, error);
    throw error;
  }
}

/** A request must not have files of this machine sent away. */
const NO_FILES = {
  readFile: (path: string): string => {
    throw new OperatingError(
      "not_found",
      `${path} is not read: write what it holds into the request`,
    );
  },
  glob: (): readonly string[] => [],
};

/** The text that a template becomes with the alerts of a group. */
function previewTemplate(
  body: z.output<typeof templatePreviewBodySchema>,
  { clock, receivers }: Dependencies,
): Answer {
  const nowMs = clock.nowMs();
  const { externalUrl, timeZone } = receivers;
  const templates = receivers.templates(body.definitions);
  const found = askedGroup(body, receivers);
  const notification =
    found === undefined
      ? sampleNotification(body.receiver ?? receivers.config().route.receiver, nowMs, externalUrl)
      : notificationOf(found);
  const data = notificationData(notification, { externalUrl, nowMs, timeZone });
  const text =
    body.html === true
      ? templates.expandHtml(body.template, data)
      : templates.expand(body.template, data);
  const { receiver, groupKey, alerts } = notification;
  return success({
    text,
    receiver,
    groupKey,
    alerts: alerts.length,
    isSample: found === undefined,
  });
}

function askedGroup(
  { receiver, groupKey, matchers = [] }: z.output<typeof templatePreviewBodySchema>,
  receivers: ReceiversProvider,
): GroupStatus | undefined {
  const parsed: readonly Matcher[] = matchers.map((text) => parseMatcher(text).matcher);
  return receivers
    .groups()
    .find(
      (group) =>
        (receiver === undefined || group.receiver === receiver) &&
        (groupKey === undefined || group.key === groupKey) &&
        group.alerts.some(({ alert }) => matchesLabels(parsed, alert.labels)),
    );
}

function notificationOf({ receiver, key, labels, routeLabels, alerts }: GroupStatus): Notification {
  return {
    ...{ receiver, groupKey: key, groupLabels: labels, routeLabels },
    reason: "first notification",
    alerts: alerts.map(({ alert }) => ({ ...alert, endsAtMs: null })),
  };
}

/** For a template that nothing fires for. */
function sampleNotification(receiver: string, nowMs: number, externalUrl: string): Notification {
  const alertname = ["alertname", "SampleAlert"] as const;
  return {
    ...{ receiver, groupKey: '{}:{alertname="SampleAlert"}', groupLabels: [alertname] },
    ...{ routeLabels: [], reason: "first notification" },
    alerts: [
      {
        labels: [alertname, ["instance", "host-1:9100"], ["severity", "critical"]],
        annotations: [["summary", "A sample: nothing fires now."]],
        ...{ startsAtMs: nowMs - 60_000, endsAtMs: null, generatorUrl: `${externalUrl}/` },
      },
    ],
  };
}
