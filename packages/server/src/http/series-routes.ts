import { compareUtf8, METRIC_NAME, quote } from "@pharos/base";
import type { SeriesReader, TimeRange } from "@pharos/ports";
import { type Answer, jsonAnswer, streamed, success, successList } from "./answer.ts";
import type { ApiDependencies } from "./dependencies.ts";
import { badData } from "./errors.ts";
import { labelSetsJson } from "./label-sets-json.ts";
import { matchParameters } from "./match-parameter.ts";
import { limitParameter, parametersOf, rangeParameters } from "./parameters.ts";
import type { ReadRequest } from "./read-request.ts";

interface SeriesDependencies {
  readonly store: Pick<SeriesReader, "series" | "labelNames" | "labelValues">;
}

/** `/api/v1/series?match[]&start&end&limit`: label sets. */
export async function series(request: ReadRequest, { store }: SeriesDependencies): Promise<Answer> {
  const parameters = request.parameters;
  if (!parameters.has("match[]")) throw badData("no match[] parameter provided");
  const limit = limitParameter(parameters);
  const range = rangeParameters(parameters);
  const found = await store.series(range, matchParameters(parameters, { named: true }));
  return streamed(labelSetsJson(found, limit), "application/json");
}

/** `/api/v1/labels?match[]&start&end&limit`: label names. */
export async function labelNames(
  request: ReadRequest,
  { store }: SeriesDependencies,
): Promise<Answer> {
  const parameters = request.parameters;
  const limit = limitParameter(parameters);
  const range = rangeParameters(parameters);
  return successList(
    await store.labelNames(range, matchParameters(parameters, { named: false })),
    limit,
  );
}

/** `/api/v1/label/<name>/values?match[]&start&end&limit`; the name as it is or escaped as `U__…`. */
export async function labelValues(
  request: ReadRequest,
  nameInPath: string,
  { store }: SeriesDependencies,
): Promise<Answer> {
  const name = unescapeName(nameInPath);
  if (name === "" || !name.isWellFormed())
    throw badData(`invalid label name: ${quote(nameInPath)}`);
  const parameters = request.parameters;
  const limit = limitParameter(parameters);
  const range = rangeParameters(parameters);
  return successList(
    await store.labelValues(name, range, matchParameters(parameters, { named: false })),
    limit,
  );
}

const ESCAPED = /_([0-9a-fA-F]{1,6})_|__|_|([^_])/gu;

/**
 * Undoes Prometheus's "values" escaping of UTF-8 names: after `U__`, `__` is an underscore and `_2e_` the character of
 * that code. What is not escaped in this way stands for itself.
 */
export function unescapeName(name: string): string {
  if (!name.startsWith("U__")) return name;
  let out = "";
  for (const [whole, hex, plain] of name.slice(3).matchAll(ESCAPED)) {
    if (whole === "__") out += "_";
    else if (hex !== undefined) {
      const code = Number.parseInt(hex, 16);
      if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return name;
      out += String.fromCodePoint(code);
    } else if (plain !== undefined) out += plain;
    else return name;
  }
  return out;
}

/** `/api/v1/metrics/names`: all metric names, a plain list. */
export async function metricNames(
  request: ReadRequest,
  { store }: SeriesDependencies,
): Promise<Answer> {
  const range = rangeParameters(request.parameters);
  return jsonAnswer(JSON.stringify(await store.labelValues(METRIC_NAME, range, [])));
}

/** `/api/v1/metrics/labels?metric=cpu.load`: the labels of a metric with their values, `{"host": ["web-01"]}`. */
export async function metricLabels(
  request: ReadRequest,
  { store }: SeriesDependencies,
  { optional = false }: { readonly optional?: boolean } = {},
): Promise<Answer> {
  const parameters = request.parameters;
  const metric = parameters.get("metric") ?? "";
  const range = rangeParameters(parameters);
  if (metric === "") {
    if (!optional) throw badData('the parameter "metric" is missing');
    return allLabels(range, store);
  }
  const values = new Map<string, Set<string>>();
  for (const labels of await store.series(range, [
    [{ type: "=", name: METRIC_NAME, value: metric }],
  ]))
    for (const [name, value] of labels)
      if (name !== METRIC_NAME) values.getOrInsertComputed(name, () => new Set()).add(value);
  const lists = [...values].map(([name, set]) => [name, [...set].sort(compareUtf8)] as const);
  lists.sort((a, b) => compareUtf8(a[0], b[0]));
  return jsonAnswer(JSON.stringify(labelsRecord(lists)));
}

/** Without a prototype: `__proto__` is a possible label name. */
function labelsRecord(
  lists: Iterable<readonly [string, readonly string[]]>,
): Readonly<Record<string, readonly string[]>> {
  const record = Object.create(null) as Record<string, readonly string[]>;
  for (const [name, values] of lists) record[name] = values;
  return record;
}

/** The labels of all series with their values. */
async function allLabels(range: TimeRange, store: SeriesDependencies["store"]): Promise<Answer> {
  const lists: [string, readonly string[]][] = [];
  for (const name of await store.labelNames(range, []))
    if (name !== METRIC_NAME) lists.push([name, await store.labelValues(name, range, [])]);
  return jsonAnswer(JSON.stringify(labelsRecord(lists)));
}

/** `/api/v1/metadata?limit&limit_per_metric&metric`: type, help and unit of metrics. */
export async function metadata(
  request: Request,
  { metadata: provider }: Pick<ApiDependencies, "metadata">,
): Promise<Answer> {
  const parameters = await parametersOf(request);
  const limit = countParameter(parameters, "limit");
  const limitPerMetric = countParameter(parameters, "limit_per_metric");
  const metric = parameters.get("metric") ?? "";
  const byMetric = new Map<string, Map<string, { type: string; help: string; unit: string }>>();
  const described = [...provider.metadata(metric || undefined)];
  const byTargets = new Set(described.map((entry) => entry.metric));
  // What targets say now stands before what is remembered.
  const stored = (await provider.stored(metric || undefined)).filter(
    (entry) => !byTargets.has(entry.metric),
  );
  for (const { metric: name, type, help, unit } of [...described, ...stored]) {
    if (!byMetric.has(name) && limit !== undefined && byMetric.size >= limit) continue;
    const entries = byMetric.getOrInsertComputed(name, () => new Map());
    if (limitPerMetric !== undefined && limitPerMetric > 0 && entries.size >= limitPerMetric)
      continue;
    // Targets that say the same are one entry.
    entries.set(JSON.stringify([type, help, unit]), { type, help, unit });
  }
  const data = Object.create(null) as Record<string, unknown>;
  for (const [name, entries] of byMetric) data[name] = [...entries.values()];
  return success(data);
}

/** A count; undefined where it is absent or, as in Prometheus, negative. */
export function countParameter(parameters: URLSearchParams, name: string): number | undefined {
  const text = parameters.get(name) ?? "";
  if (text === "") return undefined;
  if (!/^[+-]?\d{1,15}$/.test(text)) throw badData(`${name} must be a number`);
  return Number(text) < 0 ? undefined : Number(text);
}
