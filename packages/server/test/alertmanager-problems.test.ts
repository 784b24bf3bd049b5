import { deepEqual, ok, throws } from "node:assert/strict";
import { test } from "node:test";
import { OperatingError } from "@pharos/base";
import fc from "fast-check";
import { loadNotificationConfig } from "../src/config/alertmanager/load-notification-config.ts";
import { ConfigError, formatDiagnosticLine, formatDiagnostics } from "../src/config/diagnostics.ts";

interface Case {
  /** What is wrong with the text. */
  readonly name: string;
  readonly text: string;
  /** `line:column: path: message` */
  readonly problems: readonly string[];
}

const FILES: Readonly<Record<string, string>> = {
  present: "text",
  "bad.tmpl": '{{ define "x" }}\n{{ nofunc . }}{{ end }}\n',
  "open.tmpl": "{{ if .Alerts }}\n",
};

function load(text: string): unknown {
  return loadNotificationConfig(text, "file", {
    glob: (pattern) => [pattern],
    readFile(path) {
      const content = FILES[path];
      if (content === undefined) throw new OperatingError("not_found", `${path}: no such file`);
      return content;
    },
  });
}

function errorOf(text: string): ConfigError {
  let found: ConfigError | undefined;
  throws(
    () => load(text),
    (error) => {
      if (!(error instanceof ConfigError)) throw error;
      found = error;
      return true;
    },
  );
  ok(found !== undefined);
  return found;
}

