import { Secret } from "@pharos/base";
import type {
  IncidentIoConfig,
  OpsgenieConfig,
  PagerDutyConfig,
  PushoverConfig,
  SnsConfig,
  VictorOpsConfig,
} from "@pharos/notify";
import { z } from "zod";
import { limit, secretText } from "../field-schemas.ts";
import {
  defaultTemplate,
  goDuration,
  httpUrl,
  jsonValues,
  text,
  texts,
  urlProblem,
} from "./alertmanager-fields.ts";
import { camelKeysOf } from "./camel-keys.ts";
import { required } from "./chat-integrations.ts";
import { httpConfigSchema } from "./global-schema.ts";
import { type IntegrationReader, isGiven, secretKeys, withSlash } from "./integration-reader.ts";

const told = {
  send_resolved: z.boolean().default(true),
  http_config: httpConfigSchema.optional(),
};

const PAGERDUTY_TEXTS = {
  client: text(defaultTemplate("pagerduty.default.client")),
  client_url: text(defaultTemplate("pagerduty.default.clientURL")),
  description: text(defaultTemplate("pagerduty.default.description")),
  class: text(),
  component: text(),
  group: text(),
};

/** What an event tells beside its description. */
const PAGERDUTY_DETAILS = {
  firing: "{{ .Alerts.Firing | toJson }}",
  resolved: "{{ .Alerts.Resolved | toJson }}",
  num_firing: "{{ .Alerts.Firing | len }}",
  num_resolved: "{{ .Alerts.Resolved | len }}",
};

export const pagerDutySchema = z.strictObject({
  ...told,
  service_key: secretText().optional(),
  service_key_file: z.string().optional(),
  routing_key: secretText().optional(),
  routing_key_file: z.string().optional(),
  url: httpUrl.optional(),
  ...PAGERDUTY_TEXTS,
  details: jsonValues,
  images: z.array(z.strictObject({ src: text(), alt: text(), href: text() })).default([]),
  links: z.array(z.strictObject({ href: text(), text: text() })).default([]),
  source: text(),
  severity: text("error"),
  timeout: goDuration.optional(),
});

export function pagerDuty(
  keys: z.output<typeof pagerDutySchema>,
  reader: IntegrationReader,
): PagerDutyConfig {
  const isKeyGiven =
    isGiven(secretKeys(keys, "routing_key")) || isGiven(secretKeys(keys, "service_key"));
  if (!isKeyGiven) reader.report("missing service or routing key in PagerDuty config");
  return {
    kind: "pagerduty",
    ...reader.http(keys),
    ...camelKeysOf(keys, PAGERDUTY_TEXTS),
    routingKey: reader.secret(keys, "routing_key"),
    serviceKey: reader.secret(keys, "service_key"),
    url: keys.url ?? reader.global.pagerduty_url,
    severity: keys.severity || "error",
    source: keys.source || keys.client,
    details: Object.entries({ ...PAGERDUTY_DETAILS, ...keys.details }),
    images: keys.images,
    links: keys.links,
  };
}

const OPSGENIE_TEXTS = {
  message: text(defaultTemplate("opsgenie.default.message")),
  description: text(defaultTemplate("opsgenie.default.description")),
  source: text(defaultTemplate("opsgenie.default.source")),
  entity: text(),
  actions: text(),
  tags: text(),
  note: text(),
  priority: text(),
  update_alerts: z.boolean().default(false),
};

export const opsgenieSchema = z.strictObject({
  ...told,
  api_key: secretText().optional(),
  api_key_file: z.string().optional(),
  api_url: httpUrl.optional(),
  ...OPSGENIE_TEXTS,
  details: texts,
  responders: z
    .array(z.strictObject({ id: text(), name: text(), username: text(), type: text() }))
    .default([]),
});

type OpsgenieKeys = z.output<typeof opsgenieSchema>;

export function opsgenie(keys: OpsgenieKeys, reader: IntegrationReader): OpsgenieConfig {
  return {
    kind: "opsgenie",
    ...reader.http(keys),
    ...camelKeysOf(keys, OPSGENIE_TEXTS),
    apiKey: required(
      keys,
      "api_key",
      "opsgenie_api_key",
      "no global OpsGenie API Key set either inline or in a file",
      reader,
    ),
    apiUrl: withSlash(keys.api_url ?? reader.global.opsgenie_api_url),
    details: Object.entries(keys.details),
    responders: keys.responders.map((responder, index) => responderOf(responder, index, reader)),
  };
}

