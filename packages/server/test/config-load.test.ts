import { deepEqual, equal, match, ok, throws } from "node:assert/strict";
import { test } from "node:test";
import { rootCertificates } from "node:tls";
import { OperatingError, Secret } from "@pharos/base";
import { REMOTE_WRITE_METADATA, REMOTE_WRITE_QUEUE } from "@pharos/collect";
import fc from "fast-check";
import { ConfigError, formatDiagnostics } from "../src/config/diagnostics.ts";
import { CONFIG_FILE_KINDS, configJsonSchema } from "../src/config/json-schema.ts";
import {
  type ConfigEnvironment,
  type LoadedConfig,
  loadConfig,
} from "../src/config/load-config.ts";
import { editDistance, nearestName } from "../src/config/nearest-name.ts";
import { loadRuleFile, loadRuleFiles } from "../src/config/rule-file.ts";

/** A folder of files in memory; a pattern `x/*.yml` names those that fit. */
function folder(
  files: Readonly<Record<string, string>>,
  env: Readonly<Record<string, string>> = {},
): ConfigEnvironment {
  return {
    env,
    readFile(path) {
      const text = files[path];
      if (text === undefined) throw new OperatingError("not_found", `${path}: no such file`);
      return text;
    },
    glob(pattern) {
      const [before = "", after] = pattern.split("*");
      if (after === undefined) return [pattern];
      return Object.keys(files)
        .filter((path) => path.startsWith(before) && path.endsWith(after))
        .sort();
    },
  };
}

function load(text: string, environment = folder({})): LoadedConfig {
  return loadConfig(text, "/etc/pharos/prometheus.yml", environment);
}

const [AUTHORITY = ""] = rootCertificates;

const SHOP = `
# The shop's monitoring.
global:
  scrape_interval: 15s
  evaluation_interval: 30s
  external_labels:
    cluster: \${CLUSTER}
    replica: 1
    price: 5$$
  sample_limit: 50000
  query_log_file: logs/queries.log
  query_max_series: 20000
  query_max_duration: 45s

rule_files:
  - rules/*.yml
  - /srv/shared/rules.yml

scrape_configs:
  - job_name: prometheus
    static_configs:
      - targets: ["localhost:9090"]

  - job_name: shop
    scrape_interval: 5s
    metrics_path: /internal/metrics
    scheme: https
    params:
      collect[]: [cpu, memory]
    honor_labels: yes
    basic_auth:
      username: scraper
      password: 1234
    tls_config:
      ca_file: ca.pem
      server_name: shop.internal
    body_size_limit: 10MB
    sample_limit: 1000
    file_sd_configs:
      - files: [targets/*.json]
    static_configs:
      - targets: [a:1, b:2]
        labels: {env: prod, code: 007}
    relabel_configs:
      - source_labels: [__address__]
        regex: (.+):\\d+
        target_label: host
    metric_relabel_configs:
      - {action: DROP, source_labels: [__name__], regex: go_.*}
`;