const CASES: readonly Case[] = [
  {
    name: "nothing at all",
    text: ``,
    problems: ["1:1: route: no route provided in config; expected a route with a receiver"],
  },
  {
    name: "no route",
    text: `receivers: [{name: a}]
`,
    problems: ["1:1: route: no route provided in config; expected a route with a receiver"],
  },
  {
    name: "a route without a receiver",
    text: `route: {}
receivers: [{name: a}]
`,
    problems: ["1:8: route.receiver: root route must specify a default receiver"],
  },
  {
    name: "a receiver that is not there",
    text: `route: {receiver: b}
receivers:
  - name: a
`,
    problems: ['1:19: route.receiver: undefined receiver "b" used in route'],
  },
  {
    name: "a receiver of a lower route that is misspelled",
    text: `route:
  receiver: a
  routes:
    - {receiver: taem}
receivers: [{name: a}, {name: team}]
`,
    problems: [
      '4:18: route.routes[0].receiver: undefined receiver "taem" used in route; did you mean "team"?',
    ],
  },
  {
    name: "a mistake under global, which is not one of those who need what stands there",
    text: `global: {smtp_from: a, smtp_smarthost: mail, opsgenie_api_key: k, slack_api_url: 'http://s'}
route: {receiver: a}
receivers:
  - name: a
    email_configs: [{to: b}]
    opsgenie_configs: [{}]
    slack_configs: [{channel: c}]
`,
    problems: [
      '1:40: global.smtp_smarthost: address "mail": missing port in address; expected host:port, such as mail.example.com:587',
    ],
  },
  {
    name: "no receivers",
    text: `route: {receiver: a}
receivers: []
`,
    problems: ['1:19: route.receiver: undefined receiver "a" used in route'],
  },
  {
    name: "two receivers of one name",
    text: `route: {receiver: a}
receivers:
  - name: a
  - name: a
`,
    problems: ['4:11: receivers[1].name: notification config name "a" is not unique'],
  },
  {
    name: "a receiver without a name",
    text: `route: {receiver: a}
receivers:
  - name: a
  - webhook_configs: []
`,
    problems: ["4:5: receivers[1].name: missing name in receiver"],
  },
  {
    name: "receivers that are no list",
    text: `route: {receiver: a}
receivers: {name: a}
`,
    problems: [
      '1:19: route.receiver: undefined receiver "a" used in route',
      "2:12: receivers: expected a list, got a mapping",
    ],
  },
  {
    name: "an unknown section",
    text: `route: {receiver: a}
receivers: [{name: a}]
recievers: []
`,
    problems: ["3:1: recievers: unknown key; did you mean receivers?"],
  },
  {
    name: "an unknown key of a route",
    text: `route: {receiver: a, group_wiat: 5s}
receivers: [{name: a}]
`,
    problems: ["1:22: route.group_wiat: unknown key; did you mean group_wait?"],
  },
  {
    name: "an unknown key of a receiver",
    text: `route: {receiver: a}
receivers:
  - name: a
    webhook_config: []
`,
    problems: ["4:5: receivers[0].webhook_config: unknown key; did you mean webhook_configs?"],
  },
  {
    name: "an unknown key of an integration",
    text: `route: {receiver: a}
receivers:
  - name: a
    slack_configs:
      - {api_url: 'https://s', chanel: x}
`,
    problems: ["5:32: receivers[0].slack_configs[0].chanel: unknown key; did you mean channel?"],
  },
  {
    name: "a key that another kind has",
    text: `route: {receiver: a}
receivers:
  - name: a
    discord_configs:
      - {webhook_url: 'https://s', text: x}
`,
    problems: ["5:36: receivers[0].discord_configs[0].text: unknown key"],
  },
  {
    name: "matchers at the top route",
    text: `route:
  receiver: a
  matchers: [x=y]
receivers: [{name: a}]
`,
    problems: [
      "3:3: route.matchers: root route must not have any matchers; it takes what no route below it does",
    ],
  },
  {
    name: "match at the top route",
    text: `route:
  receiver: a
  match: {x: y}
receivers: [{name: a}]
`,
    problems: [
      "3:3: route.match: root route must not have any matchers; it takes what no route below it does",
    ],
  },
  {
    name: "mute times at the top route",
    text: `route:
  receiver: a
  mute_time_intervals: [x]
receivers: [{name: a}]
time_intervals: [{name: x}]
`,
    problems: [
      "3:3: route.mute_time_intervals: root route must not have any mute time intervals; set them on a route below it",
    ],
  },
  {
    name: "active times at the top route",
    text: `route:
  receiver: a
  active_time_intervals: [x]
receivers: [{name: a}]
time_intervals: [{name: x}]
`,
    problems: [
      "3:3: route.active_time_intervals: root route must not have any active time intervals; set them on a route below it",
    ],
  },
  {
    name: "continue at the top route",
    text: `route: {receiver: a, continue: true}
receivers: [{name: a}]
`,
    problems: ["1:22: route.continue: cannot have continue in root route"],
  },
  {
    name: "a group wait that is no duration",
    text: `route: {receiver: a, group_wait: 5}
receivers: [{name: a}]
`,
    problems: ['1:34: route.group_wait: "5" is not a duration such as "15s", "5m", "1h30m", "7d"'],
  },
  {
    name: "a group interval of zero",
    text: `route: {receiver: a, group_interval: 0s}
receivers: [{name: a}]
`,
    problems: ["1:38: route.group_interval: group_interval cannot be zero"],
  },
  {
    name: "a repeat interval of zero",
    text: `route:
  receiver: a
  routes:
    - {repeat_interval: 0s}
receivers: [{name: a}, {name: team}]
`,
    problems: ["4:25: route.routes[0].repeat_interval: repeat_interval cannot be zero"],
  },
  {
    name: "group_by of all and one",
    text: `route: {receiver: a, group_by: ['...', b]}
receivers: [{name: a}]
`,
    problems: [
      "1:32: route.group_by: cannot have wildcard group_by (`...`) and other labels at the same time",
    ],
  },
  {
    name: "group_by of one twice",
    text: `route: {receiver: a, group_by: [b, b]}
receivers: [{name: a}]
`,
    problems: ['1:36: route.group_by[1]: duplicated label "b" in group_by'],
  },
  {
    name: "group_by of a label without a name",
    text: `route: {receiver: a, group_by: ['']}
receivers: [{name: a}]
`,
    problems: ['1:33: route.group_by[0]: invalid label name "" in group_by list'],
  },
  {
    name: "group_by that is no list",
    text: `route: {receiver: a, group_by: b}
receivers: [{name: a}]
`,
    problems: ['1:32: route.group_by: expected a list, got "b"'],
  },
  {
    name: "matchers that are no list",
    text: `route:
  receiver: a
  routes:
    - {matchers: 'x=y'}
receivers: [{name: a}, {name: team}]
`,
    problems: ['4:18: route.routes[0].matchers: expected a list, got "x=y"'],
  },
  {
    name: "a matcher without an operator",
    text: `route:
  receiver: a
  routes:
    - {matchers: [team]}
receivers: [{name: a}, {name: team}]
`,
    problems: [
      '4:23: route.routes[0].matchers[0]: end of the text: expected =, !=, =~ or !~; expected a matcher such as team="web" or severity=~"warning|critical"',
    ],
  },
  {
    name: "a matcher with a regular expression that is none",
    text: `route:
  receiver: a
  routes:
    - {matchers: ['team=~"a("']}
receivers: [{name: a}, {name: team}]
`,
    problems: [
      '4:20: route.routes[0].matchers[0]: error parsing regexp: missing closing ): `a(` in regular expression "a("; expected a regular expression of RE2',
    ],
  },
  {
    name: "match with a name of other letters",
    text: `route:
  receiver: a
  routes:
    - {match: {a.b: x}}
receivers: [{name: a}, {name: team}]
`,
    problems: [
      '4:16: route.routes[0].match["a.b"]: invalid label name "a.b"; use matchers for names with other letters',
    ],
  },
  {
    name: "match_re with a regular expression that is none",
    text: `route:
  receiver: a
  routes:
    - {match_re: {team: '('}}
receivers: [{name: a}, {name: team}]
`,
    problems: [
      '4:25: route.routes[0].match_re.team: error parsing regexp: missing closing ): `(` in regular expression "("',
    ],
  },
  {
    name: "a time interval that is not there",
    text: `route:
  receiver: a
  routes:
    - {mute_time_intervals: [offhours]}
receivers: [{name: a}, {name: team}]
`,
    problems: [
      '4:30: route.routes[0].mute_time_intervals[0]: undefined time interval "offhours" used in route',
    ],
  },
  {
    name: "two mistakes in two routes",
    text: `route:
  receiver: a
  routes:
    - {receiver: x}
    - {receiver: a, routes: [{receiver: y}]}
receivers: [{name: a}]
`,
    problems: [
      '4:18: route.routes[0].receiver: undefined receiver "x" used in route',
      '5:41: route.routes[1].routes[0].receiver: undefined receiver "y" used in route',
    ],
  },
  {
    name: "a time interval without a name",
    text: `route: {receiver: a}
receivers: [{name: a}]
time_intervals: [{time_intervals: []}]
`,
    problems: ["3:18: time_intervals[0].name: missing name in time interval"],
  },
  {
    name: "two time intervals of one name",
    text: `route: {receiver: a}
receivers: [{name: a}]
mute_time_intervals: [{name: x}]
time_intervals:
  - name: x
`,
    problems: ['5:11: time_intervals[0].name: time interval "x" is not unique'],
  },
  {
    name: "a weekday that is none",
    text: `route: {receiver: a}
receivers: [{name: a}]
time_intervals:
  - name: x
    time_intervals:
      - weekdays: [moday]
`,
    problems: [
      '6:20: time_intervals[0].time_intervals[0].weekdays[0]: "moday" is not valid; expected a day such as "monday", or a range such as "monday:friday"; a week begins with sunday',
    ],
  },
  {
    name: "a week over its end",
    text: `route: {receiver: a}
receivers: [{name: a}]
time_intervals:
  - name: x
    time_intervals:
      - weekdays: ['friday:monday']
`,
    problems: [
      '6:20: time_intervals[0].time_intervals[0].weekdays[0]: "friday:monday" begins after its end; expected a day such as "monday", or a range such as "monday:friday"; a week begins with sunday',
    ],
  },
  {
    name: "a day of the month that is none",
    text: `route: {receiver: a}
receivers: [{name: a}]
time_intervals:
  - name: x
    time_intervals:
      - days_of_month: ['32']
`,
    problems: [
      '6:25: time_intervals[0].time_intervals[0].days_of_month[0]: "32" is not valid; expected days from 1 to 31, or from -31 to -1 counted from the end, such as "1:5" or "-3:-1"',
    ],
  },
  {
    name: "days of the month backwards",
    text: `route: {receiver: a}
receivers: [{name: a}]
time_intervals:
  - name: x
    time_intervals:
      - days_of_month: ['5:2']
`,
    problems: [
      '6:25: time_intervals[0].time_intervals[0].days_of_month[0]: "5:2" begins after its end in some months; expected days from 1 to 31, or from -31 to -1 counted from the end, such as "1:5" or "-3:-1"',
    ],
  },
  {
    name: "a month that is none",
    text: `route: {receiver: a}
receivers: [{name: a}]
time_intervals:
  - name: x
    time_intervals:
      - months: [smarch]
`,
    problems: [
      '6:18: time_intervals[0].time_intervals[0].months[0]: "smarch" is not valid; expected months by name or from 1 to 12, such as "january:march" or "6"',
    ],
  },
  {
    name: "years backwards",
    text: `route: {receiver: a}
receivers: [{name: a}]
time_intervals:
  - name: x
    time_intervals:
      - years: ['2027:2026']
`,
    problems: [
      '6:17: time_intervals[0].time_intervals[0].years[0]: "2027:2026" begins after its end; expected a year such as "2026", or a range such as "2026:2028"',
    ],
  },
  {
    name: "a time without two digits",
    text: `route: {receiver: a}
receivers: [{name: a}]
time_intervals:
  - name: x
    time_intervals:
      - times: [{start_time: '9:00', end_time: '17:00'}]
`,
    problems: [
      '6:30: time_intervals[0].time_intervals[0].times[0].start_time: "9:00" is no time; expected a time from 00:00 to 24:00, such as 09:30',
    ],
  },
  {
    name: "a range of times over midnight",
    text: `route: {receiver: a}
receivers: [{name: a}]
time_intervals:
  - name: x
    time_intervals:
      - times: [{start_time: '22:00', end_time: '06:00'}]
`,
    problems: [
      "6:17: time_intervals[0].time_intervals[0].times[0]: the start_time is not before the end_time; a range over midnight is written as two, to 24:00 and from 00:00",
    ],
  },
  {
    name: "a range of times without an end",
    text: `route: {receiver: a}
receivers: [{name: a}]
time_intervals:
  - name: x
    time_intervals:
      - times: [{start_time: '22:00'}]
`,
    problems: [
      "6:17: time_intervals[0].time_intervals[0].times[0]: end_time is missing; a range has a start_time and an end_time",
    ],
  },
  {
    name: "a time zone that is none",
    text: `route: {receiver: a}
receivers: [{name: a}]
time_intervals:
  - name: x
    time_intervals:
      - location: Europe/Berln
`,
    problems: [
      '6:19: time_intervals[0].time_intervals[0].location: "Europe/Berln" is no time zone that is known; expected a time zone such as "Europe/Berlin" or "UTC"',
    ],
  },
  {
    name: "a label that cannot be equal",
    text: `route: {receiver: a}
receivers: [{name: a}]
inhibit_rules:
  - {source_matchers: [a=b], target_matchers: [c=d], equal: ['']}
`,
    problems: ['4:62: inhibit_rules[0].equal[0]: invalid label name "" in equal list'],
  },
  {
    name: "inhibition with two ways to say sources",
    text: `route: {receiver: a}
receivers: [{name: a}]
inhibit_rules:
  - {source_match: {a: b}, sources: [{matchers: [c=d]}], target_match: {e: f}}
`,
    problems: [
      "4:28: inhibit_rules[0].sources: sources cannot be combined with source_match, source_match_re, source_matchers, or equal",
    ],
  },
  {
    name: "a source of inhibition that says nothing",
    text: `route: {receiver: a}
receivers: [{name: a}]
inhibit_rules:
  - {sources: [{matchers: []}], target_match: {e: f}}
`,
    problems: ["4:16: inhibit_rules[0].sources[0]: source 0: matchers must not be empty"],
  },
  {
    name: "an unknown key of inhibition",
    text: `route: {receiver: a}
receivers: [{name: a}]
inhibit_rules:
  - {source_matcher: [a=b], target_matchers: [c=d]}
`,
    problems: ["4:6: inhibit_rules[0].source_matcher: unknown key; did you mean source_matchers?"],
  },
  {
    name: "an unknown global key",
    text: `global: {smtp_smart_host: 'x:25'}
route: {receiver: a}
receivers: [{name: a}]
`,
    problems: ["1:10: global.smtp_smart_host: unknown key; did you mean smtp_smarthost?"],
  },
  {
    name: "a global secret in two ways",
    text: `global: {slack_api_url: 'https://x', slack_api_url_file: present}
route: {receiver: a}
receivers: [{name: a}]
`,
    problems: [
      "1:58: global.slack_api_url_file: at most one of slack_api_url & slack_api_url_file must be configured",
    ],
  },
  {
    name: "a global token and a global webhook of Slack",
    text: `global: {slack_app_token: t, slack_api_url: 'https://x'}
route: {receiver: a}
receivers: [{name: a}]
`,
    problems: [
      "1:30: global.slack_api_url: at most one of slack_app_token/slack_app_token_file & slack_api_url/slack_api_url_file must be configured",
    ],
  },
  {
    name: "a global address that is none",
    text: `global: {pagerduty_url: events.pagerduty.com}
route: {receiver: a}
receivers: [{name: a}]
`,
    problems: [
      '1:25: global.pagerduty_url: unsupported scheme "" for URL; expected a URL such as https://example.com/hook',
    ],
  },
  {
    name: "two ways to log in",
    text: `global: {http_config: {basic_auth: {username: a, password: secret}, authorization: {credentials: b}}}
route: {receiver: a}
receivers: [{name: a}]
`,
    problems: [
      "1:84: global.http_config.authorization: at most one of basic_auth, authorization may be configured",
    ],
  },
  {
    name: "OAuth 2 without a secret beside a password",
    text: `route: {receiver: a}
receivers:
  - name: a
    webhook_configs:
      - url: http://x
        http_config:
          basic_auth: {username: u}
          oauth2: {client_id: c, token_url: nowhere}
`,
    problems: [
      "8:19: receivers[0].webhook_configs[0].http_config.oauth2: either oauth2 client_secret or client_secret_file must be configured",
      "8:19: receivers[0].webhook_configs[0].http_config.oauth2: at most one of basic_auth, authorization, oauth2 & bearer_token must be configured",
      '8:45: receivers[0].webhook_configs[0].http_config.oauth2.token_url: unsupported scheme "" for URL; expected a URL such as https://example.com/hook',
    ],
  },
  {
    name: "hosts excepted from no proxy",
    text: `route: {receiver: a}
receivers:
  - name: a
    webhook_configs: [{url: 'http://x', http_config: {no_proxy: y}}]
`,
    problems: [
      "4:65: receivers[0].webhook_configs[0].http_config.no_proxy: no_proxy is of no use without proxy_url",
    ],
  },
  {
    name: "proxies that do not go together, and headers for none",
    text: `route: {receiver: a}
receivers:
  - name: a
    webhook_configs:
      - {url: 'http://x', http_config: {proxy_from_environment: true, proxy_url: 'http://p:1', no_proxy: y}}
      - url: http://x
        http_config:
          proxy_connect_header: {X-A: [b]}
`,
    problems: [
      "5:82: receivers[0].webhook_configs[0].http_config.proxy_url: proxy_url and proxy_from_environment exclude each other",
      "5:106: receivers[0].webhook_configs[0].http_config.no_proxy: no_proxy and proxy_from_environment exclude each other",
      "8:33: receivers[0].webhook_configs[1].http_config.proxy_connect_header: proxy_connect_header is of no use without proxy_url or proxy_from_environment",
    ],
  },
  {
    name: "a version of TLS that there is not",
    text: `route: {receiver: a}
receivers:
  - name: a
    webhook_configs:
      - {url: 'http://x', http_config: {tls_config: {min_version: TLS14}}}
`,
    problems: [
      '5:67: receivers[0].webhook_configs[0].http_config.tls_config.min_version: "TLS14" is not one of TLS10, TLS11, TLS12, TLS13; did you mean TLS10?',
    ],
  },
  {
    name: "bounds of TLS the wrong way round",
    text: `route: {receiver: a}
receivers:
  - name: a
    webhook_configs:
      - {url: 'http://x', http_config: {tls_config: {min_version: TLS13, max_version: TLS12}}}
`,
    problems: [
      "5:87: receivers[0].webhook_configs[0].http_config.tls_config.max_version: max_version must not be below min_version",
    ],
  },
  {
    name: "a global certificate for mail that is not there",
    text: `global: {smtp_from: a, smtp_smarthost: 'm:25', smtp_tls_config: {ca_file: gone}}
route: {receiver: a}
receivers: [{name: a, email_configs: [{to: b}, {to: c}]}]
`,
    problems: ["1:75: global.smtp_tls_config.ca_file: cannot be read: gone: no such file"],
  },
  {
    name: "a global file that is not there, which two receivers want",
    text: `global: {opsgenie_api_key_file: gone}
route: {receiver: a}
receivers:
  - name: a
    opsgenie_configs: [{}, {message: x}]
`,
    problems: ["1:33: global.opsgenie_api_key_file: cannot be read: gone: no such file"],
  },
  {
    name: "a webhook without a URL",
    text: `route: {receiver: a}
receivers:
  - name: a
    webhook_configs:
      - send_resolved: true
`,
    problems: ["5:9: receivers[0].webhook_configs[0]: one of url or url_file must be configured"],
  },
  {
    name: "a webhook with two URLs",
    text: `route: {receiver: a}
receivers:
  - name: a
    webhook_configs:
      - {url: 'http://x', url_file: present}
`,
    problems: [
      "5:37: receivers[0].webhook_configs[0].url_file: at most one of url & url_file must be configured",
    ],
  },
  {
    name: "a webhook whose URL is none",
    text: `route: {receiver: a}
receivers:
  - name: a
    webhook_configs:
      - url: ftp://secret-key
`,
    problems: [
      "5:14: receivers[0].webhook_configs[0].url: expected a URL such as https://example.com/hook",
    ],
  },
  {
    name: "a webhook whose URL is in a file that is not there",
    text: `route: {receiver: a}
receivers:
  - name: a
    webhook_configs:
      - url_file: hook
`,
    problems: [
      "5:19: receivers[0].webhook_configs[0].url_file: cannot be read: hook: no such file",
    ],
  },
  {
    name: "a webhook whose URL in a file is none",
    text: `route: {receiver: a}
receivers:
  - name: a
    webhook_configs:
      - url_file: present
`,
    problems: [
      "5:19: receivers[0].webhook_configs[0].url_file: the file does not hold a URL such as https://example.com/hook",
    ],
  },
  {
    name: "a webhook with a negative number of alerts",
    text: `route: {receiver: a}
receivers:
  - name: a
    webhook_configs:
      - {url: 'http://x', max_alerts: -1}
`,
    problems: ["5:39: receivers[0].webhook_configs[0].max_alerts: must be at least 0, got -1"],
  },
  {
    name: "a webhook with a timeout that is none",
    text: `route: {receiver: a}
receivers:
  - name: a
    webhook_configs:
      - {url: 'http://x', timeout: soon}
`,
    problems: [
      '5:36: receivers[0].webhook_configs[0].timeout: "soon" is not a duration such as "15s", "5m", "1h30m", "7d"',
    ],
  },
  {
    name: "a payload that is no JSON",
    text: `route: {receiver: a}
receivers:
  - name: a
    webhook_configs:
      - {url: 'http://x', payload: {a: .inf}}
`,
    problems: ["5:36: receivers[0].webhook_configs[0].payload: JSON has no such number"],
  },
  {
    name: "an entry with nothing in it",
    text: `route: {receiver: a}
receivers:
  - name: a
    webhook_configs:
      - null
`,
    problems: ["5:9: receivers[0].webhook_configs[0]: missing webhook config"],
  },
  {
    name: "mail to nobody",
    text: `route: {receiver: a}
receivers:
  - name: a
    email_configs:
      - {from: a, smarthost: 'm:25'}
`,
    problems: ["5:9: receivers[0].email_configs[0].to: missing to address in email config"],
  },
  {
    name: "mail from nobody by no server",
    text: `route: {receiver: a}
receivers:
  - name: a
    email_configs:
      - to: a@example.com
`,
    problems: [
      "5:9: receivers[0].email_configs[0]: no global SMTP from set; set from here, or smtp_from under global",
      "5:9: receivers[0].email_configs[0]: no global SMTP smarthost set; set smarthost here, or smtp_smarthost under global",
    ],
  },
  {
    name: "a mail server without a port",
    text: `route: {receiver: a}
receivers:
  - name: a
    email_configs:
      - {to: a, from: b, smarthost: mail}
`,
    problems: [
      '5:37: receivers[0].email_configs[0].smarthost: address "mail": missing port in address; expected host:port, such as mail.example.com:587',
    ],
  },
  {
    name: "a mail server with an empty port",
    text: `route: {receiver: a}
receivers:
  - name: a
    email_configs:
      - {to: a, from: b, smarthost: 'mail:'}
`,
    problems: [
      '5:37: receivers[0].email_configs[0].smarthost: address "mail:": port cannot be empty; expected host:port, such as mail.example.com:587',
    ],
  },
  {
    name: "one header of a mail twice",
    text: `route: {receiver: a}
receivers:
  - name: a
    email_configs:
      - {to: a, from: b, smarthost: 'm:25', headers: {subject: a, Subject: b}}
`,
    problems: [
      '5:76: receivers[0].email_configs[0].headers.Subject: duplicate header "Subject" in email config',
    ],
  },
  {
    name: "threads of mails by the week",
    text: `route: {receiver: a}
receivers:
  - name: a
    email_configs:
      - {to: a, from: b, smarthost: 'm:25', threading: {enabled: true, thread_by_date: weekly}}
`,
    problems: [
      "5:88: receivers[0].email_configs[0].threading.thread_by_date: threading.thread_by_date must be either 'none' or 'daily'",
    ],
  },
  {
    name: "threads of mails beside a header of its own",
    text: `route: {receiver: a}
receivers:
  - name: a
    email_configs:
      - {to: a, from: b, smarthost: 'm:25', headers: {references: x}, threading: {enabled: true, thread_by_date: none}}
`,
    problems: [
      "5:67: receivers[0].email_configs[0].headers.references: conflicting configuration: threading.enabled conflicts with custom References header",
    ],
  },
  {
    name: "a password of mail in two ways",
    text: `route: {receiver: a}
receivers:
  - name: a
    email_configs:
      - {to: a, from: b, smarthost: 'm:25', auth_password: hunter2, auth_password_file: present}
`,
    problems: [
      "5:89: receivers[0].email_configs[0].auth_password_file: at most one of auth_password & auth_password_file must be configured",
    ],
  },
  {
    name: "Slack without an address",
    text: `route: {receiver: a}
receivers:
  - name: a
    slack_configs:
      - channel: '#x'
`,
    problems: [
      "5:9: receivers[0].slack_configs[0]: no Slack API URL nor App token set either inline or in a file; set api_url or app_token here, or slack_api_url or slack_app_token under global",
    ],
  },
  {
    name: "Slack with a webhook and a token",
    text: `route: {receiver: a}
receivers:
  - name: a
    slack_configs:
      - {api_url: 'https://x', app_token: t}
`,
    problems: [
      "5:9: receivers[0].slack_configs[0]: at most one of api_url/api_url_file & app_token/app_token_file must be configured",
    ],
  },
  {
    name: "a field of Slack without a title",
    text: `route: {receiver: a}
receivers:
  - name: a
    slack_configs:
      - {api_url: 'https://x', fields: [{value: v}]}
`,
    problems: [
      "5:41: receivers[0].slack_configs[0].fields[0]: missing title in Slack field configuration",
    ],
  },
  {
    name: "a button of Slack without anything to do",
    text: `route: {receiver: a}
receivers:
  - name: a
    slack_configs:
      - {api_url: 'https://x', actions: [{type: button, text: t}]}
`,
    problems: [
      "5:42: receivers[0].slack_configs[0].actions[0]: missing name or url in Slack action configuration",
    ],
  },
  {
    name: "a strategy of Slack that is none",
    text: `route: {receiver: a}
receivers:
  - name: a
    slack_configs:
      - {app_token: t, message_strategy: edit}
`,
    problems: [
      '5:42: receivers[0].slack_configs[0].message_strategy: unknown message_strategy "edit"; must be "new", "update", or "thread"',
    ],
  },
  {
    name: "changing messages by a webhook",
    text: `route: {receiver: a}
receivers:
  - name: a
    slack_configs:
      - {api_url: 'https://x', update_message: true}
`,
    problems: [
      '5:48: receivers[0].slack_configs[0].update_message: message_strategy "update" requires a bot token; set app_token, or api_url to https://slack.com/api/chat.postMessage with http_config.authorization',
    ],
  },
  {
    name: "PagerDuty without a key",
    text: `route: {receiver: a}
receivers:
  - name: a
    pagerduty_configs:
      - description: x
`,
    problems: [
      "5:9: receivers[0].pagerduty_configs[0]: missing service or routing key in PagerDuty config",
    ],
  },
  {
    name: "a key of PagerDuty in two ways",
    text: `route: {receiver: a}
receivers:
  - name: a
    pagerduty_configs:
      - {routing_key: a, routing_key_file: present}
`,
    problems: [
      "5:44: receivers[0].pagerduty_configs[0].routing_key_file: at most one of routing_key & routing_key_file must be configured",
    ],
  },
  {
    name: "Opsgenie without a key",
    text: `route: {receiver: a}
receivers:
  - name: a
    opsgenie_configs:
      - message: x
`,
    problems: [
      "5:9: receivers[0].opsgenie_configs[0]: no global OpsGenie API Key set either inline or in a file; set api_key here, or opsgenie_api_key under global",
    ],
  },
  {
    name: "a responder of Opsgenie that nobody is",
    text: `route: {receiver: a}
receivers:
  - name: a
    opsgenie_configs:
      - {api_key: a, responders: [{type: team}]}
`,
    problems: [
      "5:35: receivers[0].opsgenie_configs[0].responders[0]: opsGenieConfig responder {   team} has to have at least one of id, username or name specified",
    ],
  },
  {
    name: "a responder of Opsgenie of a type that is none",
    text: `route: {receiver: a}
receivers:
  - name: a
    opsgenie_configs:
      - {api_key: a, responders: [{name: x, type: group}]}
`,
    problems: [
      "5:51: receivers[0].opsgenie_configs[0].responders[0].type: opsGenieConfig responder { x  group} type does not match valid options ^(team|teams|user|escalation|schedule)$",
    ],
  },
  {
    name: "VictorOps without a routing key",
    text: `route: {receiver: a}
receivers:
  - name: a
    victorops_configs:
      - api_key: a
`,
    problems: [
      "5:9: receivers[0].victorops_configs[0].routing_key: missing Routing key in VictorOps config",
    ],
  },
  {
    name: "a custom field of VictorOps that is taken",
    text: `route: {receiver: a}
receivers:
  - name: a
    victorops_configs:
      - {api_key: a, routing_key: b, custom_fields: {entity_id: x}}
`,
    problems: [
      "5:65: receivers[0].victorops_configs[0].custom_fields.entity_id: victorOps config contains custom field entity_id which cannot be used as it conflicts with the fixed/static fields",
    ],
  },
  {
    name: "Pushover without keys",
    text: `route: {receiver: a}
receivers:
  - name: a
    pushover_configs:
      - title: x
`,
    problems: [
      "5:9: receivers[0].pushover_configs[0]: one of user_key or user_key_file must be configured",
      "5:9: receivers[0].pushover_configs[0]: one of token or token_file must be configured",
    ],
  },
  {
    name: "Pushover in HTML and monospace",
    text: `route: {receiver: a}
receivers:
  - name: a
    pushover_configs:
      - {user_key: a, token: b, html: true, monospace: true}
`,
    problems: [
      "5:56: receivers[0].pushover_configs[0].monospace: at most one of monospace & html must be configured",
    ],
  },
  {
    name: "SNS without where to",
    text: `route: {receiver: a}
receivers:
  - name: a
    sns_configs:
      - subject: x
`,
    problems: [
      "5:9: receivers[0].sns_configs[0]: must provide either a Target ARN, Topic ARN, or Phone Number for SNS config",
    ],
  },
  {
    name: "SNS with half of a key",
    text: `route: {receiver: a}
receivers:
  - name: a
    sns_configs:
      - {topic_arn: t, sigv4: {access_key: a}}
`,
    problems: [
      "5:31: receivers[0].sns_configs[0].sigv4: must provide a AWS SigV4 Access key and Secret Key if credentials are specified in the SigV4 config",
    ],
  },
  {
    name: "Telegram without a token and a chat",
    text: `route: {receiver: a}
receivers:
  - name: a
    telegram_configs:
      - message: x
`,
    problems: [
      "5:9: receivers[0].telegram_configs[0]: missing bot_token or bot_token_file on telegram_config; set bot_token here, or telegram_bot_token under global",
      "5:9: receivers[0].telegram_configs[0]: missing chat_id or chat_id_file on telegram_config",
    ],
  },
  {
    name: "a chat of Telegram that is none",
    text: `route: {receiver: a}
receivers:
  - name: a
    telegram_configs:
      - {bot_token: t, chat_id: my chat}
`,
    problems: [
      '5:33: receivers[0].telegram_configs[0].chat_id: "my chat" is not a chat: expected a number such as -1001234567890',
    ],
  },
  {
    name: "a way to write for Telegram that is none",
    text: `route: {receiver: a}
receivers:
  - name: a
    telegram_configs:
      - {bot_token: t, chat_id: 1, parse_mode: Html}
`,
    problems: [
      "5:48: receivers[0].telegram_configs[0].parse_mode: unknown parse_mode on telegram_config, must be Markdown, MarkdownV2, HTML or empty string",
    ],
  },
  {
    name: "Discord without an address",
    text: `route: {receiver: a}
receivers:
  - name: a
    discord_configs:
      - title: x
`,
    problems: [
      "5:9: receivers[0].discord_configs[0]: one of webhook_url or webhook_url_file must be configured",
    ],
  },
  {
    name: "Webex without a room and a token",
    text: `route: {receiver: a}
receivers:
  - name: a
    webex_configs:
      - message: x
`,
    problems: [
      "5:9: receivers[0].webex_configs[0].room_id: missing room_id on webex_config",
      "5:9: receivers[0].webex_configs[0].http_config: missing webex_configs.http_config.authorization; the bot's token is its credentials",
    ],
  },
  {
    name: "Teams with two addresses",
    text: `route: {receiver: a}
receivers:
  - name: a
    msteamsv2_configs:
      - {webhook_url: 'https://x', webhook_url_file: present}
`,
    problems: [
      "5:54: receivers[0].msteamsv2_configs[0].webhook_url_file: at most one of webhook_url & webhook_url_file must be configured",
    ],
  },
  {
    name: "WeChat without a secret and a company",
    text: `route: {receiver: a}
receivers:
  - name: a
    wechat_configs:
      - message_type: html
`,
    problems: [
      "5:9: receivers[0].wechat_configs[0]: no global Wechat CorpID set; set corp_id here, or wechat_api_corp_id under global",
      "5:9: receivers[0].wechat_configs[0]: no global Wechat Api Secret set either inline or in a file; set api_secret here, or wechat_api_secret under global",
      '5:23: receivers[0].wechat_configs[0].message_type: weChat message type "html" does not match valid options ^(text|markdown)$',
    ],
  },
  {
    name: "Jira without a project",
    text: `route: {receiver: a}
receivers:
  - name: a
    jira_configs:
      - {issue_type: Bug}
`,
    problems: [
      "5:9: receivers[0].jira_configs[0].project: missing project in jira_config",
      "5:9: receivers[0].jira_configs[0]: no global Jira Cloud URL set; set api_url here, or jira_api_url under global",
    ],
  },
  {
    name: "a kind of Jira that is none",
    text: `route: {receiver: a}
receivers:
  - name: a
    jira_configs:
      - {api_url: 'https://j', project: P, issue_type: B, api_type: server}
`,
    problems: [
      "5:69: receivers[0].jira_configs[0].api_type: unknown api_type on jira_config, must be auto, cloud or datacenter",
    ],
  },
  {
    name: "a summary for Jira that is a list",
    text: `route: {receiver: a}
receivers:
  - name: a
    jira_configs:
      - {api_url: 'https://j', project: P, issue_type: B, summary: [a]}
`,
    problems: [
      "5:68: receivers[0].jira_configs[0].summary: expected a string or a mapping, got a list",
    ],
  },
  {
    name: "an unknown key of a summary for Jira",
    text: `route: {receiver: a}
receivers:
  - name: a
    jira_configs:
      - {api_url: 'https://j', project: P, issue_type: B, summary: {templat: a}}
`,
    problems: [
      "5:69: receivers[0].jira_configs[0].summary.templat: unknown key; did you mean template?",
    ],
  },
  {
    name: "Rocket.Chat without tokens",
    text: `route: {receiver: a}
receivers:
  - name: a
    rocketchat_configs:
      - channel: x
`,
    problems: [
      "5:9: receivers[0].rocketchat_configs[0]: no global Rocketchat TokenID set either inline or in a file; set token_id here, or rocketchat_token_id under global",
      "5:9: receivers[0].rocketchat_configs[0]: no global Rocketchat Token set either inline or in a file; set token here, or rocketchat_token under global",
    ],
  },
  {
    name: "Mattermost without an address",
    text: `route: {receiver: a}
receivers:
  - name: a
    mattermost_configs:
      - channel: x
`,
    problems: [
      "5:9: receivers[0].mattermost_configs[0]: missing webhook_url or webhook_url_file on mattermost_config; set one here, or mattermost_webhook_url under global",
    ],
  },
  {
    name: "incident.io without a token",
    text: `route: {receiver: a}
receivers:
  - name: a
    incidentio_configs:
      - url: 'https://i'
`,
    problems: [
      "5:9: receivers[0].incidentio_configs[0]: at least one of alert_source_token, alert_source_token_file or http_config.authorization must be configured",
    ],
  },
  {
    name: "a template that does not parse",
    text: `route: {receiver: a}
receivers:
  - name: a
    slack_configs:
      - {api_url: 'https://x', title: 'Now {{ .Status'}
`,
    problems: [
      "5:44: receivers[0].slack_configs[0].title: could not parse template: unclosed action",
    ],
  },
  {
    name: "a template with a function that is none",
    text: `route: {receiver: a}
receivers:
  - name: a
    email_configs:
      - {to: a, from: b, smarthost: 'm:25', html: '{{ uper .Status }}'}
`,
    problems: [
      '5:55: receivers[0].email_configs[0].html: could not parse template: function "uper" not defined',
    ],
  },
  {
    name: "a file of templates that is not there",
    text: `route: {receiver: a}
receivers: [{name: a}]
templates: [gone.tmpl]
`,
    problems: ["3:13: templates[0]: cannot be read: gone.tmpl: no such file"],
  },
  {
    name: "a file of templates with a function that is none",
    text: `route: {receiver: a}
receivers: [{name: a}]
templates: [bad.tmpl, open.tmpl]
`,
    problems: [
      'bad.tmpl:2:4: function "nofunc" not defined',
      "open.tmpl:1:1: {{if}} without {{end}}",
    ],
  },
  {
    name: "mistakes in several sections at once",
    text: `global: {resolve_timeout: x}
route: {receiver: b}
receivers:
  - name: a
    slack_configs: [{}]
    discord_configs: [{}]
`,
    problems: [
      '1:27: global.resolve_timeout: "x" is not a duration such as "15s", "5m", "1h30m", "7d"',
      '2:19: route.receiver: undefined receiver "b" used in route',
      "6:23: receivers[0].discord_configs[0]: one of webhook_url or webhook_url_file must be configured",
    ],
  },
  {
    name: "a tab",
    text: `route:
	receiver: a
`,
    problems: ["2:1: a tab is used for indentation; YAML allows only spaces"],
  },
];

