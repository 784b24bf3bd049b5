import { NotificationTemplates, type TemplateFile } from "@pharos/alert";
import type { Clock } from "@pharos/base";
import {
  type AwsSurroundings,
  createReceiver,
  type IntegrationConfig,
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