test("a configuration becomes jobs with typed values and defaults", () => {
  const environment = folder({ "/etc/pharos/ca.pem": AUTHORITY }, { CLUSTER: "eu-1" });
  const { config, unsupported, warnings } = load(SHOP, environment);
  deepEqual(unsupported, []);
  deepEqual(warnings, []);
  deepEqual(config.global, {
    scrapeIntervalMs: 15_000,
    scrapeTimeoutMs: 10_000,
    evaluationIntervalMs: 30_000,
    ruleQueryOffsetMs: 0,
    externalLabels: [
      ["cluster", "eu-1"],
      ["price", "5$"],
      ["replica", "1"],
    ],
    queries: {
      logFile: "/etc/pharos/logs/queries.log",
      seriesMax: 20_000,
      samplesReadMax: 0,
      durationMsMax: 45_000,
    },
  });
  deepEqual(config.ruleFiles, ["/etc/pharos/rules/*.yml", "/srv/shared/rules.yml"]);
  const [self, shop] = config.scrapeJobs;
  equal(self?.scrapeIntervalMs, 15_000);
  equal(self?.sampleLimit, 50_000);
  equal(self?.metricsPath, "/metrics");
  deepEqual(self?.staticConfigs, [
    { targets: [[["__address__", "localhost:9090"]]], labels: [], source: "0" },
  ]);
  equal(shop?.scrapeTimeoutMs, 5000);
  equal(shop?.scheme, "https");
  equal(shop?.honorLabels, true);
  equal(shop?.bodySizeLimit, 10 * 1024 * 1024);
  equal(shop?.sampleLimit, 1000);
  deepEqual(shop?.params, { "collect[]": ["cpu", "memory"] });
  equal(shop?.basicAuth?.password.reveal(), "1234");
  equal(shop?.tls?.ca, AUTHORITY);
  deepEqual(shop?.fileSdConfigs, [
    { files: ["/etc/pharos/targets/*.json"], refreshIntervalMs: 300_000 },
  ]);
  deepEqual(shop?.staticConfigs[0]?.labels, [
    ["code", "007"],
    ["env", "prod"],
  ]);
  equal(shop?.relabelRules[0]?.regex.source, "(.+):\\d+");
  equal(shop?.metricRelabelRules[0]?.action, "drop");
});

test("an empty file is a configuration with all defaults", () => {
  for (const text of ["", "# nothing\n", "---\n", "global:\nscrape_configs:\n"]) {
    const { config } = load(text);
    deepEqual(config.scrapeJobs, []);
    equal(config.global.scrapeIntervalMs, 60_000);
    equal(config.global.evaluationIntervalMs, 60_000);
  }
});

test("a global interval below the default timeout shortens the timeout", () => {
  const { config } = load("global: {scrape_interval: 5s}\nscrape_configs: [{job_name: a}]\n");
  equal(config.global.scrapeTimeoutMs, 5000);
  equal(config.scrapeJobs[0]?.scrapeTimeoutMs, 5000);
});

test("an environment variable that is not set is empty, with a warning", () => {
  const { config, warnings } = load("global: {external_labels: {a: x$NOTHING}}\n");
  deepEqual(config.global.externalLabels, [["a", "x"]]);
  equal(warnings.length, 1);
  match(warnings[0] ?? "", /external label a: the environment variable NOTHING is not set/);
});

test("what is not supported yet is listed with its place and what that means", () => {
  const text = [
    "remote_write:",
    "  - url: https://example.com/write",
    "    send_exemplars: true",
    "scrape_configs:",
    "  - job_name: pods",
    "    kubernetes_sd_configs: [{role: pod, nonsense: 1}]",
    "    oauth2: {client_id: x}",
    "storage:",
    "  exemplars: {max_exemplars: 5}",
    "tracing: {}",
  ].join("\n");
  const { config, unsupported } = load(text);
  equal(config.scrapeJobs.length, 1);
  deepEqual(
    unsupported.map(({ line, column, path, means }) => `${line}:${column} ${path}: ${means}`),
    [
      "3:5 remote_write[0].send_exemplars: exemplars are not sent on",
      "6:5 scrape_configs[0].kubernetes_sd_configs: no targets are found this way",
      "7:5 scrape_configs[0].oauth2: requests are made without an OAuth 2 token",
      "9:3 storage.exemplars: exemplars are not stored",
      "10:1 tracing: no traces are sent",
    ],
  );
});

test("jobs come from further files, with paths relative to those", () => {
  const environment = folder({
    "/etc/pharos/jobs/a.yml":
      "scrape_configs:\n  - {job_name: a, basic_auth: {username: u, password_file: pw}}\n",
    "/etc/pharos/jobs/b.yml": "scrape_configs: [{job_name: b}]\n",
    "/etc/pharos/jobs/pw": " geheim\n",
  });
  const { config } = load("scrape_config_files: [jobs/*.yml]\n", environment);
  deepEqual(
    config.scrapeJobs.map((job) => job.jobName),
    ["a", "b"],
  );
  equal(config.scrapeJobs[0]?.basicAuth?.password.reveal(), "geheim");
});

