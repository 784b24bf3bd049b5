import { z } from "zod";
import { notificationSchema } from "./alertmanager/load-notification-config.ts";
import { oncallSchema } from "./oncall/oncall-schema.ts";
import { prometheusSchema } from "./prometheus-schema.ts";
import { ruleFileSchema } from "./rule-file.ts";

/** The configuration files, by what `pharos schema` calls them. */
const SCHEMAS = {
  prometheus: { schema: prometheusSchema, title: "Pharos configuration (prometheus.yml)" },
  rules: { schema: ruleFileSchema, title: "Pharos rule file" },
  alertmanager: {
    schema: notificationSchema,
    title: "Pharos notification configuration (alertmanager.yml)",
  },
  oncall: { schema: oncallSchema, title: "Pharos on-call configuration (oncall.yml)" },
} as const;

export type ConfigFileKind = keyof typeof SCHEMAS;

export const CONFIG_FILE_KINDS = Object.keys(SCHEMAS) as readonly ConfigFileKind[];

/** JSON Schema (2020-12) of a configuration file as users write it, for completion and checks in editors. */
export function configJsonSchema(kind: ConfigFileKind): Readonly<Record<string, unknown>> {
  const { schema, title } = SCHEMAS[kind];
  return { title, ...z.toJSONSchema(schema, { io: "input", reused: "ref" }) };
}
