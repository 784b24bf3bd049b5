import type { Json } from "@pharos/ports";
import type { HttpIntegrationBase } from "./integration-base.ts";

/** Opens, updates and resolves Jira's issues. Texts are templates. */
export interface JiraConfig extends HttpIntegrationBase {
  readonly kind: "jira";
  readonly apiUrl: string;
  readonly apiType: "auto" | "cloud" | "datacenter";
  readonly project: string;
  readonly issueType: string;
  readonly summary: JiraField;
  readonly description: JiraField;
  readonly labels: JiraLabels;
  readonly priority: string;
  /** The transition that reopens an issue; "" for none. */
  readonly reopenTransition: string;
  /** The transition that ends an issue; "" for none. */
  readonly resolveTransition: string;
  /** An issue with this resolution is not reopened. */
  readonly wontFixResolution: string;
  /** Only an issue resolved within so long is reopened; 0 for any. */
  readonly reopenDurationMs: number;
  /** Other fields as Jira names them; every text in a value is a template. */
  readonly fields: readonly (readonly [name: string, value: Json])[];
}

export interface JiraField {
  readonly template: string;
  /** Whether an issue that is there gets the new text. */
  readonly enableUpdate: boolean;
}

export interface JiraLabels {
  /** Templates. */
  readonly values: readonly string[];
  readonly enableUpdate: boolean;
  /** Whether labels that are not among `values` are taken from an issue that is there. */
  readonly updateMode: "replace" | "merge";
}