test("mistakes in further files are reported with those files' names", () => {
  const environment = folder({ "/etc/pharos/a.yml": "scrape_configs: [{job_name: a, x: 1}]\n" });
  throws(
    () => load("globl: {}\nscrape_config_files: [a.yml]\n", environment),
    (error) => {
      ok(error instanceof ConfigError);
      deepEqual(
        error.diagnostics.map(({ file, line, column }) => `${file}:${line}:${column}`),
        ["/etc/pharos/prometheus.yml:1:1", "/etc/pharos/a.yml:1:32"],
      );
      return true;
    },
  );
});

test("anchors, aliases and merge keys work as in Prometheus", () => {
  const text = `
scrape_configs:
  - &base
    job_name: a
    scrape_interval: 5s
    relabel_configs: &rules
      - {source_labels: [a], target_label: b}
  - <<: *base
    job_name: b
    metric_relabel_configs: *rules
`;
  const [a, b] = load(text).config.scrapeJobs;
  equal(b?.jobName, "b");
  equal(b?.scrapeIntervalMs, 5000);
  deepEqual(
    [a, b].map((job) => job?.relabelRules.map((rule) => rule.targetLabel)),
    [["b"], ["b"]],
  );
  equal(b?.metricRelabelRules.length, 1);
});

test("an alias bomb is refused quickly", () => {
  const lines = ["rule_files: &a0 [x, x, x, x, x, x, x, x, x, x]"];
  for (let i = 1; i < 12; i++)
    lines.push(
      `rule_files${i}: &a${i} [${Array(10)
        .fill(`*a${i - 1}`)
        .join(", ")}]`,
    );
  const text = `${lines.join("\n")}\nscrape_config_files: *a11\n`;
  throws(() => load(text), ConfigError);
  const merging = "global: &a\n  <<: *a\n  scrape_interval: 1m\n";
  equal(load(merging).config.global.scrapeIntervalMs, 60_000);
});

test("a configuration is shown without its secrets and comments", () => {
  const text = `
# old password: hunter1
scrape_configs:
  - job_name: a # token: hunter2
    basic_auth: {username: joe, password: hunter3}
  - job_name: b
    authorization: {credentials: hunter4}
    http_headers:
      X-Key: {values: [plain], secrets: [hunter5]}
    oauth2: {client_id: me, client_secret: hunter6}
remote_write:
  - url: https://joe:hunter7@example.com/write
    sigv4: {access_key: hunter9, secret_key: hunter10}
    headers: {X-Tenant: hunter11}
  - url: https://example.com/other
    basic_auth: {password: hunter8}
`;
  const shown = load(text).text;
  ok(!shown.includes("hunter"), shown);
  match(shown, /password: <secret>/);
  match(shown, /secrets: \[ <secret> \]/);
  match(shown, /values: \[ plain \]/);
  match(shown, /https:\/\/joe:<secret>@example\.com/);
  const { config } = load(text);
  ok(config.scrapeJobs[0]?.basicAuth?.password instanceof Secret);
  ok(!JSON.stringify(config).includes("hunter"));
});

test("problems are shown with their line and a caret, tabs kept, secrets left out", () => {
  const show = (text: string): string => {
    try {
      load(text);
    } catch (error) {
      if (error instanceof ConfigError) return formatDiagnostics(error.diagnostics);
      throw error;
    }
    return "";
  };
  equal(
    show("scrape_configs:\n  - job_name: node\n    static_config: []\n"),
    [
      "/etc/pharos/prometheus.yml:3:5: scrape_configs[0].static_config: unknown key; did you mean static_configs?",
      "        static_config: []",
      "        ^",
    ].join("\n"),
  );
  const secret = show(
    "scrape_configs:\n  - {job_name: a, basic_auth: {passwort: x, password: hunter2}}\n",
  );
  ok(!secret.includes("hunter2"), secret);
  const key = show("scrape_configs:\n  - basic_auth:\n      password2: hunter2\n");
  ok(!key.includes("hunter2"), key);
  const many = show(`${Array.from({ length: 60 }, (_, i) => `key${i}: 1`).join("\n")}\n`);
  match(many, /\n… and 10 more$/);
});

