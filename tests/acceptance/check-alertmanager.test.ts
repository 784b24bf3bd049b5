// `pharos check alertmanager` as a user calls it, and what the real amtool says of the same files.
import { equal, match, ok } from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { findProgram, run, skipWithout } from "../harness/child.ts";
import { temporaryFolder } from "../harness/pharos-process.ts";

const launcher = resolve(import.meta.dirname, "../../pharos");

const TOP = "route: { receiver: a }\n";
const RECEIVER = "receivers: [{ name: a }]\n";
const tree = (route: string): string => `route: { receiver: a, routes: [${route}] }\n${RECEIVER}`;
const receiver = (kind: string, entry: string): string =>
  `${TOP}receivers: [{ name: a, ${kind}_configs: [${entry}] }]\n`;
const times = (interval: string): string =>
  `${TOP}${RECEIVER}time_intervals: [{ name: x, time_intervals: [${interval}] }]\n`;
const inhibits = (rule: string): string => `${TOP}${RECEIVER}inhibit_rules: [${rule}]\n`;
const templates = (pattern: string): string => `${TOP}${RECEIVER}templates: ['${pattern}']\n`;
const http = (keys: string): string =>
  receiver("webhook", `{ url: 'http://x', http_config: { ${keys} } }`);

/** Files that Alertmanager takes: those of its documentation's features that 0.25 has. */
const GOOD: Readonly<Record<string, string>> = {
  "the least there can be": `${TOP}${RECEIVER}`,
  "routes below routes": tree(
    "{ match: { a: b }, routes: [{ match_re: { c: 'd|e' }, continue: true }, { group_by: ['...'] }] }",
  ),
  "matchers of all kinds": tree(
    `{ matchers: ['a=b', 'c!="d"', '{e=~"f.*", g!~h}', 'i = "j k"', 'l=""'] }`,
  ),
  "a route that names no receiver": tree("{ group_wait: 0s, repeat_interval: 1w2d }"),
  "mute and active times": `${TOP.replace("}", ", routes: [{ mute_time_intervals: [x], active_time_intervals: [y] }] }")}${RECEIVER}mute_time_intervals: [{ name: x }]\ntime_intervals: [{ name: y }]\n`,
  "times of all kinds": times(
    "{ times: [{ start_time: '00:00', end_time: '24:00' }], weekdays: ['monday:friday', Sunday], days_of_month: ['1:5', '-3:-1', 31], months: ['january:3', 12], years: [2020, '2021:2030'], location: Australia/Sydney }",
  ),
  "inhibition in the old way": inhibits(
    "{ source_match: { a: b }, source_match_re: { c: 'd.*' }, target_match: { e: f }, target_match_re: { g: h }, equal: [x, y] }",
  ),
  "inhibition with matchers": inhibits(
    "{ source_matchers: [a=b, 'c=~d'], target_matchers: ['e!=f'] }",
  ),
  "inhibition of nothing in particular": inhibits("{}"),
  "a webhook": receiver("webhook", "{ url: 'http://x/y?z', max_alerts: 5, send_resolved: false }"),
  "mail with everything global": `global: { smtp_from: a, smtp_smarthost: 'b:25' }\n${receiver("email", "{ to: c, headers: { Subject: x }, require_tls: false }")}`,
  "mail to an address in brackets": receiver("email", "{ to: a, from: b, smarthost: '[::1]:25' }"),
  "Slack with fields and buttons": receiver(
    "slack",
    "{ api_url: 'https://x', fields: [{ title: a, value: b, short: true }], actions: [{ type: button, text: t, url: u }, { type: button, text: t, name: n, confirm: { text: c } }] }",
  ),
  "PagerDuty with a service key": receiver("pagerduty", "{ service_key: a, details: { x: y } }"),
  Opsgenie: receiver(
    "opsgenie",
    "{ api_key: a, responders: [{ name: x, type: Team }, { id: i, type: '{{ .Status }}' }] }",
  ),
  VictorOps: receiver("victorops", "{ api_key: a, routing_key: b, custom_fields: { c: d } }"),
  Pushover: receiver("pushover", "{ user_key: a, token: b, retry: 1m30s, expire: 1.5h }"),
  SNS: receiver("sns", "{ topic_arn: a, sigv4: { region: r } }"),
  Telegram: receiver("telegram", "{ bot_token: a, chat_id: -100, parse_mode: MarkdownV2 }"),
  Discord: receiver("discord", "{ webhook_url: 'https://x', title: '', message: m }"),
  Webex: receiver("webex", "{ room_id: r, http_config: { authorization: { credentials: c } } }"),
  WeChat: receiver("wechat", "{ api_secret: a, corp_id: b, message_type: markdown }"),
  "a pattern of templates without a match": templates("none/*.tmpl"),
  "templates that call each other": templates("good.tmpl"),
  "an anchor and what is merged from it": `${TOP}receivers: [{ name: a, webhook_configs: [&x { url: 'http://a' }, { <<: *x, send_resolved: false }] }]\n`,
  "a secret as Alertmanager shows it": receiver("slack", "{ api_url: <secret>, channel: c }"),
  "basic authentication": http("basic_auth: { username: a, password: b }"),
  "a token in the old way": http("bearer_token: b, follow_redirects: false"),
};

