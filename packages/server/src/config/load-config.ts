import { dirname, isAbsolute, join } from "node:path";
import { errorText, labelsFrom, OperatingError } from "@pharos/base";
import type { ScrapeJob } from "@pharos/collect";
import { isScalar, isSeq } from "yaml";
import { z } from "zod";
import { readAlerting } from "./alerting-config.ts";
import type { Config, GlobalConfig, QueryConfig } from "./config.ts";
import { byPlace, ConfigError } from "./diagnostics.ts";
import type { SettingsContext } from "./http-client-schema.ts";
import {
  type GlobalKeys,
  globalSchema,
  prometheusSchema,
  ruleFilesSchema,
  scrapeConfigFileSchema,
  scrapeConfigSchema,
} from "./prometheus-schema.ts";
import { readYaml, type Unsupported, unread, withoutSecrets } from "./read-yaml.ts";
import { readRemoteReads, readRemoteWrites } from "./remote-config.ts";
import { scrapeJob } from "./scrape-job.ts";
import { readStorage } from "./storage-config.ts";
import { type Path, YamlSource } from "./yaml-source.ts";

/** What loading needs from outside. */
export interface ConfigEnvironment {
  /** For `${NAME}` in external labels. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The text of a file. @throws OperatingError `not_found`, `disk.failed`. */
  readFile(path: string): string;
  /** The files that a pattern names, sorted; the pattern itself where it has no `*`, `?` or `[`. */
  glob(pattern: string): readonly string[];
}

export interface LoadedConfig {
  readonly config: Config;
  /** What the file asks for and this version does not do, in the order of the file. */
  readonly unsupported: readonly Unsupported[];
  /** Other things to tell the user, one sentence each. */
  readonly warnings: readonly string[];
  /** The file as it may be shown: without comments, secrets replaced by `<secret>`. */
  readonly text: string;
}

const DEFAULT_SCRAPE_INTERVAL_MS = 60_000;
const DEFAULT_SCRAPE_TIMEOUT_MS = 10_000;

/**
 * Reads a configuration file in Prometheus's format. Paths in it are relative to its folder.
 *
 * @throws ConfigError with all that is wrong, in this file and those it includes.
 */
export function loadConfig(
  text: string,
  fileName: string,
  environment: ConfigEnvironment,
): LoadedConfig {
  const source = new YamlSource(text, fileName);
  const unsupported: Unsupported[] = [];
  const warnings: string[] = [];
  const folder = dirname(fileName);
  // Sections are read one by one, so that a mistake in one does not hide those in another.
  if (source.diagnostics.length === 0) readYaml(source, SECTIONS_ONLY, [], unsupported);
  const section = <T extends z.ZodType>(schema: T, name: string): z.output<T> | undefined =>
    readYaml(source, schema, [name], unsupported);
  const globalKeys = section(globalSchema, "global");
  const global = globalConfig(globalKeys, source, environment, warnings, folder);
  const ruleFiles = section(ruleFilesSchema, "rule_files") ?? [];
  const jobs = new JobList(global, globalKeys, environment, unsupported);
  jobs.addAll(source);
  const included = section(ruleFilesSchema, "scrape_config_files") ?? [];
  const sources = [source];
  for (const [index, pattern] of included.entries()) {
    const at = ["scrape_config_files", index];
    for (const path of filesOf(resolvePath(pattern, folder), environment, source, at)) {
      const includedText = readConfigText(path, environment, source, at);
      if (includedText === undefined) continue;
      const includedSource = new YamlSource(includedText, path);
      sources.push(includedSource);
      readYaml(includedSource, JOBS_ONLY, [], unsupported);
      jobs.addAll(includedSource);
    }
  }
  const storage = readStorage(source, section, (path) => resolvePath(path, folder));
  const remote = {
    section,
    settings: {
      report: (at: Path, message: string) => source.report(at, message),
      readFile: (name: string, at: Path) =>
        readConfigText(resolvePath(name, folder), environment, source, at),
    },
  };
  const remoteWrites = readRemoteWrites(remote);
  const remoteReads = readRemoteReads(remote);
  const alerting = readAlerting(section, remote.settings, (path) => resolvePath(path, folder));
  const diagnostics = sources.flatMap((one) => one.diagnostics.toSorted(byPlace));
  if (diagnostics.length > 0) throw new ConfigError(diagnostics);
  const config = {
    global,
    ruleFiles: ruleFiles.map((pattern) => resolvePath(pattern, folder)),
    scrapeJobs: jobs.list,
    storage,
    remoteWrites,
    remoteReads,
    alerting,
  };
  // Within each file in its order; the files in the order in which they were read.
  const listed = sources.flatMap(({ fileName }) =>
    unsupported.filter(({ file }) => file === fileName).toSorted(byPlace),
  );
  return { config, unsupported: listed, warnings, text: withoutSecrets(source, prometheusSchema) };
}

/** The top level alone: says which keys there are, and leaves the sections to be read by themselves. */
const SECTIONS_ONLY = z.strictObject({
  ...prometheusSchema.shape,
  global: unread(),
  rule_files: unread(),
  scrape_config_files: unread(),
  scrape_configs: unread(),
  storage: unread(),
  retention: unread(),
  retention_preset: unread(),
  rollups: unread(),
  archive: unread(),
  remote_write: unread(),
  remote_read: unread(),
  alerting: unread(),
});

