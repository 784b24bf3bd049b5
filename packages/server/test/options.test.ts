import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { test } from "node:test";
import { OperatingError } from "@pharos/base";
import {
  environmentName,
  type GivenOptions,
  isLoopback,
  parseServeOptions,
  reachedAt,
  SERVE_OPTIONS,
  type ServeOptions,
  shownOptions,
} from "../src/options.ts";

const HOUR_MS = 3_600_000;

function parsed<Key extends keyof ServeOptions>(key: Key, text: string): ServeOptions[Key] {
  return parseServeOptions({ [key]: text }, {})[key];
}

test("without flags and variables the defaults hold", () => {
  deepEqual(parseServeOptions({}, {}), {
    listen: { host: "127.0.0.1", port: 9090 },
    dataFolder: "./data",
    configFile: undefined,
    alertmanagerConfigFile: undefined,
    oncallConfigFile: undefined,
    databaseUrl: undefined,
    databasePasswordFile: undefined,
    externalUrl: undefined,
    retentionMs: undefined,
    retentionSizeMax: 0,
    outOfOrderWindowMs: HOUR_MS / 2,
    walSyncMs: 100,
    repairWal: false,
    logRetentionMs: 0,
    logSizeMax: 32 * 1024 ** 3,
    diskKeepFree: 64 * 1024 ** 2,
    blockCacheSizeMax: 256 * 1024 ** 2,
    blockRangeMsMax: 24 * HOUR_MS,
    queryTimeoutMs: 30_000,
    headSeriesMax: 5_000_000,
    querySamplesMax: 50_000_000,
    queryMemorySizeMax: 1024 ** 3,
    querySeriesMax: 0,
    querySamplesReadMax: 0,
    queryAnswerSizeMax: 1024 ** 3,
    queryWarnSamples: 50_000_000,
    queryConcurrentMax: 20,
    queryConcurrentPerUserMax: 10,
    queryQueuedMax: 1000,
    queryCacheSizeMax: 64 * 1024 ** 2,
    queryCacheRecentMs: 60_000,
    queryCacheOlderMs: 3_600_000,
    queryUserHeader: undefined,
    lookbackMs: 300_000,
    remoteReadSamplesMax: 50_000_000,
    rulesConcurrentMax: 32,
    alertResendDelayMs: 60_000,
    alertHoldFlapping: false,
    alertOutageToleranceMs: HOUR_MS,
    alertGracePeriodMs: 600_000,
    alertsPerNameMax: 0,
    notificationRateMax: 500,
    silenceRetentionMs: 120 * HOUR_MS,
    incidentRetentionMs: 90 * 24 * HOUR_MS,
    deliveryRetentionMs: 30 * 24 * HOUR_MS,
    clusterPeers: [],
    clusterSecretFile: undefined,
    clusterPeerTimeoutMs: 15_000,
    replicaName: undefined,
    remoteReadConcurrentMax: 10,
    remoteReadFrameSizeMax: 1024 ** 2,
    lifecycle: false,
    adminApi: false,
    logLevel: "info",
    logFormat: "text",
  } satisfies ServeOptions);
});

test("values are read in their own notation", () => {
  deepEqual(parsed("listen", "[::1]:9090"), { host: "::1", port: 9090 });
  deepEqual(parsed("listen", ":80"), { host: "0.0.0.0", port: 80 });
  deepEqual(parsed("listen", "metrics.lan:0"), { host: "metrics.lan", port: 0 });
  equal(parsed("externalUrl", "https://metrics.example/pharos/"), "https://metrics.example/pharos");
  equal(parsed("retentionMs", "1h30m"), 1.5 * HOUR_MS);
  equal(parsed("outOfOrderWindowMs", "0s"), 0);
  equal(parsed("walSyncMs", "always"), 0);
  equal(parsed("walSyncMs", "1s"), 1000);
  equal(parsed("querySamplesMax", "1000"), 1000);
  equal(parsed("blockRangeMsMax", "31d"), 31 * 24 * HOUR_MS);
  throws(() => parsed("blockRangeMsMax", "1h"), /--max-block-duration 1h: .*from 2h on/);
  equal(parsed("logSizeMax", "512MiB"), 512 * 1024 ** 2);
  equal(parsed("retentionSizeMax", "512GB"), 512 * 1024 ** 3);
  equal(parsed("diskKeepFree", "1000"), 1000);
  equal(parsed("logLevel", "debug"), "debug");
  equal(parsed("repairWal", ""), true, "a switch is on when its flag is there");
});

