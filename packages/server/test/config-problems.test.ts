import { deepEqual, throws } from "node:assert/strict";
import { test } from "node:test";
import { OperatingError } from "@pharos/base";
import { ConfigError, formatDiagnosticLine } from "../src/config/diagnostics.ts";
import { type ConfigEnvironment, loadConfig } from "../src/config/load-config.ts";
import { loadRuleFile } from "../src/config/rule-file.ts";

interface Case {
  /** What is wrong with the text. */
  readonly name: string;
  readonly text: string;
  /** `line:column: path: message` */
  readonly problems: readonly string[];
}

/** A folder with one file, "present". */
const ENVIRONMENT: ConfigEnvironment = {
  env: {},
  glob: (pattern) => [pattern],
  readFile(path) {
    if (path === "present") return "text";
    throw new OperatingError("not_found", `${path}: no such file`);
  },
};

const DEFAULTS = { evaluationIntervalMs: 60_000, ruleQueryOffsetMs: 0 };

function problemsOf(load: () => unknown): readonly string[] {
  let problems: readonly string[] = [];
  throws(load, (error) => {
    if (!(error instanceof ConfigError)) throw error;
    problems = error.diagnostics.map((one) => formatDiagnosticLine(one).replace(/^file:/, ""));
    return true;
  });
  return problems;
}

