import { shownPostgresUrl } from "@pharos/adapters/postgres/url";
import { DURATION_HINT, formatDuration, OperatingError, parseDuration } from "@pharos/base";
import { BLOCK_RANGE_MS } from "@pharos/tsdb";
import { RULES_CONCURRENT_MAX } from "./rules/semaphore.ts";

/** What the server is started with. What is here needs a restart; what can be reloaded is in the files. */
export interface ServeOptions {
  readonly listen: ListenAddress;
  readonly dataFolder: string;
  /** Undefined: watch this machine with the configuration that ships with Pharos. */
  readonly configFile: string | undefined;
  readonly alertmanagerConfigFile: string | undefined;
  readonly oncallConfigFile: string | undefined;
  /** Where documents are kept instead of the data folder; may hold a password, so it is shown by `format` only. */
  readonly databaseUrl: string | undefined;
  readonly databasePasswordFile: string | undefined;
  readonly externalUrl: string | undefined;
  /** How long samples are kept; undefined for as long as the preset in the configuration says. */
  readonly retentionMs: number | undefined;
  /** Bytes that blocks and log may have together; 0 for no limit. */
  readonly retentionSizeMax: number;
  readonly outOfOrderWindowMs: number;
  /** 0: every acknowledgement waits until its bytes are on the device. */
  readonly walSyncMs: number;
  readonly repairWal: boolean;
  /** How long the log is kept for consumers, beside what they have not read. */
  readonly logRetentionMs: number;
  /** Bytes that the log may have. */
  readonly logSizeMax: number;
  /** Bytes of the disk that the log leaves free. */
  readonly diskKeepFree: number;
  /** Bytes of blocks that each thread that reads them keeps in memory. */
  readonly blockCacheSizeMax: number;
  /** How long a stretch of time a block may be merged to. */
  readonly blockRangeMsMax: number;
  readonly queryTimeoutMs: number;
  /** Series in memory at a time. */
  readonly headSeriesMax: number;
  readonly querySamplesMax: number;
  /** Bytes of the samples that one query may hold at once. */
  readonly queryMemorySizeMax: number;
  /** Series that one query may read; 0 for no limit, as the two that follow. */
  readonly querySeriesMax: number;
  readonly querySamplesReadMax: number;
  /** Bytes of one answer. */
  readonly queryAnswerSizeMax: number;
  /** A query that reads more samples is answered with a warning; 0 for never. */
  readonly queryWarnSamples: number;
  /** Queries evaluated at once, of those that people ask and of those of dashboards each. */
  readonly queryConcurrentMax: number;
  readonly queryConcurrentPerUserMax: number;
  /** Queries that wait for their turn, as above. */
  readonly queryQueuedMax: number;
  /** Bytes of results that are kept, of all query threads together; 0 keeps none. */
  readonly queryCacheSizeMax: number;
  /** How long results of the last hour, and older ones, are kept after their last use. */
  readonly queryCacheRecentMs: number;
  readonly queryCacheOlderMs: number;
  /** The header in which a proxy in front names the user; undefined if there is none. */
  readonly queryUserHeader: string | undefined;
  readonly lookbackMs: number;
  /** Rules evaluated at once, of all groups. */
  readonly rulesConcurrentMax: number;
  /** How often alerts that go on are told again. */
  readonly alertResendDelayMs: number;
  /** Whether alerts that go on and off are told less often than they change. */
  readonly alertHoldFlapping: boolean;
  /** See `OutageTimes`. */
  readonly alertOutageToleranceMs: number;
  readonly alertGracePeriodMs: number;
  /** Alerts of one `alertname`; 0 for no limit. */
  readonly alertsPerNameMax: number;
  /** Notifications that each integration is sent in a second. */
  readonly notificationRateMax: number;
  /** How long silences can be looked at after their end. */
  readonly silenceRetentionMs: number;
  /** How long incidents that are over, timelines and the history of alerts are kept. */
  readonly incidentRetentionMs: number;
  /** How long attempts to notify are kept. */
  readonly deliveryRetentionMs: number;
  /** Base URLs of servers that share alerts with this one, and no database. */
  readonly clusterPeers: readonly string[];
  readonly clusterSecretFile: string | undefined;
  readonly clusterPeerTimeoutMs: number;
  /** What tells this server from others that it works with; undefined for host and port. */
  readonly replicaName: string | undefined;
  /** Samples of one remote read that is answered at once; 0 for no limit. */
  readonly remoteReadSamplesMax: number;
  /** Remote reads answered at once. */
  readonly remoteReadConcurrentMax: number;
  /** Bytes of a frame of a remote read that is answered as a stream. */
  readonly remoteReadFrameSizeMax: number;
  readonly lifecycle: boolean;
  readonly adminApi: boolean;
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
  /** May be given several times; the texts are joined with commas. */
  readonly repeatable?: true;
  /** Whether its text may hold a password: errors do not quote it. */
  readonly secret?: true;
  /** @throws OperatingError `config.invalid` that says what is allowed. */
  parse(text: string | undefined): T;
  /** The value as somebody could have written it, for showing. */
  format(value: T): string;
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
    format: formatListenAddress,
  },
  dataFolder: {
    flag: "--data",
    value: "folder",
    alias: "--storage.tsdb.path",
    help: "where samples, alerts and the outbox are kept",
    fallback: "./data",
    parse: required("a folder"),
    format: String,
  },
  configFile: {
    flag: "--config",
    value: "file",
    alias: "--config.file",
    help: "configuration in Prometheus's format; without it Pharos watches this machine",
    fallback: undefined,
    parse: optionalFile,
    format: (path) => path ?? "",
  },
  alertmanagerConfigFile: {
    flag: "--alertmanager-config",
    value: "file",
    help: "route and receivers in Alertmanager's format; without it alerts are only shown",
    fallback: undefined,
    parse: optionalFile,
    format: (path) => path ?? "",
  },
  oncallConfigFile: {
    flag: "--oncall-config",
    value: "file",
    help: "contacts, schedules and escalation policies; without it nobody is called beyond the routes",
    fallback: undefined,
    parse: optionalFile,
    format: (path) => path ?? "",
  },
  databaseUrl: {
    flag: "--database-url",
    value: "url",
    help: "PostgreSQL for rules, alerts, silences and the outbox, shared by several servers; without it they are in the data folder",
    fallback: undefined,
    secret: true,
    parse: parseDatabaseUrl,
    format: (url) => (url === undefined ? "" : shownPostgresUrl(url)),
  },
  databasePasswordFile: {
    flag: "--database-password-file",
    value: "file",
    help: "the password of --database-url; without it the URL's, PGPASSWORD or ~/.pgpass",
    fallback: undefined,
    parse: optionalFile,
    format: (path) => path ?? "",
  },
  externalUrl: {
    flag: "--external-url",
    value: "url",
    alias: "--web.external-url",
    help: "how people reach the page; links in notifications start with it",
    fallback: undefined,
    parse: parseExternalUrl,
    format: (url) => url ?? "",
  },
  retentionMs: {
    flag: "--retention",
    value: "duration",
    alias: "--storage.tsdb.retention.time",
    help: "how long samples are kept; without it, 14d or as the configuration's retention_preset says",
    fallback: undefined,
    parse: (text) => (text === undefined ? undefined : durationFrom(1)(text)),
    format: (ms) => (ms === undefined ? "" : formatDuration(ms)),
  },
  retentionSizeMax: {
    flag: "--retention-size",
    value: "size",
    alias: "--storage.tsdb.retention.size",
    help: "how large blocks and log may be together; then the oldest blocks go. 0 for no limit",
    fallback: "0",
    parse: parseSize,
    format: formatSize,
  },
  outOfOrderWindowMs: {
    flag: "--out-of-order-window",
    value: "duration",
    help: "how much older than its series' newest a sample may be",
    fallback: "30m",
    parse: durationFrom(0),
    format: formatDuration,
  },
  walSyncMs: {
    flag: "--wal-sync",
    value: "always|duration",
    help: "how long an acknowledged sample may wait for the device; it survives kill -9 at once",
    fallback: "100ms",
    parse: parseWalSync,
    format: (ms) => (ms === 0 ? "always" : formatDuration(ms)),
  },
  repairWal: {
    flag: "--repair-wal",
    help: "set aside a write-ahead log that cannot be read at all instead of refusing to start",
    fallback: undefined,
    parse: parseSwitch,
    format: String,
  },
  logRetentionMs: {
    flag: "--log-retention",
    value: "duration",
    help: "how long the write-ahead log is kept to be read again, beside what its consumers have not read",
    fallback: "0s",
    parse: durationFrom(0),
    format: formatDuration,
  },
  logSizeMax: {
    flag: "--log-size-max",
    value: "size",
    help: "how large the write-ahead log may grow; then writes are refused with 503",
    fallback: "32GiB",
    parse: parseSize,
    format: formatSize,
  },
  diskKeepFree: {
    flag: "--disk-keep-free",
    value: "size",
    help: "how much of the disk the write-ahead log leaves free, to move its samples to blocks",
    fallback: "64MiB",
    parse: parseSize,
    format: formatSize,
  },
  blockCacheSizeMax: {
    flag: "--block-cache-size",
    value: "size",
    help: "how much of the blocks is kept in memory for queries, shared by their threads",
    fallback: "256MiB",
    parse: parseSize,
    format: formatSize,
  },
  blockRangeMsMax: {
    flag: "--max-block-duration",
    value: "duration",
    alias: "--storage.tsdb.max-block-duration",
    help: "how long a stretch of time blocks are merged to, from 2h on",
    fallback: "1d",
    parse: parseBlockRange,
    format: formatDuration,
  },
  queryTimeoutMs: {
    flag: "--query-timeout",
    value: "duration",
    alias: "--query.timeout",
    help: "how long a query may wait and run; rules have two minutes at least",
    fallback: "30s",
    parse: durationFrom(1),
    format: formatDuration,
  },
  headSeriesMax: {
    flag: "--head-series-max",
    value: "count",
    help: "how many series may be in memory; new ones beyond it are refused",
    fallback: "5000000",
    parse: countFrom(1),
    format: String,
  },
  querySamplesMax: {
    flag: "--query-max-samples",
    value: "count",
    alias: "--query.max-samples",
    help: "how many samples a query may hold in memory at once",
    fallback: "50000000",
    parse: countFrom(1),
    format: String,
  },
  queryMemorySizeMax: {
    flag: "--query-max-memory",
    value: "size",
    help: "how much memory the samples of a query may take at once",
    fallback: "1GiB",
    parse: parseSize,
    format: formatSize,
  },
  querySeriesMax: {
    flag: "--query-max-series",
    value: "count",
    help: "how many series a query may read; 0 for no limit",
    fallback: "0",
    parse: countFrom(0),
    format: String,
  },
  querySamplesReadMax: {
    flag: "--query-max-samples-read",
    value: "count",
    help: "how many samples a query may read; 0 for no limit",
    fallback: "0",
    parse: countFrom(0),
    format: String,
  },
  queryAnswerSizeMax: {
    flag: "--query-max-response-size",
    value: "size",
    help: "how large the answer to a query may be; 0 for no limit",
    fallback: "1GiB",
    parse: parseSize,
    format: formatSize,
  },
  queryWarnSamples: {
    flag: "--query-cost-warning-samples",
    value: "count",
    help: "from how many samples read a query is answered with a warning; 0 for never",
    fallback: "50000000",
    parse: countFrom(0),
    format: String,
  },
  queryConcurrentMax: {
    flag: "--query-max-concurrency",
    value: "count",
    alias: "--query.max-concurrency",
    help: "how many queries run at once; dashboards have as many again, rules do not count",
    fallback: "20",
    parse: countFrom(1),
    format: String,
  },
  queryConcurrentPerUserMax: {
    flag: "--query-max-concurrency-per-user",
    value: "count",
    help: "how many queries of one user, or one address, run at once",
    fallback: "10",
    parse: countFrom(1),
    format: String,
  },
  queryQueuedMax: {
    flag: "--query-max-queued",
    value: "count",
    help: "how many queries may wait for their turn; one user may take half of the places",
    fallback: "1000",
    parse: countFrom(1),
    format: String,
  },
  queryCacheSizeMax: {
    flag: "--query-cache-size",
    value: "size",
    help: "how much memory results of range queries may take that are kept for the next time; 0 keeps none",
    fallback: "64MiB",
    parse: parseSize,
    format: formatSize,
  },
  queryCacheRecentMs: {
    flag: "--query-cache-ttl-recent",
    value: "duration",
    help: "how long results of the last hour are kept after they were last asked for",
    fallback: "1m",
    parse: durationFrom(0),
    format: formatDuration,
  },
  queryCacheOlderMs: {
    flag: "--query-cache-ttl-older",
    value: "duration",
    help: "how long older results are kept after they were last asked for",
    fallback: "1h",
    parse: durationFrom(0),
    format: formatDuration,
  },
  queryUserHeader: {
    flag: "--query-user-header",
    value: "name",
    help: "the header in which a proxy in front names the user; without it a user is an address",
    fallback: undefined,
    parse: parseHeaderName,
    format: (name) => name ?? "",
  },
  lookbackMs: {
    flag: "--query-lookback-delta",
    value: "duration",
    alias: "--query.lookback-delta",
    help: "how far back an instant query looks for a sample",
    fallback: "5m",
    parse: durationFrom(1),
    format: formatDuration,
  },
  rulesConcurrentMax: {
    flag: "--rule-concurrency",
    value: "count",
    alias: "--rules.max-concurrent-evals",
    help: "how many rules are evaluated at once; four that read little count as one",
    fallback: String(RULES_CONCURRENT_MAX),
    parse: countFrom(1),
    format: String,
  },
  alertResendDelayMs: {
    flag: "--alert-resend-delay",
    value: "duration",
    alias: "--rules.alert.resend-delay",
    help: "how often alerts that go on are told again",
    fallback: "1m",
    parse: durationFrom(1),
    format: formatDuration,
  },
  alertHoldFlapping: {
    flag: "--alert-hold-flapping",
    help: "tell less often of alerts that go on and off",
    fallback: undefined,
    parse: parseSwitch,
    format: String,
  },
  alertOutageToleranceMs: {
    flag: "--alert-outage-tolerance",
    value: "duration",
    alias: "--rules.alert.for-outage-tolerance",
    help: "how long the server may not have run for pending alerts to go on",
    fallback: "1h",
    parse: durationFrom(0),
    format: formatDuration,
  },
  alertGracePeriodMs: {
    flag: "--alert-grace-period",
    value: "duration",
    alias: "--rules.alert.for-grace-period",
    help: "how long such alerts wait at least before they fire",
    fallback: "10m",
    parse: durationFrom(0),
    format: formatDuration,
  },
  alertsPerNameMax: {
    flag: "--alert-per-name-max",
    value: "count",
    alias: "--alerts.per-alertname-limit",
    help: "how many alerts of one alertname there may be; new ones beyond it are refused. 0 for no limit",
    fallback: "0",
    parse: countFrom(0),
    format: String,
  },
  notificationRateMax: {
    flag: "--notification-rate",
    value: "count",
    help: "how many notifications a second each receiver's integration is sent; after a quiet time four times as many at once",
    fallback: "500",
    parse: countFrom(1),
    format: String,
  },
  silenceRetentionMs: {
    flag: "--silence-retention",
    value: "duration",
    alias: "--data.retention",
    help: "how long silences can be looked at after their end",
    fallback: "120h",
    parse: durationFrom(1),
    format: formatDuration,
  },
  incidentRetentionMs: {
    flag: "--incident-retention",
    value: "duration",
    help: "how long incidents that are over, their timelines and the history of alerts are kept",
    fallback: "90d",
    parse: durationFrom(1),
    format: formatDuration,
  },
  deliveryRetentionMs: {
    flag: "--delivery-retention",
    value: "duration",
    help: "how long the log of deliveries keeps an attempt, of which there may be 50,000",
    fallback: "30d",
    parse: durationFrom(1),
    format: formatDuration,
  },
  clusterPeers: {
    flag: "--cluster-peer",
    value: "url",
    alias: "--cluster.peer",
    repeatable: true,
    help: "a server that alerts, silences and what was told are shared with where there is no --database-url; may be given several times, or with commas",
    fallback: undefined,
    parse: parsePeers,
    format: (urls) => urls.join(),
  },
  clusterSecretFile: {
    flag: "--cluster-secret-file",
    value: "file",
    alias: "--cluster.secret-file",
    help: "a text that all servers of --cluster-peer know and nobody else",
    fallback: undefined,
    parse: optionalFile,
    format: (path) => path ?? "",
  },
  clusterPeerTimeoutMs: {
    flag: "--cluster-peer-timeout",
    value: "duration",
    alias: "--cluster.peer-timeout",
    help: "after how long a silent peer is taken to be down, and others send what it might have",
    fallback: "15s",
    parse: durationFrom(1),
    format: formatDuration,
  },
  replicaName: {
    flag: "--replica-name",
    value: "name",
    help: "tells this server from others that it works with; without it, host and port",
    fallback: undefined,
    parse: (text) => text || undefined,
    format: (name) => name ?? "",
  },
  remoteReadSamplesMax: {
    flag: "--remote-read-max-samples",
    value: "count",
    alias: "--storage.remote.read-sample-limit",
    help: "how many samples a remote read may have that is not answered as a stream; 0 for no limit",
    fallback: "50000000",
    parse: countFrom(0),
    format: String,
  },
  remoteReadConcurrentMax: {
    flag: "--remote-read-max-concurrency",
    value: "count",
    alias: "--storage.remote.read-concurrent-limit",
    help: "how many remote reads are answered at once; more wait",
    fallback: "10",
    parse: countFrom(1),
    format: String,
  },
  remoteReadFrameSizeMax: {
    flag: "--remote-read-frame-size",
    value: "size",
    alias: "--storage.remote.read-max-bytes-in-frame",
    help: "from how many bytes on a frame of a streamed remote read ends",
    fallback: "1MiB",
    parse: parseSize,
    format: formatSize,
  },
  lifecycle: {
    flag: "--enable-lifecycle",
    alias: "--web.enable-lifecycle",
    help: "allow POST /-/reload and /-/quit on an address that is not loopback",
    fallback: undefined,
    parse: parseSwitch,
    format: String,
  },
  adminApi: {
    flag: "--enable-admin-api",
    alias: "--web.enable-admin-api",
    help: "allow snapshots and deletions under /api/v1/admin/tsdb/ on an address that is not loopback",
    fallback: undefined,
    parse: parseSwitch,
    format: String,
  },
  logLevel: {
    flag: "--log-level",
    value: LOG_LEVELS.join("|"),
    alias: "--log.level",
    help: "the least severe lines to log",
    fallback: "info",
    parse: oneOf(LOG_LEVELS),
    format: String,
  },
  logFormat: {
    flag: "--log-format",
    value: "text|json",
    alias: "--log.format",
    help: "lines for people or for machines",
    fallback: "text",
    parse: oneOf(["text", "json"]),
    format: String,
  },
};

