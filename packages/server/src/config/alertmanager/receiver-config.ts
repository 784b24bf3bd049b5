import { quote } from "@pharos/base";
import {
  INTEGRATION_KINDS,
  type IntegrationConfig,
  type IntegrationKind,
  type ReceiverConfig,
} from "@pharos/notify";
import { isMap, isScalar, isSeq } from "yaml";
import { z } from "zod";
import { labelMap } from "../field-schemas.ts";
import type { SettingsContext } from "../http-client-schema.ts";
import { readYaml, type Unsupported } from "../read-yaml.ts";
import { keyText, type Path, type YamlSource } from "../yaml-source.ts";
import {
  discord,
  discordSchema,
  mattermost,
  mattermostSchema,
  msTeams,
  msTeamsSchema,
  msTeamsV2,
  msTeamsV2Schema,
  rocketChat,
  rocketChatSchema,
  telegram,
  telegramSchema,
  webex,
  webexSchema,
  weChat,
  weChatSchema,
} from "./chat-integrations.ts";
import { email, emailSchema } from "./email-integration.ts";
import type { GlobalKeys } from "./global-schema.ts";
import { IntegrationReader } from "./integration-reader.ts";
import { jira, jiraSchema } from "./jira-integration.ts";
import {
  incidentIo,
  incidentIoSchema,
  opsgenie,
  opsgenieSchema,
  pagerDuty,
  pagerDutySchema,
  pushover,
  pushoverSchema,
  sns,
  snsSchema,
  victorOps,
  victorOpsSchema,
} from "./paging-integrations.ts";
import { slack, slackSchema } from "./slack-integration.ts";
import { webhook, webhookSchema } from "./webhook-integration.ts";

/** How the entries of one kind look in the file, and what becomes of one. Undefined where something is wrong. */
interface Kind {
  readonly schema: z.ZodType;
  read(
    source: YamlSource,
    reader: IntegrationReader,
    unsupported: Unsupported[],
  ): IntegrationConfig | undefined;
}

function kind<S extends z.ZodType>(
  schema: S,
  build: (keys: z.output<S>, reader: IntegrationReader) => IntegrationConfig,
): Kind {
  return {
    schema,
    read(source, reader, unsupported) {
      const keys = readYaml(source, schema, reader.path, unsupported);
      return keys === undefined ? undefined : build(keys, reader);
    },
  };
}

const KINDS: Readonly<Record<IntegrationKind, Kind>> = {
  webhook: kind(webhookSchema, webhook),
  email: kind(emailSchema, email),
  pagerduty: kind(pagerDutySchema, pagerDuty),
  opsgenie: kind(opsgenieSchema, opsgenie),
  wechat: kind(weChatSchema, weChat),
  slack: kind(slackSchema, slack),
  victorops: kind(victorOpsSchema, victorOps),
  pushover: kind(pushoverSchema, pushover),
  sns: kind(snsSchema, sns),
  telegram: kind(telegramSchema, telegram),
  discord: kind(discordSchema, discord),
  webex: kind(webexSchema, webex),
  msteams: kind(msTeamsSchema, msTeams),
  msteamsv2: kind(msTeamsV2Schema, msTeamsV2),
  jira: kind(jiraSchema, jira),
  rocketchat: kind(rocketChatSchema, rocketChat),
  mattermost: kind(mattermostSchema, mattermost),
  incidentio: kind(incidentIoSchema, incidentIo),
};

const receiverKeys = { name: z.string().optional(), labels: labelMap.default({}) };

/** One entry of `receivers`, for completion in editors and for finding secrets. */
export const receiverSchema = z.strictObject({
  ...receiverKeys,
  ...Object.fromEntries(
    INTEGRATION_KINDS.map((name) => [`${name}_configs`, z.array(KINDS[name].schema).optional()]),
  ),
});

/** The receiver alone; its integrations are read one by one, so that a mistake in one does not hide those in another. */
const receiverWithLists = z.strictObject({
  ...receiverKeys,
  ...Object.fromEntries(
    INTEGRATION_KINDS.map((name) => [`${name}_configs`, z.array(z.unknown()).optional()]),
  ),
});

/** What reading receivers needs from around them. */
export interface ReceiverSources {
  readonly source: YamlSource;
  /** Undefined where something is wrong with it. */
  readonly global: GlobalKeys | undefined;
  readonly context: SettingsContext;
  readonly unsupported: Unsupported[];
}

/** The section `receivers`. */
export function readReceivers(sources: ReceiverSources): ReceiverConfig[] {
  const { source, unsupported } = sources;
  const path = ["receivers"];
  const node = source.nodeAt(path);
  if (!isSeq(node)) {
    readYaml(source, z.array(z.unknown()), path, unsupported);
    return [];
  }
  const names = new Set<string>();
  return node.items.map((_, index) => readReceiver([...path, index], names, sources));
}

function readReceiver(path: Path, names: Set<string>, sources: ReceiverSources): ReceiverConfig {
  const { source, unsupported } = sources;
  const keys = readYaml(source, receiverWithLists, path, unsupported);
  const name = nameAt(path, source);
  if (name === "") source.report([...path, "name"], "missing name in receiver");
  else if (names.has(name))
    source.report([...path, "name"], `notification config name ${quote(name)} is not unique`);
  names.add(name);
  const integrations = readIntegrations(path, sources);
  return { name, labels: Object.entries(keys?.labels ?? {}), integrations };
}

/** All lists such as `slack_configs` of the mapping at `path`. */
export function readIntegrations(
  path: Path,
  { source, global, context, unsupported }: ReceiverSources,
): IntegrationConfig[] {
  return INTEGRATION_KINDS.flatMap((kindName) => {
    const list = source.nodeAt([...path, `${kindName}_configs`]);
    if (!isSeq(list)) return [];
    return list.items.flatMap((_, index) => {
      const at = [...path, `${kindName}_configs`, index];
      const entry = source.nodeAt(at);
      if (entry === undefined || (isScalar(entry) && entry.value === null)) {
        source.report(at, `missing ${kindName} config`);
        return [];
      }
      const reader = new IntegrationReader(at, index, global, context);
      return KINDS[kindName].read(source, reader, unsupported) ?? [];
    });
  });
}

/** The name that a receiver has in the file, even where something else is wrong with it. */
function nameAt(path: Path, source: YamlSource): string {
  const node = source.nodeAt([...path, "name"]);
  return isScalar(node) && node.value !== null ? String(node.value) : "";
}

/** The names of all receivers of the file. */
export function receiverNames(source: YamlSource): string[] {
  const node = source.nodeAt(["receivers"]);
  if (!isSeq(node)) return [];
  return node.items.map((_, index) => nameAt(["receivers", index], source));
}

/** Every text in the file's receivers that is a template, with its place. */
export function* templateTexts(source: YamlSource): Generator<readonly [path: Path, text: string]> {
  yield* textsBelow(["receivers"], source);
}

function* textsBelow(path: Path, source: YamlSource): Generator<readonly [Path, string]> {
  const node = source.nodeAt(path);
  if (isScalar(node)) {
    if (typeof node.value === "string" && node.value.includes("{{")) yield [path, node.value];
  } else if (isSeq(node)) {
    for (const index of node.items.keys()) yield* textsBelow([...path, index], source);
  } else if (isMap(node)) {
    // What a request is made with is no template.
    for (const pair of node.items)
      if (keyText(pair) !== "http_config") yield* textsBelow([...path, keyText(pair)], source);
  }
}