test("a value that is not allowed is refused with the flag, the text and what is allowed", () => {
  const duration = 'want a duration such as "15s", "5m", "1h30m", "7d"';
  const address =
    'want host:port, such as "127.0.0.1:9090", "[::1]:9090" or ":9090" for every address';
  const cases: readonly (readonly [given: GivenOptions, message: string])[] = [
    [{ listen: "9090" }, `--listen 9090: ${address}`],
    [{ listen: "host:65536" }, `--listen host:65536: ${address}`],
    [{ listen: "::1:9090" }, `--listen ::1:9090: ${address}`],
    [{ dataFolder: "" }, '--data "": want a folder'],
    [{ configFile: "" }, '--config "": want a file'],
    [
      { externalUrl: "metrics.example" },
      "--external-url metrics.example: want an http or https URL",
    ],
    [{ externalUrl: "ftp://a" }, "--external-url ftp://a: want an http or https URL"],
    [{ retentionMs: "0s" }, `--retention 0s: ${duration}, above zero`],
    [{ retentionMs: "15" }, `--retention 15: ${duration}, above zero`],
    [{ silenceRetentionMs: "5" }, `--silence-retention 5: ${duration}, above zero`],
    [{ incidentRetentionMs: "0s" }, `--incident-retention 0s: ${duration}, above zero`],
    [{ deliveryRetentionMs: "month" }, `--delivery-retention month: ${duration}, above zero`],
    [{ outOfOrderWindowMs: "-1m" }, `--out-of-order-window -1m: ${duration}`],
    [{ logSizeMax: "32G" }, '--log-size-max 32G: want a size such as "512MiB", "32GiB"'],
    [
      { walSyncMs: "0s" },
      `--wal-sync 0s: want always, or a duration such as "15s", "5m", "1h30m", "7d"`,
    ],
    [{ querySamplesMax: "1e6" }, "--query-max-samples 1e6: want a whole number from 1"],
    [{ querySamplesMax: "0" }, "--query-max-samples 0: want a whole number from 1"],
    [{ logLevel: "loud" }, "--log-level loud: want one of debug, info, warn, error"],
    [{ logFormat: "xml" }, "--log-format xml: want one of text, json"],
  ];
  for (const [given, message] of cases)
    throws(() => parseServeOptions(given, {}), new OperatingError("config.invalid", message));
});

test("the password in a database's URL is neither shown nor quoted in errors", () => {
  const databaseUrl = "postgresql://me:secret@db/pharos";
  const options = parseServeOptions({ databaseUrl }, {});
  equal(options.databaseUrl, databaseUrl);
  equal(shownOptions(options)["database-url"], "postgresql://me@db/pharos");
  throws(
    () => parseServeOptions({ databaseUrl: "me:secret@db/pharos" }, {}),
    ({ message }) => {
      ok(message.startsWith("--database-url <hidden>: the database: want a URL such as"));
      return !message.includes("secret");
    },
  );
});

test("an environment variable stands in for a flag, and a flag goes before it", () => {
  equal(environmentName("--out-of-order-window"), "PHAROS_OUT_OF_ORDER_WINDOW");
  const env = { PHAROS_RETENTION: "7d", PHAROS_LOG_LEVEL: "warn" };
  const options = parseServeOptions({ logLevel: "debug" }, env);
  equal(options.retentionMs, 7 * 24 * HOUR_MS);
  equal(options.logLevel, "debug");
});

test("an empty variable is one that is not set, and a wrong one is named", () => {
  equal(parseServeOptions({}, { PHAROS_CONFIG: "" }).configFile, undefined);
  throws(
    () => parseServeOptions({}, { PHAROS_RETENTION: "long" }),
    /^OperatingError: PHAROS_RETENTION=long: want/,
  );
});

test("a switch in the environment is what its word says", () => {
  const repair = (word: string): boolean =>
    parseServeOptions({}, { PHAROS_REPAIR_WAL: word }).repairWal;
  deepEqual(["true", "1", "false", "0", ""].map(repair), [true, true, false, false, false]);
  throws(() => repair("yes"), /PHAROS_REPAIR_WAL=yes: want true or false/);
});

test("options are shown as they could be written, under our names and Prometheus's", () => {
  const given: GivenOptions = { listen: "[::1]:80", retentionMs: "7d", walSyncMs: "always" };
  const shown = shownOptions(parseServeOptions(given, {}));
  equal(shown["listen"], "[::1]:80");
  equal(shown["web.listen-address"], "[::1]:80");
  equal(shown["storage.tsdb.retention.time"], shown["retention"]);
  equal(shown["wal-sync"], "always");
  equal(shown["log-size-max"], "32GiB");
  equal(shown["config.file"], "");
  // What is shown, given again, means the same.
  const again = Object.entries(SERVE_OPTIONS).map(([key, { flag }]) => [key, shown[flag.slice(2)]]);
  const written = Object.fromEntries(again.filter(([, text]) => text !== ""));
  deepEqual(shownOptions(parseServeOptions(written, {})), shown);
});

test("only an address of this machine alone is loopback", () => {
  for (const host of ["127.0.0.1", "127.8.0.1", "localhost", "::1"])
    equal(isLoopback({ host, port: 1 }), true, host);
  for (const host of ["0.0.0.0", "::", "10.0.0.1", "metrics.lan"])
    equal(isLoopback({ host, port: 1 }), false, host);
  equal(reachedAt({ host: "0.0.0.0", port: 1 }).host, "127.0.0.1");
  equal(reachedAt({ host: "10.0.0.1", port: 1 }).host, "10.0.0.1");
});