function responderOf(
  responder: OpsgenieKeys["responders"][number],
  index: number,
  reader: IntegrationReader,
): OpsgenieConfig["responders"][number] {
  const { id, name, username, type } = responder;
  const shown = `{${id} ${name} ${username} ${type}}`;
  if (id === "" && username === "" && name === "")
    reader.report(
      `opsGenieConfig responder ${shown} has to have at least one of id, username or name specified`,
      "responders",
      index,
    );
  if (type.includes("{{")) return responder;
  if (!/^(?:team|teams|user|escalation|schedule)$/i.test(type))
    reader.report(
      `opsGenieConfig responder ${shown} type does not match valid options ^(team|teams|user|escalation|schedule)$`,
      "responders",
      index,
      "type",
    );
  return { ...responder, type: type.toLowerCase() };
}

const VICTOROPS_TEXTS = {
  routing_key: text(),
  message_type: text("CRITICAL"),
  state_message: text(defaultTemplate("victorops.default.state_message")),
  entity_display_name: text(defaultTemplate("victorops.default.entity_display_name")),
  monitoring_tool: text(defaultTemplate("victorops.default.monitoring_tool")),
};

export const victorOpsSchema = z.strictObject({
  ...told,
  api_key: secretText().optional(),
  api_key_file: z.string().optional(),
  api_url: httpUrl.optional(),
  ...VICTOROPS_TEXTS,
  custom_fields: texts,
});

const VICTOROPS_RESERVED = new Set([
  ...Object.keys(VICTOROPS_TEXTS),
  ...["entity_id", "entity_state"],
]);

export function victorOps(
  keys: z.output<typeof victorOpsSchema>,
  reader: IntegrationReader,
): VictorOpsConfig {
  if (keys.routing_key === "")
    reader.report("missing Routing key in VictorOps config", "routing_key");
  for (const name of Object.keys(keys.custom_fields))
    if (VICTOROPS_RESERVED.has(name))
      reader.report(
        `victorOps config contains custom field ${name} which cannot be used as it conflicts with the fixed/static fields`,
        "custom_fields",
        name,
      );
  return {
    kind: "victorops",
    ...reader.http(keys),
    ...camelKeysOf(keys, VICTOROPS_TEXTS),
    apiKey: required(
      keys,
      "api_key",
      "victorops_api_key",
      "no global VictorOps API Key set",
      reader,
    ),
    apiUrl: withSlash(keys.api_url ?? reader.global.victorops_api_url),
    customFields: Object.entries(keys.custom_fields),
  };
}

const PUSHOVER_TEXTS = {
  title: text(defaultTemplate("pushover.default.title")),
  message: text(defaultTemplate("pushover.default.message")),
  url: text(defaultTemplate("pushover.default.url")),
  url_title: text(),
  device: text(),
  sound: text(),
  priority: text('{{ if eq .Status "firing" }}2{{ else }}0{{ end }}'),
  html: z.boolean().default(false),
  monospace: z.boolean().default(false),
};

export const pushoverSchema = z.strictObject({
  ...told,
  user_key: secretText().optional(),
  user_key_file: z.string().optional(),
  token: secretText().optional(),
  token_file: z.string().optional(),
  ...PUSHOVER_TEXTS,
  retry: goDuration.default(60_000),
  expire: goDuration.default(3_600_000),
  ttl: goDuration.default(0),
});

export function pushover(
  keys: z.output<typeof pushoverSchema>,
  reader: IntegrationReader,
): PushoverConfig {
  if (keys.html && keys.monospace)
    reader.report("at most one of monospace & html must be configured", "monospace");
  return {
    kind: "pushover",
    ...reader.http(keys),
    ...camelKeysOf(keys, PUSHOVER_TEXTS),
    userKey: ownSecret(keys, "user_key", reader),
    token: ownSecret(keys, "token", reader),
    retryMs: keys.retry,
    expireMs: keys.expire,
    ttlMs: keys.ttl,
  };
}