/** Options of Prometheus that have no meaning here, by name with what to say: a unit file that has them still works. */
export const IGNORED_OPTIONS: ReadonlyMap<string, string> = new Map([
  ["--storage.tsdb.min-block-duration", "blocks from memory are two hours long"],
  ["--storage.tsdb.wal-compression", "the log is compact as it is"],
  ["--storage.tsdb.wal-compression-type", "the log is compact as it is"],
  ["--storage.tsdb.wal-segment-size", "--log-size-max limits the log"],
  ["--storage.tsdb.allow-overlapping-blocks", "blocks may always overlap"],
  ["--storage.tsdb.no-lockfile", "the data folder is always locked"],
]);

const OPTION_KEYS = Object.keys(SERVE_OPTIONS) as readonly OptionKey[];

/** The environment variable that stands in for a flag: `--log-level` is `PHAROS_LOG_LEVEL`. */
export function environmentName(flag: string): string {
  return `PHAROS_${flag.slice(2).replaceAll("-", "_").toUpperCase()}`;
}

type OptionKey = keyof ServeOptions;

/** The text of each option that is given, by key; `""` for a switch. */
export type GivenOptions = Readonly<Partial<Record<OptionKey, string>>>;

/**
 * What is not given falls back to its environment variable, then to its default. A variable that is empty counts as not
 * set, since that is how scripts and containers leave one out.
 *
 * @throws OperatingError `config.invalid`, naming the flag or the variable, its text and what is allowed.
 */