for (const { name, text, problems } of CASES)
  test(`an alertmanager.yml with ${name} is refused at that place`, () => {
    deepEqual(
      errorOf(text).diagnostics.map((one) => formatDiagnosticLine(one).replace(/^file:/, "")),
      problems,
    );
  });

test("a mistake beside a secret does not show it", () => {
  const secrets: readonly string[] = [
    "pagerduty_configs: [{routing_key: hunter2, clas: x}]",
    "webhook_configs: [{url: 'hunter2'}]",
    "slack_configs: [{api_url: 'hunter2'}]",
    "opsgenie_configs: [{api_key: hunter2, api_key_file: x}]",
    "discord_configs: [{webhook_url: 'ftp://hunter2'}]",
    "telegram_configs: [{bot_token: hunter2, chat_id: x y}]",
    "email_configs: [{to: a, auth_password: hunter2}]",
  ];
  for (const entry of secrets) {
    const { diagnostics } = errorOf(
      `route: {receiver: a}\nreceivers:\n  - name: a\n    ${entry}\n`,
    );
    for (const { message } of diagnostics) ok(!message.includes("hunter2"), message);
    ok(!formatDiagnostics(diagnostics).includes("hunter2"), entry);
  }
});

/** Something of every section, so that what is cut out of it may be anything. */
const LARGE = `global: {smtp_from: a, smtp_smarthost: 'm:25', slack_app_token: t, http_config: {proxy_url: 'http://p'}}
route:
  receiver: a
  group_by: [alertname]
  routes:
    - {matchers: ['a="b"', 'c=~"d|e"'], mute_time_intervals: [x], group_wait: 5s}
receivers:
  - name: a
    webhook_configs: [{url: 'http://h', payload: {a: ['{{ .Status }}']}, timeout: 1s}]
    email_configs: [{to: b, headers: {X: y}, threading: {enabled: true, thread_by_date: daily}}]
    jira_configs: [{api_url: 'http://j', project: p, issue_type: i, labels: {values: [l]}}]
inhibit_rules: [{source_matchers: [a=b], target_match_re: {c: d}, equal: [e]}]
time_intervals: [{name: x, time_intervals: [{weekdays: ['monday:friday'], location: UTC}]}]
`;

test("whatever is cut out of a file, it loads or is refused with a place in it", () => {
  load(LARGE);
  fc.assert(
    fc.property(
      fc.nat(LARGE.length),
      fc.nat(30),
      fc.constantFrom("", "x", ":", "[", "0"),
      (at, length, put) => {
        const text = LARGE.slice(0, at) + put + LARGE.slice(at + length);
        try {
          load(text);
        } catch (error) {
          if (!(error instanceof ConfigError)) throw error;
          const lines = text.split("\n").length;
          for (const { line, column, message } of error.diagnostics)
            ok(line >= 1 && line <= lines && column >= 1 && message !== "", message);
        }
      },
    ),
    { numRuns: 300 },
  );
});