test("any text at all is a configuration or a ConfigError", () => {
  const pieces = fc.constantFrom(
    ...[
      "scrape_configs",
      "global",
      ":",
      " ",
      "\n",
      "- ",
      "  ",
      "job_name",
      "a",
      "&x",
      "*x",
      "<<",
      "{",
    ],
    ...[
      "}",
      "[",
      "]",
      "'",
      '"',
      "|",
      "!!str",
      "\t",
      "#",
      "15s",
      "static_configs",
      "targets",
      ",",
      "?",
    ],
  );
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 40 }), fc.nat(SHOP.length), (parts, at) => {
      for (const text of [parts.join(""), SHOP.slice(0, at) + parts.join("") + SHOP.slice(at)])
        try {
          load(text, folder({ "/etc/pharos/ca.pem": AUTHORITY }));
        } catch (error) {
          if (!(error instanceof ConfigError)) throw error;
          for (const { line, column } of error.diagnostics) ok(line >= 1 && column >= 1);
        }
    }),
    { numRuns: 300 },
  );
});

test("the nearest name is one that differs in few letters", () => {
  equal(editDistance("kitten", "sitting"), 3);
  equal(editDistance("ab", "ba"), 1);
  equal(nearestName("scrapeInterval", ["scrape_interval", "scrape_timeout"]), "scrape_interval");
  equal(nearestName("user", ["password", "username"]), "username");
  equal(nearestName("xyz", ["scrape_interval"]), undefined);
});

const INFRASTRUCTURE = `
groups:
  - name: infrastructure_alerts
    interval: 30s  # Evaluation frequency
    rules:
      - alert: HighCPUUsage
        expr: "cpu.load > 0.8"
        for: 5m  # Must be true for 5 minutes
        labels: {severity: warning, team: infrastructure}
        annotations:
          summary: "High CPU on {{ host }}"
          description: "CPU load is {{ value }} on host {{ host }}"
`;

const DEFAULTS = { evaluationIntervalMs: 60_000, ruleQueryOffsetMs: 1000 };

test("a rule file with dotted names and bare template names is read", () => {
  const { groups, warnings } = loadRuleFile(INFRASTRUCTURE, "/etc/rules.yml", DEFAULTS);
  deepEqual(warnings, []);
  deepEqual(groups, [
    {
      name: "infrastructure_alerts",
      file: "/etc/rules.yml",
      intervalMs: 30_000,
      limit: 0,
      queryOffsetMs: 1000,
      labels: [],
      rules: [
        {
          kind: "alert",
          name: "HighCPUUsage",
          expr: "cpu.load > 0.8",
          forMs: 300_000,
          keepFiringForMs: 0,
          labels: [
            ["severity", "warning"],
            ["team", "infrastructure"],
          ],
          annotations: [
            ["summary", "High CPU on {{ host }}"],
            ["description", "CPU load is {{ value }} on host {{ host }}"],
          ],
        },
      ],
    },
  ]);
});

test("recording rules, groups with labels and offsets are read", () => {
  const text = `
groups:
  - name: g
    query_offset: 30s
    limit: 10
    labels: {team: a}
    rules:
      - record: job:up:sum
        expr: |
          sum by (job) (
            up
          )
        labels: {level: job}
      - alert: Down
        expr: 1
        keep_firing_for: 1h30m
`;
  const [group] = loadRuleFile(text, "r.yml", DEFAULTS).groups;
  equal(group?.intervalMs, 60_000);
  equal(group?.queryOffsetMs, 30_000);
  equal(group?.limit, 10);
  deepEqual(group?.labels, [["team", "a"]]);
  deepEqual(
    group?.rules.map((rule) => rule.expr),
    ["sum by (job) (\n  up\n)\n", "1"],
  );
  deepEqual(
    group?.rules.map((rule) => rule.kind),
    ["record", "alert"],
  );
});