export function parseServeOptions(
  given: GivenOptions,
  env: Readonly<Record<string, string | undefined>>,
): ServeOptions {
  const parsed = OPTION_KEYS.map((key) => {
    const { flag, fallback, secret, parse } = SERVE_OPTIONS[key];
    const variable = environmentName(flag);
    const fromEnv = given[key] === undefined && env[variable] ? env[variable] : undefined;
    const text = given[key] ?? fromEnv ?? fallback;
    try {
      return [key, parse(text)];
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      const source = fromEnv === undefined ? `${flag} ` : `${variable}=`;
      const shown = secret ? "<hidden>" : text || '""';
      throw new OperatingError("config.invalid", `${source}${shown}: ${error.message}`);
    }
  });
  return Object.fromEntries(parsed) as ServeOptions;
}

/** The options as `/api/v1/status/flags` shows them: by flag without its dashes, as text. */
export function shownOptions(options: ServeOptions): Readonly<Record<string, string>> {
  const shown: Record<string, string> = {};
  for (const key of OPTION_KEYS) {
    const { flag, alias } = SERVE_OPTIONS[key];
    shown[flag.slice(2)] = shownOption(options, key);
    // Clients that know Prometheus look for its names.
    if (alias !== undefined) shown[alias.slice(2)] = shownOption(options, key);
  }
  return shown;
}

