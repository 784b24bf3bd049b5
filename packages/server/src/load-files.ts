import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { join, resolve } from "node:path";
import type { RuleGroup } from "@pharos/alert";
import { type NotificationConfig, SILENT_NOTIFICATION_CONFIG } from "@pharos/notify";
import { globalSchema } from "./config/alertmanager/global-schema.ts";
import { loadNotificationConfig } from "./config/alertmanager/load-notification-config.ts";
import type { Config } from "./config/config.ts";
import { formatDiagnosticLine } from "./config/diagnostics.ts";
import { type ConfigEnvironment, loadConfig } from "./config/load-config.ts";
import { loadOnCallConfig } from "./config/oncall/load-oncall-config.ts";
import { NO_ONCALL_CONFIG, type OnCallConfig } from "./config/oncall/oncall-config.ts";
import { unsupportedText } from "./config/read-yaml.ts";
import { loadRuleFiles } from "./config/rule-file.ts";
import { formatListenAddress, type ListenAddress, reachedAt } from "./options.ts";

/** The configuration that ships with Pharos, for a start without any. */
const DEFAULTS_FOLDER = resolve(import.meta.dirname, "../defaults");

/** What Alertmanager's clients read where there is no file: one that they take, and that tells nobody. */
const SILENT_NOTIFICATION_TEXT = "route:\n  receiver: nobody\nreceivers:\n  - name: nobody\n";

/** All that can be reloaded, as the files say it now. */
export interface LoadedFiles {
  readonly config: Config;
  readonly groups: readonly RuleGroup[];
  /** With the receivers that contacts have of their own. */
  readonly notifications: NotificationConfig;
  /** Who is called when nobody acknowledges. */
  readonly oncall: OnCallConfig;
  /** The file of the notifications as it may be shown, secrets masked. */
  readonly notificationsText: string;
  /** The configuration as it may be shown, secrets masked. */
  readonly text: string;
  /** What the files ask for that is not done, and other things to tell the user; a line each. */
  readonly remarks: readonly string[];
}

/**
 * Reads the configuration, its rule files, the notification configuration and who is on call, all or nothing.
 *
 * @param listen where this server is reached, for the configuration that watches this machine.
 * @throws ConfigError with all that is wrong; OperatingError `not_found`, `disk.failed`.
 */
export function loadFiles(
  files: {
    readonly configFile: string | undefined;
    readonly alertmanagerConfigFile: string | undefined;
    readonly oncallConfigFile?: string | undefined;
  },
  listen: ListenAddress,
  environment: ConfigEnvironment,
): LoadedFiles {
  const { configFile, alertmanagerConfigFile, oncallConfigFile } = files;
  const fileName = configFile ?? join(DEFAULTS_FOLDER, "pharos.yml");
  const configText =
    configFile === undefined ? defaultConfig(fileName, listen) : environment.readFile(configFile);
  const loaded = loadConfig(configText, fileName, environment);
  const { evaluationIntervalMs, ruleQueryOffsetMs } = loaded.config.global;
  const defaults = { evaluationIntervalMs, ruleQueryOffsetMs };
  const rules = loadRuleFiles(loaded.config.ruleFiles, defaults, environment);
  const notifications =
    alertmanagerConfigFile === undefined
      ? {
          ...{ config: SILENT_NOTIFICATION_CONFIG, text: SILENT_NOTIFICATION_TEXT },
          global: globalSchema.parse({}),
          ...{ unsupported: [], warnings: [] },
        }
      : loadNotificationConfig(
          environment.readFile(alertmanagerConfigFile),
          alertmanagerConfigFile,
          environment,
        );
  const oncall =
    oncallConfigFile === undefined
      ? { config: NO_ONCALL_CONFIG, unsupported: [], warnings: [] }
      : loadOnCallConfig(
          environment.readFile(oncallConfigFile),
          oncallConfigFile,
          { notifications: notifications.config, global: notifications.global },
          environment,
        );
  const receivers = [...notifications.config.receivers, ...oncall.config.receivers];
  return {
    config: loaded.config,
    groups: rules.groups,
    notifications: { ...notifications.config, receivers },
    oncall: oncall.config,
    notificationsText: notifications.text,
    text: loaded.text,
    remarks: [
      ...[...loaded.unsupported, ...notifications.unsupported, ...oncall.unsupported].map(
        unsupportedText,
      ),
      ...loaded.warnings,
      ...notifications.warnings,
      ...oncall.warnings,
      ...rules.warnings.map(formatDiagnosticLine),
    ],
  };
}

function defaultConfig(fileName: string, address: ListenAddress): string {
  return readFileSync(fileName, "utf8")
    .replaceAll("@LISTEN@", formatListenAddress(reachedAt(address)))
    .replaceAll("@HOST@", hostname());
}
