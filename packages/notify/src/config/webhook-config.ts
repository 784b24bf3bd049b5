import type { Secret } from "@pharos/base";
import type { Json } from "@pharos/ports";
import type { HttpIntegrationBase } from "./integration-base.ts";

/** POSTs JSON to an address. */
export interface WebhookConfig extends HttpIntegrationBase {
  readonly kind: "webhook";
  /** A template. Secret, because chat systems put their keys into it. */
  readonly url: Secret;
  /** Alerts in one body at most; 0 for all. */
  readonly alertsMax: number;
  /**
   * What is sent in place of Alertmanager's JSON, version 4: every text in it, keys too, is a template. Undefined for
   * the usual body.
   */
  readonly payload: Json | undefined;
}