function shownOption<Key extends OptionKey>(options: ServeOptions, key: Key): string {
  return SERVE_OPTIONS[key].format(options[key]);
}

/** Whether only this machine can reach the address. */
export function isLoopback({ host }: ListenAddress): boolean {
  return host === "localhost" || host === "::1" || host.startsWith("127.");
}

/** Where this machine reaches it: what listens on every address is reached on loopback. */
export function reachedAt({ host, port }: ListenAddress): ListenAddress {
  return { host: host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host, port };
}

/** As it stands in a URL. */
export function formatListenAddress({ host, port }: ListenAddress): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

function parseListenAddress(text: string | undefined): ListenAddress {
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d+)$/.exec(text ?? "");
  const port = Number(match?.[3]);
  if (match === null || port > 65535)
    throw wanted('host:port, such as "127.0.0.1:9090", "[::1]:9090" or ":9090" for every address');
  return { host: match[1] ?? (match[2] || "0.0.0.0"), port };
}

function parseExternalUrl(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) throw wanted("an http or https URL");
  return url.href.replace(/\/+$/, "");
}

function parsePeers(text: string | undefined): readonly string[] {
  const urls = (text ?? "").split(",").filter((url) => url !== "");
  return urls.map((url) => {
    const parsed = URL.parse(url);
    const isPlain = parsed !== null && parsed.search === "" && parsed.hash === "";
    if (!isPlain || !/^https?:$/.test(parsed.protocol) || parsed.username !== "")
      throw wanted("URLs such as http://pharos-2:9090");
    return url.replace(/\/+$/, "");
  });
}