const CONFIGURATIONS: readonly Case[] = [
  {
    name: "an unknown section",
    text: "globl: {}\n",
    problems: ["1:1: globl: unknown key; did you mean global?"],
  },
  {
    name: "an unknown section that nothing is near to",
    text: "zzzzzz: 1\n",
    problems: ["1:1: zzzzzz: unknown key"],
  },
  {
    name: "a key in camel case",
    text: "scrapeConfigs: []\n",
    problems: ["1:1: scrapeConfigs: unknown key; did you mean scrape_configs?"],
  },
  {
    name: "an unknown global key",
    text: `global:
  scrape_intervall: 15s
`,
    problems: ["2:3: global.scrape_intervall: unknown key; did you mean scrape_interval?"],
  },
  {
    name: "a global key that belongs to a job",
    text: `global:
  job_name: x
`,
    problems: ["2:3: global.job_name: unknown key"],
  },
  {
    name: "an unknown key of a job",
    text: `scrape_configs:
  - job_name: a
    static_config:
      - targets: []
`,
    problems: ["3:5: scrape_configs[0].static_config: unknown key; did you mean static_configs?"],
  },
  {
    name: "an unknown key of a static config",
    text: `scrape_configs:
  - job_name: a
    static_configs:
      - target: [x]
`,
    problems: [
      "4:9: scrape_configs[0].static_configs[0].target: unknown key; did you mean targets?",
    ],
  },
  {
    name: "an unknown key of relabelling",
    text: `scrape_configs:
  - job_name: a
    relabel_configs:
      - source_label: [x]
`,
    problems: [
      "4:9: scrape_configs[0].relabel_configs[0].source_label: unknown key; did you mean source_labels?",
    ],
  },
  {
    name: "an unknown key of basic_auth",
    text: `scrape_configs:
  - job_name: a
    basic_auth: {user: x}
`,
    problems: ["3:18: scrape_configs[0].basic_auth.user: unknown key; did you mean username?"],
  },
  {
    name: "an unknown key of tls_config",
    text: `scrape_configs:
  - job_name: a
    tls_config:
      insecure: true
`,
    problems: [
      "4:7: scrape_configs[0].tls_config.insecure: unknown key; did you mean insecure_skip_verify?",
    ],
  },
  {
    name: "an unknown storage key",
    text: `storage:
  tsdb:
    out_of_order_window: 1h
`,
    problems: [
      "3:5: storage.tsdb.out_of_order_window: unknown key; did you mean out_of_order_time_window?",
    ],
  },
  {
    name: "a duration with a space",
    text: `global:
  scrape_interval: 15 s
`,
    problems: [
      '2:20: global.scrape_interval: "15 s" is not a duration such as "15s", "5m", "1h30m", "7d"',
    ],
  },
  {
    name: "a duration without a unit",
    text: `global:
  scrape_interval: 15
`,
    problems: [
      '2:20: global.scrape_interval: "15" is not a duration such as "15s", "5m", "1h30m", "7d"',
    ],
  },
  {
    name: "a duration in a wrong order",
    text: `global:
  scrape_interval: 1s5m
`,
    problems: [
      '2:20: global.scrape_interval: "1s5m" is not a duration such as "15s", "5m", "1h30m", "7d"',
    ],
  },
  {
    name: "an interval of zero",
    text: `global:
  scrape_interval: 0s
`,
    problems: ["2:20: global.scrape_interval: must be more than 0"],
  },
  {
    name: "an evaluation interval of zero",
    text: "global: {evaluation_interval: 0s}\n",
    problems: ["1:31: global.evaluation_interval: must be more than 0"],
  },
  {
    name: "a duration that is a list",
    text: `global:
  scrape_interval: [15s]
`,
    problems: ["2:20: global.scrape_interval: expected a string, got a list"],
  },
  {
    name: "a global timeout above the interval",
    text: `global:
  scrape_interval: 5s
  scrape_timeout: 10s
`,
    problems: ["3:19: global.scrape_timeout: global scrape timeout greater than scrape interval"],
  },
  {
    name: "a job's timeout above its interval",
    text: `scrape_configs:
  - job_name: a
    scrape_interval: 5s
    scrape_timeout: 6s
`,
    problems: [
      '4:21: scrape_configs[0].scrape_timeout: scrape timeout greater than scrape interval for scrape config with job name "a"',
    ],
  },
  {
    name: "a job's timeout above the global interval",
    text: `global: {scrape_interval: 20s}
scrape_configs:
  - job_name: a
    scrape_timeout: 30s
`,
    problems: [
      '4:21: scrape_configs[0].scrape_timeout: scrape timeout greater than scrape interval for scrape config with job name "a"',
    ],
  },
  {
    name: "a size without a unit",
    text: `scrape_configs:
  - job_name: a
    body_size_limit: 100
`,
    problems: [
      '3:22: scrape_configs[0].body_size_limit: "100" is not a size such as "512KB", "10MB", "1GiB"',
    ],
  },
  {
    name: "a size with an unknown unit",
    text: `scrape_configs:
  - job_name: a
    body_size_limit: 10 potatoes
`,
    problems: [
      '3:22: scrape_configs[0].body_size_limit: "10 potatoes" is not a size such as "512KB", "10MB", "1GiB"',
    ],
  },
  {
    name: "a negative limit",
    text: `scrape_configs:
  - job_name: a
    sample_limit: -1
`,
    problems: ["3:19: scrape_configs[0].sample_limit: must be at least 0, got -1"],
  },
  {
    name: "a limit that is text",
    text: `scrape_configs:
  - job_name: a
    label_limit: many
`,
    problems: ['3:18: scrape_configs[0].label_limit: expected a number, got "many"'],
  },
  {
    name: "a limit with a fraction",
    text: `scrape_configs:
  - job_name: a
    target_limit: 1.5
`,
    problems: ["3:19: scrape_configs[0].target_limit: expected a whole number, got 1.5"],
  },
  {
    name: "a job without a name",
    text: `scrape_configs:
  - metrics_path: /x
`,
    problems: ["2:5: scrape_configs[0].job_name: is missing; expected a string"],
  },
  {
    name: "a job with an empty name",
    text: `scrape_configs:
  - job_name: ""
`,
    problems: ["2:15: scrape_configs[0].job_name: must not be empty"],
  },
  {
    name: "a job that is nothing",
    text: `scrape_configs:
  -
`,
    problems: ["2:4: scrape_configs[0].job_name: is missing; expected a string"],
  },
  {
    name: "a job that is text",
    text: `scrape_configs:
  - node
`,
    problems: ['2:5: scrape_configs[0]: expected a mapping, got "node"'],
  },
  {
    name: "jobs that are a mapping",
    text: `scrape_configs:
  job_name: a
`,
    problems: ["2:3: scrape_configs: expected a list, got a mapping"],
  },
  {
    name: "two jobs of one name",
    text: `scrape_configs:
  - job_name: a
  - job_name: b
  - job_name: a
`,
    problems: ['4:15: scrape_configs[2].job_name: found multiple scrape configs with job name "a"'],
  },
  {
    name: "a scheme that is none",
    text: `scrape_configs:
  - job_name: a
    scheme: htps
`,
    problems: [
      '3:13: scrape_configs[0].scheme: "htps" is not one of http, https; did you mean https?',
    ],
  },
  {
    name: "a boolean that is text",
    text: `scrape_configs:
  - job_name: a
    honor_labels: maybe
`,
    problems: ['3:19: scrape_configs[0].honor_labels: expected true or false, got "maybe"'],
  },
  {
    name: "a boolean that is a number",
    text: `scrape_configs:
  - job_name: a
    honor_timestamps: 1
`,
    problems: ["3:23: scrape_configs[0].honor_timestamps: expected true or false, got 1"],
  },
  {
    name: "a fallback protocol that is none",
    text: `scrape_configs:
  - job_name: a
    fallback_scrape_protocol: PrometheusText0.0.5
`,
    problems: [
      '3:31: scrape_configs[0].fallback_scrape_protocol: "PrometheusText0.0.5" is not one of PrometheusProto, OpenMetricsText1.0.0, OpenMetricsText0.0.1, PrometheusText1.0.0, PrometheusText0.0.4; did you mean PrometheusText0.0.4?',
    ],
  },
  {
    name: "the protocol that is not there yet",
    text: `scrape_configs:
  - job_name: a
    fallback_scrape_protocol: PrometheusProto
`,
    problems: [
      "3:31: scrape_configs[0].fallback_scrape_protocol: PrometheusProto is not supported yet; use a text format such as PrometheusText0.0.4",
    ],
  },
  {
    name: "a target with a scheme",
    text: `scrape_configs:
  - job_name: a
    static_configs:
      - targets: ['a:1', 'http://b:1']
`,
    problems: [
      '4:26: scrape_configs[0].static_configs[0].targets[1]: "http://b:1" is not a host and port; scheme and path have keys of their own',
    ],
  },
  {
    name: "an empty target",
    text: `scrape_configs:
  - job_name: a
    static_configs: [{targets: ['']}]
`,
    problems: ["3:33: scrape_configs[0].static_configs[0].targets[0]: a target is not empty"],
  },
  {
    name: "targets that are text",
    text: `scrape_configs:
  - job_name: a
    static_configs:
      - targets: localhost:9090
`,
    problems: [
      '4:18: scrape_configs[0].static_configs[0].targets: expected a list, got "localhost:9090"',
    ],
  },
  {
    name: "a label with an empty name",
    text: `scrape_configs:
  - job_name: a
    static_configs:
      - targets: []
        labels:
          "": x
`,
    problems: [
      '6:11: scrape_configs[0].static_configs[0].labels[""]: a label name is not empty and valid UTF-8',
    ],
  },
  {
    name: "a label value that is a list",
    text: `scrape_configs:
  - job_name: a
    static_configs:
      - labels:
          a: [1]
`,
    problems: ["5:14: scrape_configs[0].static_configs[0].labels.a: expected a string, got a list"],
  },
  {
    name: "a target file that is no JSON or YAML",
    text: `scrape_configs:
  - job_name: a
    file_sd_configs:
      - files: [targets.txt]
`,
    problems: [
      '4:17: scrape_configs[0].file_sd_configs[0].files[0]: path name "targets.txt" is not valid for file discovery: it must end in .json, .yml or .yaml, and only its last part may hold one "*"',
    ],
  },
  {
    name: "an endpoint of Alertmanagers that is no URL",
    text: `alerting:
  alertmanagers:
    - http_sd_configs: [{url: "sd.test/am"}]
`,
    problems: [
      "3:31: alerting.alertmanagers[0].http_sd_configs[0].url: must be a URL with http or https",
    ],
  },
  {
    name: "a target file with a star in a folder",
    text: `scrape_configs:
  - job_name: a
    file_sd_configs:
      - files: ["*/targets.json"]
`,
    problems: [
      '4:17: scrape_configs[0].file_sd_configs[0].files[0]: path name "*/targets.json" is not valid for file discovery: it must end in .json, .yml or .yaml, and only its last part may hold one "*"',
    ],
  },
  {
    name: "file discovery without files",
    text: `scrape_configs:
  - job_name: a
    file_sd_configs:
      - refresh_interval: 1m
`,
    problems: ["4:9: scrape_configs[0].file_sd_configs[0].files: is missing; expected a list"],
  },
  {
    name: "file discovery with an empty list",
    text: `scrape_configs:
  - job_name: a
    file_sd_configs:
      - files: []
`,
    problems: ["4:16: scrape_configs[0].file_sd_configs[0].files: must not be empty"],
  },
  {
    name: "a regular expression that is not closed",
    text: `scrape_configs:
  - job_name: a
    relabel_configs:
      - source_labels: [a]
        regex: '(x'
        action: keep
`,
    problems: [
      `5:16: scrape_configs[0].relabel_configs[0].regex: error parsing regexp: missing closing ): \`(x\` in regular expression "(x"`,
    ],
  },
  {
    name: "a regular expression with a look-ahead",
    text: `scrape_configs:
  - job_name: a
    relabel_configs:
      - regex: 'a(?=b)'
        action: labeldrop
`,
    problems: [
      `4:16: scrape_configs[0].relabel_configs[0].regex: error parsing regexp: invalid or unsupported Perl syntax: \`(?=\` in regular expression "a(?=b)"`,
    ],
  },
  {
    name: "a relabel action that is none",
    text: `scrape_configs:
  - job_name: a
    relabel_configs:
      - action: kep
`,
    problems: [
      '4:17: scrape_configs[0].relabel_configs[0].action: "kep" is not one of replace, keep, drop, keepequal, dropequal, hashmod, labelmap, labeldrop, labelkeep, lowercase, uppercase; did you mean keep?',
    ],
  },
  {
    name: "hashmod without a modulus",
    text: `scrape_configs:
  - job_name: a
    relabel_configs:
      - {action: hashmod, source_labels: [a], target_label: b}
`,
    problems: [
      "4:9: scrape_configs[0].relabel_configs[0]: relabel configuration for hashmod requires non-zero modulus",
    ],
  },
  {
    name: "replace without a target label",
    text: `scrape_configs:
  - job_name: a
    relabel_configs:
      - source_labels: [a]
`,
    problems: [
      "4:9: scrape_configs[0].relabel_configs[0]: relabel configuration for replace action requires 'target_label' value",
    ],
  },
  {
    name: "labeldrop with a source label",
    text: `scrape_configs:
  - job_name: a
    metric_relabel_configs:
      - {action: labeldrop, regex: x, source_labels: [a]}
`,
    problems: [
      "4:9: scrape_configs[0].metric_relabel_configs[0]: labeldrop action requires only 'regex', and no other fields",
    ],
  },
  {
    name: "lowercase with a replacement",
    text: `scrape_configs:
  - job_name: a
    relabel_configs:
      - {action: lowercase, source_labels: [a], target_label: b, replacement: c}
`,
    problems: [
      "4:9: scrape_configs[0].relabel_configs[0]: 'replacement' can not be set for lowercase action",
    ],
  },
  {
    name: "a source label with an empty name",
    text: `scrape_configs:
  - job_name: a
    relabel_configs:
      - {source_labels: [''], action: keep}
`,
    problems: [
      "4:26: scrape_configs[0].relabel_configs[0].source_labels[0]: a label name is not empty and valid UTF-8",
    ],
  },
  {
    name: "two ways to authenticate",
    text: `scrape_configs:
  - job_name: a
    basic_auth: {username: a}
    authorization: {credentials: b}
`,
    problems: [
      "4:20: scrape_configs[0].authorization: at most one of basic_auth, authorization may be configured",
    ],
  },
  {
    name: "a password and a password file",
    text: `scrape_configs:
  - job_name: a
    basic_auth:
      password: a
      password_file: b
`,
    problems: [
      "5:22: scrape_configs[0].basic_auth.password_file: at most one of password and password_file may be configured",
    ],
  },
  {
    name: "a password file that is not there",
    text: `scrape_configs:
  - job_name: a
    basic_auth:
      password_file: missing
`,
    problems: [
      "4:22: scrape_configs[0].basic_auth.password_file: cannot be read: missing: no such file",
    ],
  },
  {
    name: "authorization of type basic",
    text: `scrape_configs:
  - job_name: a
    authorization:
      type: Basic
      credentials: a
`,
    problems: [
      '4:13: scrape_configs[0].authorization.type: authorization type cannot be "basic"; use basic_auth instead',
    ],
  },
  {
    name: "a bearer token and its file",
    text: `scrape_configs:
  - job_name: a
    bearer_token: a
    bearer_token_file: b
`,
    problems: [
      "4:24: scrape_configs[0].bearer_token_file: at most one of bearer_token and bearer_token_file may be configured",
    ],
  },
  {
    name: "files that should have a certificate or a key in PEM",
    text: `scrape_configs:
  - job_name: a
    tls_config:
      ca_file: present
      cert_file: present
      key_file: present
`,
    problems: [
      "4:16: scrape_configs[0].tls_config.ca_file: holds no certificate in PEM",
      "5:18: scrape_configs[0].tls_config.cert_file: holds no certificate in PEM: no start line",
      "6:17: scrape_configs[0].tls_config.key_file: holds no key in PEM without a passphrase: unsupported",
    ],
  },
  {
    name: "a client certificate without its key",
    text: `scrape_configs:
  - job_name: a
    tls_config:
      cert_file: present
`,
    problems: [
      "4:7: scrape_configs[0].tls_config: a client certificate needs both cert (or cert_file) and key (or key_file)",
    ],
  },
  {
    name: "a header that is ours to set",
    text: `scrape_configs:
  - job_name: a
    http_headers:
      User-Agent:
        values: [x]
`,
    problems: [
      "5:9: scrape_configs[0].http_headers.User-Agent: this header is set by the program and cannot be changed",
    ],
  },
  {
    name: "a header name with a space",
    text: `scrape_configs:
  - job_name: a
    http_headers:
      'X Y': {values: [x]}
`,
    problems: ['4:7: scrape_configs[0].http_headers["X Y"]: is not a header name'],
  },
  {
    name: "a parameter that is no list",
    text: `scrape_configs:
  - job_name: a
    params:
      module: http_2xx
`,
    problems: ['4:15: scrape_configs[0].params.module: expected a list, got "http_2xx"'],
  },
  {
    name: "rule files that are text",
    text: "rule_files: rules.yml\n",
    problems: ['1:13: rule_files: expected a list, got "rules.yml"'],
  },
  {
    name: "an empty rule file pattern",
    text: 'rule_files: [""]\n',
    problems: ["1:14: rule_files[0]: must not be empty"],
  },
  {
    name: "a file of scrape configs that is not there",
    text: `scrape_config_files:
  - missing.yml
`,
    problems: ["2:5: scrape_config_files[0]: cannot be read: missing.yml: no such file"],
  },
  {
    name: "an external label that is a mapping",
    text: `global:
  external_labels:
    a: {b: c}
`,
    problems: ["3:8: global.external_labels.a: expected a string, got a mapping"],
  },
  {
    name: "the name __proto__",
    text: `global:
  external_labels:
    __proto__: x
`,
    problems: ["3:5: global.external_labels.__proto__: this name is not allowed"],
  },
  {
    name: "a document that is text",
    text: "hello\n",
    problems: ['1:1: expected a mapping, got "hello"'],
  },
  {
    name: "a document that is a list",
    text: `- a
- b
`,
    problems: ["1:1: expected a mapping, got a list"],
  },
  {
    name: "a tab",
    text: `global:
\tscrape_interval: 15s
`,
    problems: ["2:1: a tab is used for indentation; YAML allows only spaces"],
  },
  {
    name: "a key that comes twice",
    text: `global:
  scrape_interval: 15s
rule_files: []
global: {}
`,
    problems: ["4:1: this key is already there"],
  },
  {
    name: "a quote that is not closed",
    text: `global:
  scrape_interval: "15s
`,
    problems: ['3:1: not valid YAML: Missing closing "quote'],
  },
  {
    name: "a bracket that is not closed",
    text: `rule_files: [a, b
global: {}
`,
    problems: [
      "2:1: not valid YAML: Flow sequence in block collection must be sufficiently indented and end with a ]",
    ],
  },
  {
    name: "an alias without an anchor",
    text: "global: *nothing\n",
    problems: ["1:9: the alias *nothing has no anchor before it"],
  },
  {
    name: "an alias of what holds it",
    text: `rule_files: &a
  - *a
`,
    problems: ["2:3: rule_files: more than 64 levels once aliases are followed"],
  },
  {
    name: "a second document",
    text: `global: {}
---
global: {}
`,
    problems: ["2:1: a second document; a configuration file holds one"],
  },
  {
    name: "several mistakes at once",
    text: `globl: {}
global:
  scrape_interval: x
scrape_configs:
  - job_name: a
    sheme: http
    scheme: ftp
  - job_name: a
storage: {tsd: {}}
`,
    problems: [
      "1:1: globl: unknown key; did you mean global?",
      '3:20: global.scrape_interval: "x" is not a duration such as "15s", "5m", "1h30m", "7d"',
      "6:5: scrape_configs[0].sheme: unknown key; did you mean scheme?",
      '7:13: scrape_configs[0].scheme: "ftp" is not one of http, https',
      '8:15: scrape_configs[1].job_name: found multiple scrape configs with job name "a"',
      "9:11: storage.tsd: unknown key; did you mean tsdb?",
    ],
  },
  {
    name: "mistakes in Windows line ends",
    text: `global:\r
  scrape_interval: x\r
`,
    problems: [
      '2:20: global.scrape_interval: "x" is not a duration such as "15s", "5m", "1h30m", "7d"',
    ],
  },
  {
    name: "a mistake behind letters outside ASCII",
    text: `global:
  external_labels: {ort: Köln 🔥, a: [1]}
`,
    problems: ["2:38: global.external_labels.a: expected a string, got a list"],
  },
  {
    name: "a misspelled key of alerting",
    text: `alerting: {alertmanager: []}
`,
    problems: ["1:12: alerting.alertmanager: unknown key; did you mean alertmanagers?"],
  },
  {
    name: "alerting that is a list",
    text: `alerting: []
`,
    problems: ["1:11: alerting: expected a mapping, got a list"],
  },
  {
    name: "an Alertmanager with a scheme in its address",
    text: `alerting:
  alertmanagers:
    - {static_configs: [{targets: ['http://am:9093']}]}
`,
    problems: [
      '3:36: alerting.alertmanagers[0].static_configs[0].targets[0]: "http://am:9093" is not a host and port; scheme and path have keys of their own',
    ],
  },
  {
    name: "an Alertmanager with an unknown key",
    text: `alerting:
  alertmanagers:
    - {static_config: [{targets: [am]}]}
`,
    problems: [
      "3:8: alerting.alertmanagers[0].static_config: unknown key; did you mean static_configs?",
    ],
  },
  {
    name: "an Alertmanager that has no time to answer",
    text: `alerting:
  alertmanagers:
    - {timeout: 0s}
`,
    problems: ["3:17: alerting.alertmanagers[0].timeout: must be more than 0"],
  },
  {
    name: "an Alertmanager of an API that is gone",
    text: `alerting:
  alertmanagers:
    - {api_version: v1}
`,
    problems: [
      '3:21: alerting.alertmanagers[0].api_version: "v1" is not one of v2; did you mean v2?',
    ],
  },
  {
    name: "two ways to log in to an Alertmanager",
    text: `alerting:
  alertmanagers:
    - {basic_auth: {username: a}, bearer_token: b}
`,
    problems: [
      "3:49: alerting.alertmanagers[0].bearer_token: at most one of basic_auth, bearer_token may be configured",
    ],
  },
  {
    name: "relabelling of alerts with a regular expression that is none",
    text: `alerting:
  alert_relabel_configs:
    - {regex: '(', action: labeldrop}
`,
    problems: [
      '3:15: alerting.alert_relabel_configs[0].regex: error parsing regexp: missing closing ): `(` in regular expression "("',
    ],
  },
];

