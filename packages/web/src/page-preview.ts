import type { ApiTransport } from "./api-transport.ts";
import type { Json } from "./json-reader.ts";
import { parseMatchers } from "./silence-draft.ts";

/** Who hears of an alert that begins at a time. */
export interface PagePreview {
  readonly atMs: number;
  /** Whether anybody is told at all. */
  readonly told: boolean;
  readonly silencedBy: readonly string[];
  readonly inhibitedBy: readonly string[];
  readonly routes: readonly PreviewedRoute[];
  readonly policy: string | undefined;
  readonly steps: readonly PreviewedStep[];
}

export interface PreviewedRoute {
  readonly key: string;
  readonly receiver: string;
  readonly integrations: readonly string[];
  /** Names of time intervals. */
  readonly mutedBy: readonly string[];
}

export interface PreviewedStep {
  /** From 1. */
  readonly step: number;
  readonly atMs: number;
  readonly names: readonly string[];
  readonly receivers: readonly string[];
  /** Who cannot be told at that time, such as "nobody is on call in primary". */
  readonly gaps: readonly string[];
}

/** Labels as they are typed: `severity=critical, team="storage"`. */
export function labelsOf(text: string): Record<string, string> {
  return Object.fromEntries(
    parseMatchers(text)
      .filter(({ operator }) => operator === "=")
      .map(({ name, value }) => [name, value]),
  );
}

/** Now, and in an hour. */
export async function previewPages(
  transport: ApiTransport,
  labels: Record<string, string>,
  signal: AbortSignal,
): Promise<PagePreview[]> {
  const { data } = await transport.send("v1/oncall/preview", { json: { labels } }, signal);
  return readPagePreviews(data);
}

export function readPagePreviews(data: Json): PagePreview[] {
  return data.get("times").list().map(readOne);
}

function readOne(preview: Json): PagePreview {
  const escalation = preview.get("escalation");
  const escalates = escalation.value !== null && escalation.value !== undefined;
  return {
    atMs: preview.get("at").timestampMs() ?? Number.NaN,
    told: preview.get("told").value === true,
    silencedBy: textsOf(preview.get("silencedBy")),
    inhibitedBy: textsOf(preview.get("inhibitedBy")),
    routes: preview
      .get("routes")
      .list()
      .map((route) => ({
        key: route.get("key").text(),
        receiver: route.get("receiver").text(),
        integrations: textsOf(route.get("integrations")),
        mutedBy: textsOf(route.get("mutedBy")),
      })),
    policy: escalates ? escalation.get("policy").text() : undefined,
    steps: escalates
      ? escalation
          .get("steps")
          .list()
          .map((step) => ({
            step: step.get("step").number(),
            atMs: step.get("at").timestampMs() ?? Number.NaN,
            names: textsOf(step.get("names")),
            receivers: textsOf(step.get("receivers")),
            gaps: textsOf(step.get("gaps")),
          }))
      : [],
  };
}

function textsOf(list: Json): string[] {
  return list.list().map((text) => text.text());
}
