import { dirname } from "node:path";
import { buildRoute, type InhibitRule, type RouteParts } from "@pharos/alert";
import type { NotificationConfig } from "@pharos/notify";
import { isSeq } from "yaml";
import { z } from "zod";
import { byPlace, ConfigError, type Diagnostic, formatDiagnosticLine } from "../diagnostics.ts";
import type { SettingsContext } from "../http-client-schema.ts";
import { type ConfigEnvironment, readConfigText, resolvePath } from "../load-config.ts";
import { notYet, readYaml, type Unsupported, unread, withoutSecrets } from "../read-yaml.ts";
import { formatPath, type Path, YamlSource } from "../yaml-source.ts";
import { type GlobalKeys, globalSchema } from "./global-schema.ts";
import { inhibitRule, inhibitRuleSchema } from "./inhibit-config.ts";
import { notificationHttp } from "./integration-reader.ts";
import { readReceivers, receiverNames, receiverSchema, templateTexts } from "./receiver-config.ts";
import { routeSchema, topRoute } from "./route-config.ts";
import { checkTemplate, readTemplateFiles } from "./template-files.ts";
import { namedIntervalSchema, readTimeIntervals } from "./time-interval-config.ts";

export interface LoadedNotificationConfig {
  readonly config: NotificationConfig;
  /** What integrations have that do not say it themselves. */
  readonly global: GlobalKeys;
  /** What the file asks for and this version does not do, in the order of the file. */
  readonly unsupported: readonly Unsupported[];
  /** Other things to tell the user, a line each. */
  readonly warnings: readonly string[];
  /** The file as it may be shown: without comments, secrets replaced by `<secret>`. */
  readonly text: string;
}

/** Alertmanager's configuration file. */
export const notificationSchema = z.strictObject({
  global: globalSchema.prefault({}),
  templates: z.array(z.string()).default([]),
  route: routeSchema,
  inhibit_rules: z.array(inhibitRuleSchema).default([]),
  receivers: z.array(receiverSchema).default([]),
  mute_time_intervals: z.array(namedIntervalSchema).default([]),
  time_intervals: z.array(namedIntervalSchema).default([]),
  event_recorder: notYet("nothing is written there; the history of alerts is kept anyway"),
  tracing: notYet("no traces are sent"),
});

/** The top level alone: the sections are read by themselves, so that a mistake in one does not hide those in another. */
const SECTIONS_ONLY = z.strictObject({
  ...notificationSchema.shape,
  global: unread(),
  templates: unread(),
  route: unread(),
  inhibit_rules: unread(),
  receivers: unread(),
  mute_time_intervals: unread(),
  time_intervals: unread(),
});

/**
 * Reads Alertmanager's configuration file. Paths in it are relative to its folder; secrets in files are read now, and
 * again when the configuration is.
 *
 * @throws ConfigError with all that is wrong, in this file and in those of templates.
 */
export function loadNotificationConfig(
  text: string,
  fileName: string,
  environment: Pick<ConfigEnvironment, "readFile" | "glob">,
): LoadedNotificationConfig {
  const source = new YamlSource(text, fileName);
  if (source.diagnostics.length > 0) throw new ConfigError(source.diagnostics);
  const unsupported: Unsupported[] = [];
  const warnings: string[] = [];
  const warn = (path: Path, message: string): void => {
    const { line, column } = source.position(source.keyOffset(path));
    warnings.push(`${fileName}:${line}:${column}: ${formatPath(path)}: ${message}`);
  };
  readYaml(source, SECTIONS_ONLY, [], unsupported);
  const folder = dirname(fileName);
  const context: SettingsContext = {
    report: (path, message) => source.report(path, message),
    readFile: (name, path) => readConfigText(resolvePath(name, folder), environment, source, path),
  };
  const readable = readGlobal(source, context, unsupported);
  const global = readable ?? globalSchema.parse({});
  const patterns =
    readYaml(source, notificationSchema.shape.templates, ["templates"], unsupported) ?? [];
  const templates = readTemplateFiles(patterns, folder, source, environment);
  const receivers = readReceivers({ source, global: readable, context, unsupported });
  for (const [path, template] of templateTexts(source)) checkTemplate(path, template, source);
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  const timeIntervals = readTimeIntervals(source, unsupported, timeZone);
  const route = readRoute(source, unsupported, new Set(timeIntervals.keys()), warn);
  const inhibitRules = readInhibitRules(source, unsupported, warn);
  const own = onlyOnce(source.diagnostics).toSorted(byPlace).map(withoutAddresses);
  const diagnostics = [...own, ...templates.diagnostics];
  if (diagnostics.length > 0) throw new ConfigError(diagnostics);
  return {
    config: {
      resolveTimeoutMs: global.resolve_timeout,
      route: buildRoute(route),
      ...(route.repeatIntervalMs === undefined
        ? {}
        : { channelRepeatIntervalMs: route.repeatIntervalMs }),
      receivers,
      timeIntervals,
      inhibitRules,
      templates: templates.files,
    },
    global,
    unsupported: unsupported.toSorted(byPlace),
    warnings,
    text: withoutSecrets(source, notificationSchema),
  };
}

