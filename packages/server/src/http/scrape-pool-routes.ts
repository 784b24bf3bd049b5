import { labelsFrom, quote } from "@pharos/base";
import { createRelabelRule, type RelabelConfig, relabel, relabelConfigOf } from "@pharos/collect";
import { parse, stringify } from "yaml";
import { type Answer, labelsObject, success } from "./answer.ts";
import { badData } from "./errors.ts";
import { parametersOf } from "./parameters.ts";

interface ScrapePoolDependencies {
  readonly status: { configText(): string };
}

type Keys = Readonly<Record<string, unknown>>;

/** `/api/v1/scrape_pools/config?scrapePool`: a job as the configuration has it, secrets masked. */
export async function scrapePoolConfig(
  request: Request,
  { status }: ScrapePoolDependencies,
): Promise<Answer> {
  const job = jobOf(await parametersOf(request), status.configText());
  return success({ yaml: stringify(job) });
}

/** `/api/v1/targets/relabel_steps?scrapePool&labels`: what each relabelling rule of a job makes of a target's labels. */
export async function relabelSteps(
  request: Request,
  { status }: ScrapePoolDependencies,
): Promise<Answer> {
  const parameters = await parametersOf(request);
  const job = jobOf(parameters, status.configText());
  const given = labelsFrom(labelsParameter(parameters.get("labels") ?? ""));
  const rules = listOf(job["relabel_configs"]).map((keys) => createRelabelRule(configOf(keys)));
  const steps = rules.map((rule, i) => {
    const output = relabel(given, rules.slice(0, i + 1));
    return {
      rule: ruleJson(relabelConfigOf(rule)),
      output: labelsObject(output ?? []),
      keep: output !== undefined,
    };
  });
  return success({ steps });
}

function jobOf(parameters: URLSearchParams, configText: string): Keys {
  const pool = parameters.get("scrapePool") ?? "";
  if (pool === "") throw badData("no scrapePool parameter provided");
  const config = (parse(configText, { merge: true }) ?? {}) as Keys;
  const job = listOf(config["scrape_configs"]).find((keys) => keys["job_name"] === pool);
  if (job === undefined)
    throw badData(`error retrieving scrape config: scrape pool ${quote(pool)} not found`);
  return job;
}

function labelsParameter(text: string): Readonly<Record<string, string>> {
  if (text === "") throw badData("no labels parameter provided");
  let labels: unknown;
  try {
    labels = JSON.parse(text);
  } catch (error) {
    throw badData("error parsing labels: not JSON", error);
  }
  if (typeof labels !== "object" || labels === null || Array.isArray(labels))
    throw badData("error parsing labels: must be a JSON object of texts");
  for (const [name, value] of Object.entries(labels))
    if (typeof value !== "string") throw badData(`error parsing labels: ${name} must be a text`);
  return labels as Readonly<Record<string, string>>;
}

function listOf(value: unknown): readonly Keys[] {
  return Array.isArray(value) ? (value as readonly Keys[]) : [];
}

/** The configuration has been checked when it was loaded. */
function configOf(keys: Keys): RelabelConfig {
  const config: Record<string, unknown> = {};
  for (const [key, name] of CONFIG_KEYS) if (keys[key] !== undefined) config[name] = keys[key];
  return config;
}

const CONFIG_KEYS = [
  ["source_labels", "sourceLabels"],
  ["separator", "separator"],
  ["regex", "regex"],
  ["modulus", "modulus"],
  ["target_label", "targetLabel"],
  ["replacement", "replacement"],
  ["action", "action"],
] as const satisfies readonly (readonly [key: string, name: keyof RelabelConfig])[];

/** Without what says nothing. */
function ruleJson(config: RelabelConfig): Keys {
  const json: Record<string, unknown> = {};
  for (const [key, name] of CONFIG_KEYS) {
    const value = config[name];
    const isEmpty = value === "" || value === 0 || (Array.isArray(value) && value.length === 0);
    if (key === "regex" || !isEmpty) json[key] = value;
  }
  return json;
}