for (const { name, text, problems } of CONFIGURATIONS)
  test(`a configuration with ${name} is refused at that place`, () => {
    deepEqual(
      problemsOf(() => loadConfig(text, "file", ENVIRONMENT)),
      problems,
    );
  });

const RULE_FILES: readonly Case[] = [
  {
    name: "an unknown key of a rule",
    text: `groups:
  - name: g
    rules:
      - alert: A
        expr: up
        anotations: {}
`,
    problems: ["6:9: groups[0].rules[0].anotations: unknown key; did you mean annotations?"],
  },
  {
    name: "an unknown key of a group",
    text: `groups:
  - name: g
    intervall: 1m
`,
    problems: ["3:5: groups[0].intervall: unknown key; did you mean interval?"],
  },
  {
    name: "an unknown section",
    text: "group: []\n",
    problems: ["1:1: group: unknown key; did you mean groups?"],
  },
  {
    name: "a rule without an expression",
    text: `groups:
  - name: g
    rules:
      - alert: A
`,
    problems: ["4:9: groups[0].rules[0].expr: is missing; expected a string"],
  },
  {
    name: "a rule that is nothing to record or alert",
    text: `groups:
  - name: g
    rules:
      - expr: up
`,
    problems: ["4:9: groups[0].rules[0].alert: one of 'record' or 'alert' must be set"],
  },
  {
    name: "a rule that is both",
    text: `groups:
  - name: g
    rules:
      - alert: A
        record: b
        expr: up
`,
    problems: ["4:9: groups[0].rules[0].alert: only one of 'record' and 'alert' must be set"],
  },
  {
    name: "a recording rule with for",
    text: `groups:
  - name: g
    rules:
      - record: b
        expr: up
        for: 5m
        annotations: {a: b}
`,
    problems: [
      "6:9: groups[0].rules[0].for: invalid field 'for' in recording rule",
      "7:9: groups[0].rules[0].annotations: invalid field 'annotations' in recording rule",
    ],
  },
  {
    name: "a plain expression with a mistake",
    text: `groups:
  - name: g
    rules:
      - alert: A
        expr: up foo
`,
    problems: [
      '5:18: groups[0].rules[0].expr: could not parse expression: parse error: unexpected identifier "foo"',
    ],
  },
  {
    name: "a quoted expression with a mistake",
    text: `groups:
  - name: g
    rules:
      - alert: A
        expr: "up == 1 foo"
`,
    problems: [
      '5:24: groups[0].rules[0].expr: could not parse expression: parse error: unexpected identifier "foo"',
    ],
  },
  {
    name: "a mistake on a later line of a block",
    text: `groups:
  - name: g
    rules:
      - alert: A
        expr: |
          up
            == foo bar
`,
    problems: [
      '7:20: groups[0].rules[0].expr: could not parse expression: parse error: unexpected identifier "bar"',
    ],
  },
  {
    name: "a mistake in a folded block",
    text: `groups:
  - name: g
    rules:
      - alert: A
        expr: >-
          up ==
          foo bar
`,
    problems: [
      '7:15: groups[0].rules[0].expr: could not parse expression: parse error: unexpected identifier "bar"',
    ],
  },
  {
    name: "a mistake in a text with escapes",
    text: `groups:
  - name: g
    rules:
      - alert: A
        expr: "up{a=\\"b\\"} foo"
`,
    problems: [
      '5:15: groups[0].rules[0].expr: could not parse expression: 1:11: parse error: unexpected identifier "foo"',
    ],
  },
  {
    name: "an expression of a wrong type",
    text: `groups:
  - name: g
    rules:
      - record: a:b
        expr: rate(up)
`,
    problems: [
      '5:20: groups[0].rules[0].expr: could not parse expression: parse error: expected type range vector in call to function "rate", got instant vector',
    ],
  },
  {
    name: "a template with a mistake",
    text: `groups:
  - name: g
    rules:
      - alert: A
        expr: up
        annotations:
          summary: hello {{ nothing( }}
`,
    problems: [
      "7:38: groups[0].rules[0].annotations.summary: could not parse template: missing value for parenthesized pipeline",
    ],
  },
  {
    name: "a group of a name that is there",
    text: `groups:
  - name: g
  - name: g
`,
    problems: ['3:11: groups[1].name: groupname: "g" is repeated in the same file'],
  },
  {
    name: "a group without a name",
    text: `groups:
  - rules: []
`,
    problems: ["2:5: groups[0].name: is missing; expected a string"],
  },
  {
    name: "a for that is no duration",
    text: `groups:
  - name: g
    rules:
      - alert: A
        expr: up
        for: 5 minutes
`,
    problems: [
      '6:14: groups[0].rules[0].for: "5 minutes" is not a duration such as "15s", "5m", "1h30m", "7d"',
    ],
  },
  {
    name: "a label name that is reserved",
    text: `groups:
  - name: g
    rules:
      - alert: A
        expr: up
        labels:
          __name__: x
`,
    problems: ["7:21: groups[0].rules[0].labels.__name__: invalid label name: __name__"],
  },
  {
    name: "a negative limit",
    text: `groups:
  - name: g
    limit: -1
`,
    problems: ["3:12: groups[0].limit: must be at least 0, got -1"],
  },
];

for (const { name, text, problems } of RULE_FILES)
  test(`a rule file with ${name} is refused at that place`, () => {
    deepEqual(
      problemsOf(() => loadRuleFile(text, "file", DEFAULTS)),
      problems,
    );
  });
