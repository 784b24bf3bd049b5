import type { NotificationTemplates } from "@pharos/alert";
import type { Clock } from "@pharos/base";
import type { HttpClient, MailClient } from "@pharos/ports";
import type { AwsSurroundings } from "./aws-credentials.ts";

/** What receivers are made of beside their configuration; the same for all of them. */
export interface ReceiverEnvironment {
  readonly http: HttpClient;
  readonly mail: MailClient;
  readonly templates: NotificationTemplates;
  readonly clock: Clock;
  /** Where this server is reached from outside, without a slash at the end. */
  readonly externalUrl: string;
  /** `Pharos/1.2.3`. */
  readonly userAgent: string;
  /** An IANA name: what `.Local` turns times to in templates; UTC where it is absent. */
  readonly timeZone?: string;
  /** Absent where Amazon's credentials are only taken from the configuration. */
  readonly aws?: AwsSurroundings;
}