/** What is wrong with a global setting is found wherever it is used. */
function onlyOnce(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  const byText = new Map(diagnostics.map((one) => [formatDiagnosticLine(one), one]));
  return [...byText.values()];
}

/** Here addresses hold keys as well, and keys have names such as `routing_key`: neither is shown in a source line. */
export function withoutAddresses(diagnostic: Diagnostic): Diagnostic {
  const sourceLine = diagnostic.sourceLine.replace(
    /(\b\w*(?:url|_key|token_id)["']?\s*:\s*)\S.*$/i,
    "$1<secret>",
  );
  return { ...diagnostic, sourceLine };
}

/** Keys of `global` of which at most one may be there. */
const GLOBAL_SECRETS = [
  ...["slack_app_token", "slack_api_url", "opsgenie_api_key", "victorops_api_key"],
  ...["telegram_bot_token", "smtp_auth_password", "rocketchat_token", "rocketchat_token_id"],
  ...["smtp_auth_secret", "wechat_api_secret", "mattermost_webhook_url"],
] as const;

function readGlobal(
  source: YamlSource,
  context: SettingsContext,
  unsupported: Unsupported[],
): GlobalKeys | undefined {
  const path = ["global"];
  const keys = readYaml(source, globalSchema, path, unsupported);
  if (keys === undefined) return undefined;
  for (const name of GLOBAL_SECRETS)
    if (has(keys, name) && has(keys, `${name}_file`))
      source.report(
        [...path, `${name}_file`],
        `at most one of ${name} & ${name}_file must be configured`,
      );
  const isToken = has(keys, "slack_app_token") || has(keys, "slack_app_token_file");
  const isUrl = has(keys, "slack_api_url") || has(keys, "slack_api_url_file");
  // The address of the app's API may stand in both: what people wrote before there were tokens.
  if (isToken && isUrl && keys.slack_api_url?.reveal() !== keys.slack_app_url)
    source.reportKey(
      [...path, has(keys, "slack_api_url") ? "slack_api_url" : "slack_api_url_file"],
      "at most one of slack_app_token/slack_app_token_file & slack_api_url/slack_api_url_file must be configured",
    );
  if (keys.http_config !== undefined)
    notificationHttp(keys.http_config, [...path, "http_config"], context);
  return keys;
}

function has(keys: object, name: string): boolean {
  return (keys as Readonly<Record<string, unknown>>)[name] !== undefined;
}

function readRoute(
  source: YamlSource,
  unsupported: Unsupported[],
  timeIntervals: ReadonlySet<string>,
  warn: (path: Path, message: string) => void,
): RouteParts {
  const path = ["route"];
  if (source.nodeAt(path) === undefined) {
    source.report(path, "no route provided in config; expected a route with a receiver");
    return {};
  }
  const keys = readYaml(source, routeSchema, path, unsupported);
  if (keys === undefined) return {};
  return topRoute(keys, { source, receivers: receiverNames(source), timeIntervals, warn });
}

function readInhibitRules(
  source: YamlSource,
  unsupported: Unsupported[],
  warn: (path: Path, message: string) => void,
): readonly InhibitRule[] {
  const node = source.nodeAt(["inhibit_rules"]);
  if (!isSeq(node)) {
    readYaml(source, z.array(z.unknown()).optional(), ["inhibit_rules"], unsupported);
    return [];
  }
  return node.items.flatMap((_, index) => {
    const path = ["inhibit_rules", index];
    const keys = readYaml(source, inhibitRuleSchema, path, unsupported);
    return keys === undefined ? [] : [inhibitRule(keys, path, source, warn)];
  });
}
