import { responseOf } from "./answer.ts";
import type { ApiDependencies, MetricMetadata } from "./dependencies.ts";
import { parseBoolean } from "./parameters.ts";
import { readRequestOf } from "./read-request.ts";

/**
 * `/api/v1/search/metric_names`: names come from the store; with `include_metadata` each has the type, help and unit
 * that a target says of it.
 */
export async function searchMetricNames(
  request: Request,
  { read, metadata }: Pick<ApiDependencies, "read" | "metadata">,
): Promise<Response> {
  const asked = await readRequestOf(request);
  const wanted = parseBoolean(asked.parameters.get("include_metadata") ?? "") === true;
  const response = responseOf(await read(asked));
  if (!wanted || !response.ok) return response;
  const described = new Map<string, MetricMetadata>();
  for (const entry of metadata.metadata(undefined))
    if (!described.has(entry.metric)) described.set(entry.metric, entry);
  const lines = (await response.text()).trimEnd().split("\n");
  const text = lines.map((line) => `${withMetadata(line, described)}\n`).join("");
  return new Response(text, { headers: { "Content-Type": "application/x-ndjson; charset=utf-8" } });
}

/** The last line has no results. */
function withMetadata(line: string, described: ReadonlyMap<string, MetricMetadata>): string {
  const { results, ...rest } = JSON.parse(line) as { results?: readonly { name: string }[] };
  if (results === undefined) return line;
  const known = results.map((result) => {
    const entry = described.get(result.name);
    if (entry === undefined) return result;
    const { type, help, unit } = entry;
    return {
      ...result,
      ...(type === "" ? {} : { type }),
      ...(help === "" ? {} : { help }),
      ...(unit === "" ? {} : { unit }),
    };
  });
  return JSON.stringify({ results: known, ...rest });
}
