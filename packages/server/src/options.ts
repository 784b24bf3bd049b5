import { DURATION_HINT, formatDuration, OperatingError, parseDuration } from "@pharos/base";

/** What the server is started with. What is here needs a restart; what can be reloaded is in the files. */
export interface ServeOptions {
  readonly listen: ListenAddress;
  readonly dataFolder: string;
  /** Undefined: watch this machine with the configuration that ships with Pharos. */
  readonly configFile: string | undefined;
  readonly alertmanagerConfigFile: string | undefined;
  readonly externalUrl: string | undefined;
  readonly retentionMs: number;
  readonly outOfOrderWindowMs: number;
  /** 0: every acknowledgement waits until its bytes are on the device. */
  readonly walSyncMs: number;
  readonly repairWal: boolean;
  readonly queryTimeoutMs: number;
  readonly querySamplesMax: number;
  readonly lookbackMs: number;
  readonly lifecycle: boolean;
  readonly logLevel: LogLevel;
  readonly logFormat: "text" | "json";
}

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

interface OptionRow<T> {
  readonly flag: string;
  /** How the value is called in the help; absent for a switch. */
  readonly value?: string;
  /** Prometheus's name for the same, accepted as well. */
  readonly alias?: string;
  readonly help: string;
  readonly fallback: string | undefined;
  parse(text: string | undefined): T;
}

type Rows = { readonly [Key in keyof ServeOptions]: OptionRow<ServeOptions[Key]> };

/** Every option of `serve`: the flags, the environment variables, the help and the manual follow from this table. */
export const SERVE_OPTIONS: Rows = {
  listen: {
    flag: "--listen",
    value: "host:port",
    alias: "--web.listen-address",
    help: "address of the page and the API",
    fallback: "127.0.0.1:9090",
    parse: parseListenAddress,
  },
  dataFolder: {
    flag: "--data",
    value: "folder",
    alias: "--storage.tsdb.path",
    help: "where samples, alerts and the outbox are kept",
    fallback: "./data",
    parse: (text) => text ?? "./data",
  },
  configFile: {
    flag: "--config",
    value: "file",
    alias: "--config.file",
    help: "configuration in Prometheus's format; without it Pharos watches this machine",
    fallback: undefined,
    parse: (text) => text,
  },
  alertmanagerConfigFile: {
    flag: "--alertmanager-config",
    value: "file",
    help: "route and receivers in Alertmanager's format; without it alerts are only shown",
    fallback: undefined,
    parse: (text) => text,
  },
  externalUrl: {
    flag: "--external-url",
    value: "url",
    alias: "--web.external-url",
    help: "how people reach the page; links in notifications start with it",
    fallback: undefined,
    parse: parseExternalUrl,
  },
  retentionMs: {
    flag: "--retention",
    value: "duration",
    alias: "--storage.tsdb.retention.time",
    help: "how long samples are kept",
    fallback: "15d",
    parse: durationAbove(0),
  },
  outOfOrderWindowMs: {
    flag: "--out-of-order-window",
    value: "duration",
    help: "how much older than its series' newest a sample may be",
    fallback: "30m",
    parse: durationAbove(-1),
  },
  walSyncMs: {
    flag: "--wal-sync",
    value: "always|duration",
    help: "how long an acknowledged sample may wait for the device; it survives kill -9 at once",
    fallback: "100ms",
    parse: (text) => (text === "always" ? 0 : durationAbove(0)(text)),
  },
  repairWal: {
    flag: "--repair-wal",
    help: "cut a damaged write-ahead log at the damage instead of refusing to start",
    fallback: undefined,
    parse: (text) => text !== undefined,
  },
  queryTimeoutMs: {
    flag: "--query-timeout",
    value: "duration",
    alias: "--query.timeout",
    help: "how long a query may run",
    fallback: "2m",
    parse: durationAbove(0),
  },
  querySamplesMax: {
    flag: "--query-max-samples",
    value: "count",
    alias: "--query.max-samples",
    help: "how many samples a query may load",
    fallback: "50000000",
    parse: parseCount,
  },
  lookbackMs: {
    flag: "--query-lookback-delta",
    value: "duration",
    alias: "--query.lookback-delta",
    help: "how far back an instant query looks for a sample",
    fallback: "5m",
    parse: durationAbove(0),
  },
  lifecycle: {
    flag: "--enable-lifecycle",
    alias: "--web.enable-lifecycle",
    help: "allow POST /-/reload and /-/quit on an address that is not loopback",
    fallback: undefined,
    parse: (text) => text !== undefined,
  },
  logLevel: {
    flag: "--log-level",
    value: LOG_LEVELS.join("|"),
    alias: "--log.level",
    help: "the least severe lines to log",
    fallback: "info",
    parse: oneOf(LOG_LEVELS),
  },
  logFormat: {
    flag: "--log-format",
    value: "text|json",
    alias: "--log.format",
    help: "lines for people or for machines",
    fallback: "text",
    parse: oneOf(["text", "json"]),
  },
};

