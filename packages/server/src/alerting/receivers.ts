import {
  type GroupAlert,
  NotificationTemplates,
  notificationData,
  type TemplateFile,
} from "@pharos/alert";
import { type Clock, type Labels, labelsFrom, OperatingError } from "@pharos/base";
import {
  type AwsSurroundings,
  createReceiver,
  type IntegrationConfig,
  type LiveGroup,
  type Receiver,
  type ReceiverEnvironment,
} from "@pharos/notify";
import type { HttpClient, MailClient } from "@pharos/ports";

export interface ReceiversOptions {
  readonly http: HttpClient;
  readonly clock: Clock;
  readonly externalUrl: string;
  /** `Pharos/1.2.3`. */
  readonly userAgent: string;
  /** Absent where Amazon's credentials are only taken from the configuration. */
  readonly aws?: AwsSurroundings;
}

/** Makes receivers. All of them write with the templates that were set last. */
export class Receivers {
  /** Also for trying receivers out. */
  readonly environment: ReceiverEnvironment;
  #templates = NotificationTemplates.parse();
  #files: readonly TemplateFile[] = [];

  constructor(options: ReceiversOptions) {
    const templates = (): NotificationTemplates => this.#templates;
    this.environment = {
      ...options,
      mail: mailClient(),
      timeZone: new Intl.DateTimeFormat().resolvedOptions().timeZone,
      get templates() {
        return templates();
      },
    };
  }

  /** @throws OperatingError `input.invalid`, which the loading of the configuration has ruled out. */
  setTemplates(files: readonly TemplateFile[]): void {
    if (files === this.#files) return;
    this.#templates = NotificationTemplates.parse(files);
    this.#files = files;
  }

  /** Those that are set, and the definitions of one more file. @throws OperatingError `input.invalid`. */
  templatesWith(definitions: string | undefined): NotificationTemplates {
    if (definitions === undefined) return this.#templates;
    const file = { name: "definitions", text: definitions };
    return NotificationTemplates.parse([...this.#files, file]);
  }

  create(config: IntegrationConfig): Receiver {
    return createReceiver(config, this.environment);
  }

  /** A route's labels for one of its groups. A template that cannot be expanded stands there as it is written. */
  routeLabels(
    { route, key, labels: groupLabels }: Pick<LiveGroup, "route" | "key" | "labels">,
    alerts: readonly GroupAlert[],
  ): Labels {
    if (!route.labels.some(([, template]) => template.includes("{{")))
      return labelsFrom(route.labels);
    const { clock, externalUrl, timeZone = "UTC" } = this.environment;
    const data = notificationData(
      {
        ...{ receiver: route.receiver, groupKey: key, groupLabels, alerts },
        ...{ routeLabels: [], reason: "first notification" },
      },
      { externalUrl, nowMs: clock.nowMs(), timeZone },
    );
    const expanded = route.labels.map(([name, template]): [string, string] => {
      try {
        return [name, this.#templates.expand(template, data)];
      } catch (error) {
        if (!(error instanceof OperatingError)) throw error;
        return [name, template];
      }
    });
    return labelsFrom(expanded);
  }
}

/** Loads what sends mail with the first one: most servers send none. */
function mailClient(): MailClient {
  let loading: Promise<MailClient> | undefined;
  return {
    async send(request, signal) {
      loading ??= import("@pharos/adapters/smtp").then(({ smtpMailClient }) => smtpMailClient());
      return (await loading).send(request, signal);
    },
  };
}