/** A secret that has no global one. */
function ownSecret(keys: object, name: string, reader: IntegrationReader): Secret {
  if (!isGiven(secretKeys(keys, name)))
    reader.report(`one of ${name} or ${name}_file must be configured`);
  return reader.secret(keys, name) ?? new Secret("");
}

const SNS_TEXTS = {
  topic_arn: text(),
  phone_number: text(),
  target_arn: text(),
  subject: text(defaultTemplate("sns.default.subject")),
  message: text(defaultTemplate("sns.default.message")),
};

export const snsSchema = z.strictObject({
  ...told,
  api_url: text(),
  sigv4: z
    .strictObject({
      region: text(),
      access_key: text(),
      secret_key: secretText().optional(),
      profile: text(),
      role_arn: text(),
      external_id: text(),
      use_fips_sts_endpoint: z.boolean().default(false),
    })
    .prefault({}),
  ...SNS_TEXTS,
  attributes: texts,
});

export function sns(keys: z.output<typeof snsSchema>, reader: IntegrationReader): SnsConfig {
  const { topic_arn, phone_number, target_arn, sigv4 } = keys;
  if ([topic_arn, phone_number, target_arn].filter((name) => name !== "").length !== 1)
    reader.report("must provide either a Target ARN, Topic ARN, or Phone Number for SNS config");
  const { inline: secretKey } = secretKeys(sigv4, "secret_key");
  if ((sigv4.access_key === "") !== (secretKey === undefined))
    reader.report(
      "must provide a AWS SigV4 Access key and Secret Key if credentials are specified in the SigV4 config",
      "sigv4",
    );
  return {
    kind: "sns",
    ...reader.http(keys),
    ...camelKeysOf(keys, SNS_TEXTS),
    apiUrl: keys.api_url,
    sigv4: {
      region: sigv4.region,
      accessKey: sigv4.access_key,
      secretKey,
      profile: sigv4.profile,
      roleArn: sigv4.role_arn,
      externalId: sigv4.external_id,
      useFipsStsEndpoint: sigv4.use_fips_sts_endpoint,
    },
    attributes: Object.entries(keys.attributes),
  };
}

export const incidentIoSchema = z.strictObject({
  ...told,
  url: httpUrl.optional(),
  url_file: z.string().optional(),
  alert_source_token: secretText().optional(),
  alert_source_token_file: z.string().optional(),
  max_alerts: limit.default(0),
  timeout: goDuration.optional(),
});

type IncidentIoKeys = z.output<typeof incidentIoSchema>;

export function incidentIo(keys: IncidentIoKeys, reader: IntegrationReader): IncidentIoConfig {
  const token = reader.secret(keys, "alert_source_token");
  const isAuthorized = keys.http_config?.authorization !== undefined;
  const isTokenGiven = isGiven(secretKeys(keys, "alert_source_token"));
  if (isAuthorized && isTokenGiven)
    reader.report(
      "cannot specify alert_source_token or alert_source_token_file when using http_config.authorization",
    );
  const isGloballyAuthorized =
    keys.http_config === undefined && reader.global.http_config?.authorization !== undefined;
  if (!isAuthorized && !isTokenGiven && !isGloballyAuthorized)
    reader.report(
      "at least one of alert_source_token, alert_source_token_file or http_config.authorization must be configured",
    );
  const common = reader.http(keys);
  const authorization =
    token === undefined ? {} : { authorization: { type: "Bearer", credentials: token } };
  return {
    kind: "incidentio",
    ...common,
    http: { ...common.http, ...authorization },
    url: incidentIoUrl(keys, reader),
    alertsMax: keys.max_alerts,
  };
}

function incidentIoUrl({ url, url_file: file }: IncidentIoKeys, reader: IntegrationReader): string {
  if (url === undefined && file === undefined)
    reader.report("one of url or url_file must be configured");
  if (url !== undefined && file !== undefined)
    reader.report("at most one of url & url_file must be configured", "url_file");
  if (url !== undefined || file === undefined) return url ?? "";
  const content = reader.readFile(file, "url_file")?.trim();
  const problem = content === undefined ? undefined : urlProblem(content);
  if (problem !== undefined) reader.report(`the file does not hold a URL: ${problem}`, "url_file");
  return content ?? "";
}