test("a rule that is there twice is a warning with its place", () => {
  const rule = "      - {alert: A, expr: up}\n";
  const text = `groups:\n  - name: g\n    rules:\n${rule}${rule}`;
  const { groups, warnings } = loadRuleFile(text, "r.yml", DEFAULTS);
  equal(groups[0]?.rules.length, 2);
  deepEqual(
    warnings.map(({ line, path }) => `${line} ${path}`),
    ["5 groups[0].rules[1]"],
  );
});

test("rule files are found by pattern, each read once, all their mistakes told", () => {
  const good = "groups: [{name: g, rules: [{record: a:b, expr: up}]}]\n";
  const environment = folder({ "/r/a.yml": good, "/r/b.yml": good, "/r/bad.yaml": "group: []\n" });
  const { groups } = loadRuleFiles(["/r/*.yml", "/r/a.yml", "/none/*"], DEFAULTS, environment);
  deepEqual(
    groups.map(({ file, name }) => `${file} ${name}`),
    ["/r/a.yml g", "/r/b.yml g"],
  );
  throws(
    () => loadRuleFiles(["/r/bad.yaml", "/r/missing.yml"], DEFAULTS, environment),
    /^ConfigError|bad\.yaml:1:1: group: unknown key; did you mean groups\?[\s\S]*missing\.yml:1:1: cannot be read/,
  );
});