/** The environment variable that stands in for a flag: `--log-level` is `PHAROS_LOG_LEVEL`. */
export function environmentName(flag: string): string {
  return `PHAROS_${flag.slice(2).replaceAll("-", "_").toUpperCase()}`;
}

/**
 * @param given the text of each option by key, `""` for a switch that is on; an absent one falls back to its environment variable, then to its default.
 * @throws OperatingError `config.invalid`, naming the flag, the text and what is allowed.
 */
export function parseServeOptions(
  given: Readonly<Partial<Record<keyof ServeOptions, string>>>,
  env: Readonly<Record<string, string | undefined>>,
): ServeOptions {
  const parsed = Object.entries(SERVE_OPTIONS).map(([key, row]) => {
    const text = given[key as keyof ServeOptions] ?? env[environmentName(row.flag)] ?? row.fallback;
    try {
      return [key, row.parse(text)];
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      throw new OperatingError("config.invalid", `${row.flag} ${text}: ${error.message}`);
    }
  });
  return Object.fromEntries(parsed) as ServeOptions;
}

/** The options as `/api/v1/status/flags` shows them: by flag without its dashes, as text. */
export function shownOptions(options: ServeOptions): Readonly<Record<string, string>> {
  const { listen, retentionMs, outOfOrderWindowMs, walSyncMs, queryTimeoutMs, lookbackMs } =
    options;
  const shown: Record<string, string> = {
    listen: formatListenAddress(listen),
    data: options.dataFolder,
    config: options.configFile ?? "",
    "alertmanager-config": options.alertmanagerConfigFile ?? "",
    "external-url": options.externalUrl ?? "",
    retention: formatDuration(retentionMs),
    "out-of-order-window": formatDuration(outOfOrderWindowMs),
    "wal-sync": walSyncMs === 0 ? "always" : formatDuration(walSyncMs),
    "repair-wal": String(options.repairWal),
    "query-timeout": formatDuration(queryTimeoutMs),
    "query-max-samples": String(options.querySamplesMax),
    "query-lookback-delta": formatDuration(lookbackMs),
    "enable-lifecycle": String(options.lifecycle),
    "log-level": options.logLevel,
    "log-format": options.logFormat,
  };
  // Clients that know Prometheus look for its names.
  for (const { flag, alias } of Object.values(SERVE_OPTIONS))
    if (alias !== undefined) shown[alias.slice(2)] = shown[flag.slice(2)] ?? "";
  return shown;
}

/** Whether only this machine can reach the address. */
export function isLoopback({ host }: ListenAddress): boolean {
  return host === "localhost" || host === "::1" || host.startsWith("127.");
}

/** As it stands in a URL. */
export function formatListenAddress({ host, port }: ListenAddress): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

function parseListenAddress(text: string | undefined): ListenAddress {
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d+)$/.exec(text ?? "");
  const port = Number(match?.[3]);
  if (match === null || port > 65535)
    throw new OperatingError(
      "config.invalid",
      'want host:port, such as "127.0.0.1:9090", "[::1]:9090" or ":9090" for every address',
    );
  return { host: match[1] ?? (match[2] || "0.0.0.0"), port };
}

function parseExternalUrl(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new OperatingError("config.invalid", "want an http or https URL");
  return url.href.replace(/\/+$/, "");
}

function durationAbove(limitMs: number): (text: string | undefined) => number {
  return (text) => {
    const ms = parseDuration(text ?? "");
    if (ms === undefined || ms <= limitMs)
      throw new OperatingError("config.invalid", `want ${DURATION_HINT}`);
    return ms;
  };
}

function parseCount(text: string | undefined): number {
  const count = Number(text);
  if (!Number.isSafeInteger(count) || count < 1)
    throw new OperatingError("config.invalid", "want a whole number from 1");
  return count;
}

function oneOf<T extends string>(allowed: readonly T[]): (text: string | undefined) => T {
  return (text) => {
    const found = allowed.find((each) => each === text);
    if (found === undefined)
      throw new OperatingError("config.invalid", `want one of ${allowed.join(", ")}`);
    return found;
  };
}