function parseDatabaseUrl(text: string | undefined): string | undefined {
  if (text !== undefined) shownPostgresUrl(text); // Which refuses what is none.
  return text;
}

/** A switch is on when its flag is there; an environment variable needs a word. */
function parseSwitch(text: string | undefined): boolean {
  if (text === undefined || text === "false" || text === "0") return false;
  if (text === "" || text === "true" || text === "1") return true;
  throw wanted("true or false");
}

function required(what: string): (text: string | undefined) => string {
  return (text) => {
    if (text === undefined || text === "") throw wanted(what);
    return text;
  };
}

function optionalFile(text: string | undefined): string | undefined {
  if (text === "") throw wanted("a file");
  return text;
}

function durationFrom(minMs: 0 | 1): (text: string | undefined) => number {
  return (text) => {
    const ms = parseDuration(text ?? "");
    if (ms === undefined || ms < minMs)
      throw wanted(minMs === 0 ? DURATION_HINT : `${DURATION_HINT}, above zero`);
    return ms;
  };
}

function parseWalSync(text: string | undefined): number {
  if (text === "always") return 0;
  const ms = parseDuration(text ?? "");
  if (ms === undefined || ms === 0) throw wanted(`always, or ${DURATION_HINT}`);
  return ms;
}

function parseBlockRange(text: string | undefined): number {
  const ms = parseDuration(text ?? "");
  if (ms === undefined || ms < BLOCK_RANGE_MS) throw wanted(`${DURATION_HINT}, from 2h on`);
  return ms;
}