test("each kind of file has a JSON Schema that editors can use", () => {
  for (const kind of CONFIG_FILE_KINDS) {
    const schema = configJsonSchema(kind);
    equal(schema["additionalProperties"], false, kind);
    equal(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
  }
  const prometheus = configJsonSchema("prometheus") as {
    properties: Record<string, { description?: string; items?: { properties: object } }>;
  };
  ok("job_name" in (prometheus.properties["scrape_configs"]?.items?.properties ?? {}));
  equal(prometheus.properties["tracing"]?.description, "Known, and not supported yet.");
});

test("remote write and remote read have Prometheus's keys and defaults", () => {
  const { config, unsupported } = load(`
remote_write:
  - url: http://a/write
  - name: b
    url: https://joe:pass%21@b/write?x=1
    protobuf_message: io.prometheus.write.v2.Request
    remote_timeout: 5s
    headers: { X-Scope-OrgID: team }
    write_relabel_configs: [{ source_labels: [job], regex: x, action: drop }]
    queue_config: { capacity: 5, max_shards: 3, max_samples_per_send: 7, batch_send_deadline: 1s, retry_on_http_429: true, sample_age_limit: 1h }
    metadata_config: { send: false }
remote_read:
  - url: http://a/read
  - name: old
    url: http://b/read
    read_recent: true
    filter_external_labels: false
    required_matchers: { job: special }
`);
  deepEqual(unsupported, []);
  const [a, b] = config.remoteWrites;
  deepEqual(a, {
    ...{ name: "http://a/write", url: "http://a/write", timeoutMs: 30_000 },
    ...{ basicAuth: undefined, authorization: undefined, httpHeaders: [], tls: undefined },
    ...{ followRedirects: true, protocol: "prometheus.WriteRequest", writeRelabelRules: [] },
    queue: REMOTE_WRITE_QUEUE,
    metadata: REMOTE_WRITE_METADATA,
  });
  deepEqual(
    [b?.name, b?.url, b?.timeoutMs, b?.protocol, b?.writeRelabelRules.length],
    ["b", "https://b/write?x=1", 5000, "io.prometheus.write.v2.Request", 1],
  );
  deepEqual([b?.basicAuth?.username, b?.basicAuth?.password.reveal()], ["joe", "pass!"]);
  deepEqual(
    b?.httpHeaders.map(([name, value]) => [name, value instanceof Secret ? value.reveal() : value]),
    [["X-Scope-OrgID", "team"]],
  );
  deepEqual(
    [b?.queue.capacity, b?.queue.shardsMax, b?.queue.samplesPerSendMax, b?.queue.sampleAgeMsMax],
    [5, 3, 7, 3_600_000],
  );
  deepEqual(
    [b?.queue.backoffMsMax, b?.queue.retryOnTooManyRequests, b?.metadata.send],
    [5000, true, false],
  );
  const [first, second] = config.remoteReads;
  deepEqual(
    [first?.timeoutMs, first?.readRecent, first?.filterExternalLabels, first?.requiredMatchers],
    [60_000, false, true, []],
  );
  deepEqual(
    [second?.name, second?.readRecent, second?.filterExternalLabels, second?.requiredMatchers],
    ["old", true, false, [["job", "special"]]],
  );
});

test("what is wrong with remote write and remote read is said at its place", () => {
  const problems = (text: string): readonly string[] => {
    try {
      load(text);
      return [];
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      return error.diagnostics.map(({ line, column, message }) => `${line}:${column} ${message}`);
    }
  };
  deepEqual(problems("remote_write: [{ url: ftp://x }]"), [
    '1:23 "ftp://x" is not an http or https URL',
  ]);
  deepEqual(
    problems("remote_write: [{ url: http://x, headers: { Content-Type: a }, capacity: 1 }]"),
    ["1:58 Content-Type is a reserved header. It must not be changed", "1:63 unknown key"],
  );
  deepEqual(
    problems(`remote_write:
  - url: http://x
  - url: http://x
    queue_config: { min_shards: 9, max_shards: 2 }
remote_read:
  - { name: a, url: http://x }
  - { name: a, url: http://y }
`),
    [
      '3:10 found multiple remote write configs with job name "http://x"; give each a name of its own',
      "4:48 must not be below min_shards",
      '7:13 found multiple remote read configs with job name "a"; give each a name of its own',
    ],
  );
});

test("alerting says which Alertmanagers hear of alerts, and what they hear", () => {
  const { alerting } = load(`
alerting:
  alert_relabel_configs:
    - { action: labeldrop, regex: replica }
  alertmanagers:
    - scheme: https
      path_prefix: /am
      timeout: 5s
      api_version: v2
      basic_auth: { username: pharos, password: hush }
      relabel_configs: [{ source_labels: [dc], regex: eu, action: keep }]
      static_configs: [{ targets: ["am-1:9093", "am-2:9093"], labels: { dc: eu } }]
      file_sd_configs: [{ files: [am/*.yml] }]
    - static_configs: [{ targets: ["am-3:9093"] }]
      http_sd_configs:
        - { url: "http://sd.test/am", bearer_token: hush }
        - { url: "https://sd.test/am", refresh_interval: 5s }
`).config;
  equal(alerting.alertRelabelRules.length, 1);
  const [first, second] = alerting.alertmanagers;
  deepEqual(
    [first?.scheme, first?.pathPrefix, first?.timeoutMs, first?.basicAuth?.username],
    ["https", "/am", 5000, "pharos"],
  );
  deepEqual(first?.fileSdConfigs, [
    { files: ["/etc/pharos/am/*.yml"], refreshIntervalMs: 300_000 },
  ]);
  equal(first?.staticConfigs[0]?.targets.length, 2);
  deepEqual([second?.scheme, second?.pathPrefix, second?.timeoutMs], ["http", "", 10_000]);
  deepEqual(
    second?.httpSdConfigs.map(({ url, refreshIntervalMs, authorization }) => [
      ...[url, refreshIntervalMs, authorization?.credentials.reveal()],
    ]),
    [
      ["http://sd.test/am", 60_000, "hush"],
      ["https://sd.test/am", 5000, undefined],
    ],
  );
  deepEqual(load("global: {}\n").config.alerting, { alertRelabelRules: [], alertmanagers: [] });
});
