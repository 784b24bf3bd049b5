import type { JiraConfig, JiraField, JiraLabels } from "@pharos/notify";
import { z } from "zod";
import { duration } from "../field-schemas.ts";
import { defaultTemplate, httpUrl, jsonValues, text } from "./alertmanager-fields.ts";
import { httpConfigSchema } from "./global-schema.ts";
import type { IntegrationReader } from "./integration-reader.ts";

/** A template alone, or with what becomes of an issue that is there. */
const jiraField = z.union([
  z.string(),
  z.strictObject({ template: z.string().optional(), enable_update: z.boolean().default(true) }),
]);

const jiraLabels = z.union([
  z.array(z.string()),
  z.strictObject({
    values: z.array(z.string()).default([]),
    enable_update: z.boolean().default(true),
    update_mode: text(),
  }),
]);

export const jiraSchema = z.strictObject({
  send_resolved: z.boolean().default(true),
  http_config: httpConfigSchema.optional(),
  api_url: httpUrl.optional(),
  api_type: text("auto"),
  project: text(),
  issue_type: text(),
  summary: jiraField.optional(),
  description: jiraField.optional(),
  labels: jiraLabels.optional(),
  priority: text(defaultTemplate("jira.default.priority")),
  reopen_transition: text(),
  resolve_transition: text(),
  wont_fix_resolution: text(),
  reopen_duration: duration.default(0),
  fields: jsonValues,
});

type JiraKeys = z.output<typeof jiraSchema>;

export function jira(keys: JiraKeys, reader: IntegrationReader): JiraConfig {
  if (keys.project === "") reader.report("missing project in jira_config", "project");
  if (keys.issue_type === "") reader.report("missing issue_type in jira_config", "issue_type");
  const apiUrl = keys.api_url ?? reader.global.jira_api_url;
  if (apiUrl === undefined)
    reader.reportMissing(
      "no global Jira Cloud URL set; set api_url here, or jira_api_url under global",
    );
  return {
    kind: "jira",
    ...reader.http(keys),
    apiUrl: apiUrl ?? "",
    apiType: apiTypeOf(keys, reader),
    project: keys.project,
    issueType: keys.issue_type,
    summary: fieldOf(keys.summary, "jira.default.summary"),
    description: fieldOf(keys.description, "jira.default.description"),
    labels: labelsOf(keys.labels, reader),
    priority: keys.priority,
    reopenTransition: keys.reopen_transition,
    resolveTransition: keys.resolve_transition,
    wontFixResolution: keys.wont_fix_resolution,
    reopenDurationMs: keys.reopen_duration,
    fields: Object.entries(keys.fields),
  };
}

function apiTypeOf({ api_type: type }: JiraKeys, reader: IntegrationReader): JiraConfig["apiType"] {
  if (type === "auto" || type === "cloud" || type === "datacenter") return type;
  reader.report("unknown api_type on jira_config, must be auto, cloud or datacenter", "api_type");
  return "auto";
}

function fieldOf(keys: JiraKeys["summary"], name: string): JiraField {
  if (typeof keys === "string") return { template: keys, enableUpdate: true };
  return {
    template: keys?.template ?? defaultTemplate(name),
    enableUpdate: keys?.enable_update ?? true,
  };
}

function labelsOf(keys: JiraKeys["labels"], reader: IntegrationReader): JiraLabels {
  if (keys === undefined || Array.isArray(keys))
    return { values: keys ?? [], enableUpdate: true, updateMode: "replace" };
  const mode = keys.update_mode || "replace";
  if (mode !== "replace" && mode !== "merge")
    reader.report("unknown labels.update_mode, must be replace or merge", "labels", "update_mode");
  return {
    values: keys.values,
    enableUpdate: keys.enable_update,
    updateMode: mode === "merge" ? "merge" : "replace",
  };
}