function countFrom(min: 0 | 1): (text: string | undefined) => number {
  return (text) => {
    const count = /^\d+$/.test(text ?? "") ? Number(text) : -1;
    if (!Number.isSafeInteger(count) || count < min) throw wanted(`a whole number from ${min}`);
    return count;
  };
}

function parseHeaderName(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  if (!/^[\w!#$%&'*+.^`|~-]+$/.test(text)) throw wanted('the name of a header, such as "X-User"');
  return text;
}

const SIZE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

function parseSize(text: string | undefined): number {
  // As Prometheus, KB and KiB are the same.
  const [, count, unit = ""] = /^(\d+)(?:([KMGT]?)i?B)?$/.exec(text ?? "") ?? [];
  const size = Number(count) * 1024 ** SIZE_UNITS.findIndex((name) => name[0] === (unit || "B"));
  if (!Number.isSafeInteger(size)) throw wanted('a size such as "512MiB", "32GiB"');
  return size;
}

function formatSize(size: number): string {
  let unit = 0;
  while (unit < SIZE_UNITS.length - 1 && size > 0 && size % 1024 ** (unit + 1) === 0) unit++;
  return `${size / 1024 ** unit}${SIZE_UNITS[unit]}`;
}

function oneOf<T extends string>(allowed: readonly T[]): (text: string | undefined) => T {
  return (text) => {
    const found = allowed.find((each) => each === text);
    if (found === undefined) throw wanted(`one of ${allowed.join(", ")}`);
    return found;
  };
}

function wanted(what: string): OperatingError {
  return new OperatingError("config.invalid", `want ${what}`);
}
