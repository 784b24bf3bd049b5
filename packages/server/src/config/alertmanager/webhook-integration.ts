import { Secret } from "@pharos/base";
import type { WebhookConfig } from "@pharos/notify";
import { z } from "zod";
import { limit } from "../field-schemas.ts";
import { goDuration, jsonValue, secretUrlTemplate } from "./alertmanager-fields.ts";
import { httpConfigSchema } from "./global-schema.ts";
import type { IntegrationReader } from "./integration-reader.ts";

export const webhookSchema = z.strictObject({
  send_resolved: z.boolean().default(true),
  http_config: httpConfigSchema.optional(),
  url: secretUrlTemplate().optional(),
  url_file: z.string().optional(),
  max_alerts: limit.default(0),
  timeout: goDuration.optional(),
  payload: jsonValue.optional(),
});

export function webhook(
  keys: z.output<typeof webhookSchema>,
  reader: IntegrationReader,
): WebhookConfig {
  const url = reader.secretUrl(keys, "url");
  if (url === undefined && keys.url === undefined)
    reader.report("one of url or url_file must be configured");
  return {
    kind: "webhook",
    ...reader.http(keys),
    url: url ?? new Secret(""),
    alertsMax: keys.max_alerts,
    payload: keys.payload,
  };
}