const BAD: Readonly<Record<string, string>> = {
  nothing: "",
  "no route": RECEIVER,
  "no receiver": "route: {}\nreceivers: [{ name: a }]\n",
  "an unknown key": `${TOP}${RECEIVER}x: y\n`,
  "a key twice": `${TOP}${TOP}${RECEIVER}`,
  "a receiver that is not there": tree("{ receiver: b }"),
  "two receivers of one name": `${TOP}receivers: [{ name: a }, { name: a }]\n`,
  "a receiver without a name": `${TOP}receivers: [{ name: a }, {}]\n`,
  "matchers at the top": `route: { receiver: a, matchers: [x=y] }\n${RECEIVER}`,
  "continue at the top": `route: { receiver: a, continue: true }\n${RECEIVER}`,
  "mute times at the top": `route: { receiver: a, mute_time_intervals: [x] }\n${RECEIVER}time_intervals: [{ name: x }]\n`,
  "a time interval that is not there": tree("{ active_time_intervals: [x] }"),
  "matchers that are no list": tree("{ matchers: a=b }"),
  "a matcher that is none": tree("{ matchers: ['a b'] }"),
  "a regular expression that is none": tree("{ match_re: { a: '(' } }"),
  "a group interval of zero": tree("{ group_interval: 0s }"),
  "a duration without a unit": tree("{ group_wait: 5 }"),
  "all and one label": tree("{ group_by: ['...', a] }"),
  "a label twice": tree("{ group_by: [a, a] }"),
  "a week over its end": times("{ weekdays: ['friday:monday'] }"),
  "days backwards": times("{ days_of_month: ['5:2'] }"),
  "days over the end of short months": times("{ days_of_month: ['29:-1'] }"),
  "years backwards": times("{ years: ['2022:2021'] }"),
  "a time without two digits": times("{ times: [{ start_time: '9:00', end_time: '10:00' }] }"),
  "times over midnight": times("{ times: [{ start_time: '22:00', end_time: '06:00' }] }"),
  "a zone that is none": times("{ location: Nowhere/Town }"),
  "an address without a scheme": receiver("webhook", "{ url: example.com }"),
  "an address without a host": receiver("webhook", "{ url: 'http://' }"),
  "mail without a server": receiver("email", "{ to: a, from: b }"),
  "mail without a port": receiver("email", "{ to: a, from: b, smarthost: c }"),
  "a header twice": receiver(
    "email",
    "{ to: a, from: b, smarthost: 'c:25', headers: { subject: a, Subject: b } }",
  ),
  "Slack without an address": receiver("slack", "{ channel: c }"),
  "PagerDuty without a key": receiver("pagerduty", "{ severity: c }"),
  "a responder that nobody is": receiver(
    "opsgenie",
    "{ api_key: a, responders: [{ type: team }] }",
  ),
  "a custom field that is taken": receiver(
    "victorops",
    "{ api_key: a, routing_key: b, custom_fields: { entity_id: d } }",
  ),
  "Telegram without a chat": receiver("telegram", "{ bot_token: a }"),
  "Webex without a token": receiver("webex", "{ room_id: r }"),
  "templates that do not parse": templates("bad.tmpl"),
  "two ways to log in": http("basic_auth: { username: a }, bearer_token: b"),
};

/** The lines of the answer that count, without those of templates. */
function counts(answer: string): string {
  return answer
    .split("\n")
    .filter((line) => line.startsWith(" - ") && !line.endsWith("templates"))
    .join("\n");
}

test("files that amtool takes are taken, and what it refuses is refused", {
  skip: skipWithout("amtool"),
}, async (t) => {
  await using folder = await temporaryFolder();
  await writeFile(
    join(folder.path, "good.tmpl"),
    '{{ define "x" }}{{ template "y" . }}{{ end }}{{ define "y" }}{{ .Status | toUpper }}{{ end }}\n',
  );
  await writeFile(join(folder.path, "bad.tmpl"), '{{ define "x" }}{{ nofunc }}{{ end }}\n');
  const files: { name: string; file: string; isGood: boolean }[] = [];
  for (const [isGood, cases] of [
    [true, GOOD],
    [false, BAD],
  ] as const)
    for (const [name, text] of Object.entries(cases)) {
      const file = join(folder.path, `${files.length}.yml`);
      await writeFile(file, text);
      files.push({ name, file, isGood });
    }
  const ours = await run(launcher, ["check", "alertmanager", ...files.map(({ file }) => file)]);
  const amtool = findProgram("amtool") ?? "amtool";
  for (const { name, file, isGood } of files)
    await t.test(name, async () => {
      const theirs = await run(amtool, ["check-config", file]);
      equal(theirs.code === 0, isGood, `amtool: ${theirs.stdout}${theirs.stderr}`);
      const [, said = ""] = ours.stdout.split(`Checking '${file}'`);
      const [ourAnswer = ""] = said.split("\n\n");
      equal(ourAnswer.startsWith("  SUCCESS"), isGood, ourAnswer);
      // What was found is counted alike, but for templates: they count patterns, and we files.
      if (isGood) equal(counts(ourAnswer), counts(theirs.stdout));
    });
  equal(ours.code, 1);
});

test("a bad file is told with its place, a line to look at, and exit code 1", async () => {
  await using folder = await temporaryFolder();
  await mkdir(join(folder.path, "t"));
  const file = join(folder.path, "am.yml");
  await writeFile(file, "route: { receiver: tem }\nreceivers: [{ name: team }]\n");
  const { code, stdout, stderr } = await run(launcher, ["check", "alertmanager", file]);
  equal(code, 1);
  equal(stderr, "");
  match(
    stdout,
    /am\.yml:1:20: route\.receiver: undefined receiver "tem" used in route; did you mean "team"\?\n {4}route: \{ receiver: tem \}\n {23}\^/,
  );
  ok(stdout.startsWith(`Checking '${file}'  FAILED:\n`));
});