const JOBS_ONLY = z.strictObject({ ...scrapeConfigFileSchema.shape, scrape_configs: unread() });

class JobList {
  readonly list: ScrapeJob[] = [];
  readonly #names = new Set<string>();
  readonly #global: GlobalConfig;
  readonly #globalKeys: GlobalKeys | undefined;
  readonly #environment: ConfigEnvironment;
  readonly #unsupported: Unsupported[];

  constructor(
    global: GlobalConfig,
    globalKeys: GlobalKeys | undefined,
    environment: ConfigEnvironment,
    unsupported: Unsupported[],
  ) {
    this.#global = global;
    this.#globalKeys = globalKeys;
    this.#environment = environment;
    this.#unsupported = unsupported;
  }

  addAll(source: YamlSource): void {
    const path = ["scrape_configs"];
    const node = source.nodeAt(path);
    if (isSeq(node)) for (const index of node.items.keys()) this.#add(source, [...path, index]);
    // What is no list is reported as such.
    else readYaml(source, z.array(z.unknown()), path, this.#unsupported);
  }

  #add(source: YamlSource, path: Path): void {
    const keys = readYaml(source, scrapeConfigSchema, path, this.#unsupported);
    const nameNode = source.nodeAt([...path, "job_name"]);
    const name = isScalar(nameNode) ? (nameNode.source ?? "") : "";
    if (name !== "" && this.#names.has(name)) {
      const message = `found multiple scrape configs with job name "${name}"`;
      source.report([...path, "job_name"], message);
    }
    this.#names.add(name);
    if (keys === undefined) return;
    const folder = dirname(source.fileName);
    const context: SettingsContext = {
      report: (at, message) => source.report(at, message),
      readFile: (name, at) =>
        readConfigText(resolvePath(name, folder), this.#environment, source, at),
    };
    const resolve = (name: string): string => resolvePath(name, folder);
    this.list.push(scrapeJob(keys, path, this.#global, this.#globalKeys, resolve, context));
  }
}

function globalConfig(
  keys: GlobalKeys | undefined,
  source: YamlSource,
  environment: ConfigEnvironment,
  warnings: string[],
  folder: string,
): GlobalConfig {
  const scrapeIntervalMs = keys?.scrape_interval ?? DEFAULT_SCRAPE_INTERVAL_MS;
  const scrapeTimeoutMs =
    keys?.scrape_timeout ?? Math.min(DEFAULT_SCRAPE_TIMEOUT_MS, scrapeIntervalMs);
  if (scrapeTimeoutMs > scrapeIntervalMs)
    source.report(
      ["global", "scrape_timeout"],
      "global scrape timeout greater than scrape interval",
    );
  const externalLabels = Object.entries(keys?.external_labels ?? {}).map(
    ([name, value]) => [name, expandEnvironment(name, value, environment.env, warnings)] as const,
  );
  return {
    scrapeIntervalMs,
    scrapeTimeoutMs,
    evaluationIntervalMs: keys?.evaluation_interval ?? DEFAULT_SCRAPE_INTERVAL_MS,
    ruleQueryOffsetMs: keys?.rule_query_offset ?? 0,
    externalLabels: labelsFrom(externalLabels),
    queries: queryConfig(keys, folder),
  };
}

function queryConfig(keys: GlobalKeys | undefined, folder: string): QueryConfig {
  const logFile = keys?.query_log_file ?? "";
  return {
    logFile: logFile === "" ? undefined : resolvePath(logFile, folder),
    seriesMax: keys?.query_max_series ?? 0,
    samplesReadMax: keys?.query_max_samples_read ?? keys?.query_max_samples_scanned ?? 0,
    durationMsMax: keys?.query_max_duration ?? 0,
  };
}

/** `$NAME` and `${NAME}`; `$$` is a dollar sign. */
function expandEnvironment(
  label: string,
  text: string,
  env: ConfigEnvironment["env"],
  warnings: string[],
): string {
  return text.replace(
    /\$(?:\$|\{([^}]*)\}|(\w+))/g,
    (whole, braced: string | undefined, bare: string | undefined) => {
      if (whole === "$$") return "$";
      const name = braced ?? bare ?? "";
      const value = env[name];
      if (value === undefined)
        warnings.push(
          `external label ${label}: the environment variable ${name} is not set; it stands for ""`,
        );
      return value ?? "";
    },
  );
}

/** A path in a configuration file, relative to the file's folder. */
export function resolvePath(path: string, folder: string): string {
  return isAbsolute(path) ? path : join(folder, path);
}

/** The files that a pattern in a configuration names; what is wrong with it is reported at `at`. */
export function filesOf(
  pattern: string,
  environment: Pick<ConfigEnvironment, "glob">,
  source: YamlSource,
  at: Path,
): readonly string[] {
  try {
    return environment.glob(pattern);
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    source.report(at, errorText(error));
    return [];
  }
}

/** The text of a file that a configuration names; undefined, and reported at `at`, where it cannot be read. */
export function readConfigText(
  path: string,
  environment: Pick<ConfigEnvironment, "readFile">,
  source: YamlSource,
  at: Path,
): string | undefined {
  try {
    return environment.readFile(path);
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    source.report(at, `cannot be read: ${errorText(error)}`);
    return undefined;
  }
}
