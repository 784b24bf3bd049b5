import { deepEqual, equal } from "node:assert/strict";
import { describe, test } from "node:test";
import { type OperatingError, Secret } from "@pharos/base";
import type { SlackConfig } from "../../src/config/slack-config.ts";
import { createReceiver } from "../../src/receivers/create-receiver.ts";
import { FakeApi, KNOWN, NOTIFICATION, outgoing, RESOLVED, refuses, send } from "./fake-api.ts";

const HOOK = "https://hooks.slack.test/services/T000AAA/B111BBB/x2y3z4w5";
const APP_URL = "https://slack.test/api/chat.postMessage";

const CONFIG: SlackConfig = {
  kind: "slack",
  index: 0,
  sendResolved: true,
  timeoutMs: 10_000,
  http: { followRedirects: true },
  apiUrl: new Secret(HOOK),
  appToken: undefined,
  channel: "#alerts",
  username: '{{ template "slack.default.username" . }}',
  color: '{{ if eq .Status "firing" }}danger{{ else }}good{{ end }}',
  title: '{{ template "slack.default.title" . }}',
  titleLink: '{{ template "slack.default.titlelink" . }}',
  pretext: '{{ template "slack.default.pretext" . }}',
  text: '{{ template "slack.default.text" . }}',
  messageText: "",
  fields: [],
  shortFields: false,
  footer: '{{ template "slack.default.footer" . }}',
  fallback: '{{ template "slack.default.fallback" . }}',
  callbackId: '{{ template "slack.default.callbackid" . }}',
  iconEmoji: '{{ template "slack.default.iconemoji" . }}',
  iconUrl: '{{ template "slack.default.iconurl" . }}',
  imageUrl: "",
  thumbUrl: "",
  linkNames: false,
  mrkdwnIn: [],
  actions: [],
  messageStrategy: "new",
  thread: { resolveEmoji: "", useSummaryHeader: false, resolveColor: "" },
};

const APP: Partial<SlackConfig> = {
  apiUrl: new Secret(APP_URL),
  appToken: new Secret("xoxb-t0ken"),
  http: {
    followRedirects: true,
    authorization: { type: "Bearer", credentials: new Secret("xoxb-t0ken") },
  },
};

const POSTED = { status: 200, body: { ok: true, channel: "C1", ts: "1.5" } };
const STATE = { channel: "C1", ts: "1.5", transitions: [] };

function slack(api: FakeApi, change: Partial<SlackConfig> = {}) {
  return createReceiver({ ...CONFIG, ...change }, api.environment);
}

/** Method of the API and body of each request. */
function calls(api: FakeApi): [method: string, body: Record<string, unknown>][] {
  return api.requests.map(({ url }, i) => [
    url.slice(url.lastIndexOf("/") + 1),
    api.json(i) as Record<string, unknown>,
  ]);
}

test("a webhook gets an attachment", async () => {
  const api = new FakeApi({ status: 200, body: "ok" });
  deepEqual(await send(slack(api)), {});
  equal(api.request().url, HOOK);
  deepEqual(api.request().headers, {
    "content-type": "application/json",
    "user-agent": "Pharos/1.2.3",
  });
  equal(
    api.request().body,
    '{"channel":"#alerts","username":"Pharos","attachments":[{"title":"[FIRING:1] HighCpu (critical)",' +
      '"title_link":"http://pharos.test/alerts?receiver=team","text":"",' +
      '"fallback":"[FIRING:1] HighCpu (critical) | http://pharos.test/alerts?receiver=team",' +
      '"callback_id":"","footer":"","color":"danger","mrkdwn_in":["fallback","pretext","text"]}]}',
  );
});

test("the default text links to the incident and its acknowledgement, the title counts the hosts", async () => {
  const api = new FakeApi({ status: 200, body: "ok" });
  await send(slack(api), outgoing(KNOWN));
  const { attachments } = api.json() as { attachments: Record<string, unknown>[] };
  equal(
    attachments[0]?.["text"],
    "<http://pharos.test/incidents/i-1|Incident> · <http://pharos.test/ack?t=1|Acknowledge>",
  );
  equal(attachments[0]?.["title"], "[FIRING:1] HighCpu (critical) on 50/100 hosts");
});

test("fields, actions and the rest are templates", async () => {
  const api = new FakeApi({ status: 200, body: "ok" });
  const config: Partial<SlackConfig> = {
    channel: "#{{ .CommonLabels.severity }}",
    messageText: "{{ .Status }}!",
    iconEmoji: ":fire:",
    linkNames: true,
    pretext: "pre",
    text: "text",
    footer: "foot {{ .Receiver }}",
    imageUrl: "http://i/{{ .Status }}",
    thumbUrl: "http://t",
    mrkdwnIn: ["text"],
    shortFields: true,
    fields: [
      { title: "A", value: "{{ .Status }}", short: undefined },
      { title: "B", value: "b", short: false },
    ],
    actions: [
      {
        type: "button",
        text: "Go {{ .Receiver }}",
        url: "http://g",
        style: "primary",
        name: "",
        value: "",
        confirm: undefined,
      },
      {
        ...{ type: "button", text: "Do", url: "", style: "", name: "do", value: "v-{{ .Status }}" },
        confirm: { text: "sure?", title: "", okText: "yes", dismissText: "" },
      },
    ],
  };
  await send(slack(api, config));
  deepEqual(api.json(), {
    channel: "#critical",
    username: "Pharos",
    icon_emoji: ":fire:",
    link_names: true,
    text: "firing!",
    attachments: [
      {
        title: "[FIRING:1] HighCpu (critical)",
        title_link: "http://pharos.test/alerts?receiver=team",
        pretext: "pre",
        text: "text",
        fallback: "[FIRING:1] HighCpu (critical) | http://pharos.test/alerts?receiver=team",
        callback_id: "",
        fields: [
          { title: "A", value: "firing", short: true },
          { title: "B", value: "b", short: false },
        ],
        actions: [
          { type: "button", text: "Go team", url: "http://g", style: "primary" },
          {
            type: "button",
            text: "Do",
            name: "do",
            value: "v-firing",
            confirm: { text: "sure?", ok_text: "yes" },
          },
        ],
        image_url: "http://i/firing",
        thumb_url: "http://t",
        footer: "foot team",
        color: "danger",
        mrkdwn_in: ["text"],
      },
    ],
  });
});

test("what is longer than Slack takes is cut", async () => {
  const api = new FakeApi({ status: 200, body: "ok" });
  await send(slack(api, { title: "t".repeat(2000), text: "x".repeat(50_000) }));
  const { attachments } = api.json() as { attachments: { title: string; text: string }[] };
  equal(attachments[0]?.title, `${"t".repeat(1023)}…`);
  equal(attachments[0]?.text.length, 40_000);
});

test("an app posts with its token", async () => {
  const api = new FakeApi(POSTED);
  deepEqual(await send(slack(api, APP)), {});
  equal(api.request().url, APP_URL);
  equal(api.request().headers["authorization"], "Bearer xoxb-t0ken");
});

describe("the strategy update", () => {
  const config: Partial<SlackConfig> = { ...APP, messageStrategy: "update" };

  test("keeps where the first message stands, and changes it afterwards", async () => {
    const api = new FakeApi(POSTED);
    const receiver = slack(api, config);
    deepEqual(await send(receiver), { state: STATE });
    deepEqual(await send(receiver, outgoing(NOTIFICATION, STATE)), { state: STATE });
    const [first, second] = calls(api);
    equal(first?.[0], "chat.postMessage");
    equal(first?.[1]["channel"], "#alerts");
    equal(second?.[0], "chat.update");
    equal(second?.[1]["channel"], "C1");
    equal(second?.[1]["ts"], "1.5");
    deepEqual(second?.[1]["attachments"], first?.[1]["attachments"]);
  });

  test("begins anew when all was resolved", async () => {
    const api = new FakeApi(POSTED);
    deepEqual(await send(slack(api, config), outgoing(RESOLVED, STATE)), { state: null });
    deepEqual(await send(slack(api, config), outgoing(NOTIFICATION, null)), { state: STATE });
    deepEqual(
      calls(api).map(([method]) => method),
      ["chat.update", "chat.postMessage"],
    );
  });

  test("posts anew where the message is gone", async () => {
    const lost = { status: 200, body: { ok: false, error: "message_not_found" } };
    const again = { status: 200, body: { ok: true, channel: "C1", ts: "2.5" } };
    const api = new FakeApi(lost, again);
    deepEqual(await send(slack(api, config), outgoing(NOTIFICATION, STATE)), {
      state: { ...STATE, ts: "2.5" },
    });
  });

  test("does not take what is no state of its own for one", async () => {
    for (const state of ["x", 1, [], {}, { ts: 1, channel: "C" }]) {
      const api = new FakeApi(POSTED);
      await send(slack(api, config), outgoing(NOTIFICATION, state));
      deepEqual(
        calls(api).map(([method]) => method),
        ["chat.postMessage"],
      );
    }
  });
});

describe("the strategy thread", () => {
  const config: Partial<SlackConfig> = {
    ...APP,
    messageStrategy: "thread",
    thread: { resolveEmoji: "white_check_mark", useSummaryHeader: false, resolveColor: "" },
  };
  const headed: Partial<SlackConfig> = {
    ...config,
    thread: { resolveEmoji: "ok", useSummaryHeader: true, resolveColor: "#00ff00" },
  };

  test("answers the first message, and marks it when all is over", async () => {
    const api = new FakeApi(POSTED, { status: 200, body: { ok: true, channel: "C1", ts: "9.9" } });
    const receiver = slack(api, config);
    deepEqual(await send(receiver), { state: STATE });
    deepEqual(await send(receiver, outgoing(NOTIFICATION, STATE)), { state: STATE });
    deepEqual(await send(receiver, outgoing(RESOLVED, STATE)), { state: null });
    deepEqual(
      calls(api).map(([method, body]) => [
        method,
        body["channel"],
        body["thread_ts"],
        body["name"],
      ]),
      [
        ["chat.postMessage", "#alerts", undefined, undefined],
        ["chat.postMessage", "C1", "1.5", undefined],
        ["chat.postMessage", "C1", "1.5", undefined],
        ["reactions.add", "C1", undefined, "white_check_mark"],
      ],
    );
    equal(calls(api)[3]?.[1]["timestamp"], "1.5");
  });

  test("with a header, the header says what happened and the alerts are answers", async () => {
    const api = new FakeApi(POSTED);
    const receiver = slack(api, headed);
    let { state } = await send(receiver);
    deepEqual(state, { ...STATE, transitions: ["FIRING"] });
    const more = { ...NOTIFICATION, reason: "new alerts added" } as const;
    ({ state } = await send(receiver, { ...outgoing(more, state), idempotencyKey: "key-2" }));
    ({ state } = await send(receiver, { ...outgoing(RESOLVED, state), idempotencyKey: "key-3" }));
    equal(state, null);
    deepEqual(
      calls(api).map(([method, { thread_ts, ts, attachments }]) => {
        const [{ title, color } = {}] =
          attachments === undefined ? [] : (attachments as Record<string, unknown>[]);
        return [method, thread_ts ?? ts, title, color];
      }),
      [
        ["chat.postMessage", undefined, "FIRING: HighCpu", "danger"],
        ["chat.postMessage", "1.5", "[FIRING:1] HighCpu (critical)", "danger"],
        ["chat.postMessage", "1.5", "[FIRING:1] HighCpu (critical)", "danger"],
        ["chat.update", "1.5", "FIRING (2): HighCpu", "danger"],
        ["chat.postMessage", "1.5", "[RESOLVED] HighCpu (critical)", "good"],
        ["chat.update", "1.5", "FIRING (2) → RESOLVED: HighCpu", "#00ff00"],
        ["reactions.add", undefined, undefined, undefined],
      ],
    );
  });

  test("an attempt that got half-way goes on with the thread it began", async () => {
    const api = new FakeApi(POSTED, { status: 500 }, POSTED);
    const receiver = slack(api, headed);
    await refuses(send(receiver), "notify.unavailable");
    await send(receiver);
    const threads = calls(api).map(([method, body]) => `${method} ${body["thread_ts"] ?? "-"}`);
    deepEqual(threads.filter((call) => call === "chat.postMessage -").length, 1);
    equal(threads.at(-2), "chat.postMessage 1.5");
  });

  test("a mark or a header that cannot be changed is no failure", async () => {
    const no = { status: 200, body: { ok: false, error: "missing_scope" } };
    const api = new FakeApi(POSTED, no);
    await send(slack(api, config), outgoing(RESOLVED, STATE));
    equal(api.requests.length, 2);
  });
});

describe("what Slack answers", () => {
  const json = (error: string) => ({ ok: false, error });
  const rows: readonly (readonly [
    status: number,
    body: unknown,
    OperatingError["code"],
    string,
  ])[] = [
    [200, "no_service", "notify.rejected", "Slack answered no_service"],
    [200, "", "notify.rejected", "Slack answered nothing"],
    [200, json("channel_not_found"), "notify.rejected", "Slack answered channel_not_found"],
    [200, json("invalid_auth"), "notify.rejected", "Slack answered invalid_auth"],
    [200, json("message_not_found"), "notify.rejected", "message_not_found"],
    [200, json("ratelimited"), "notify.unavailable", "Slack answered ratelimited"],
    [200, json("internal_error"), "notify.unavailable", "Slack answered internal_error"],
    [200, [], "notify.unavailable", "Slack answered []"],
    [400, "invalid_payload", "notify.rejected", "status 400: invalid_payload"],
    [404, "channel_not_found", "notify.rejected", "status 404: channel_not_found"],
    [410, "channel_is_archived", "notify.rejected", "status 410: channel_is_archived"],
    [429, "", "notify.unavailable", "status 429"],
    [500, "rollup_error", "notify.unavailable", "status 500: rollup_error"],
  ];
  for (const [status, body, code, says] of rows)
    test(`${status} ${JSON.stringify(body)}: ${code}`, async () => {
      const api = new FakeApi({ status, body });
      await refuses(send(slack(api, APP)), code, [
        `slack at slack.test: channel "#alerts": `,
        says,
      ]);
    });

  test("neither webhook nor token shows", async () => {
    const api = new FakeApi({
      status: 403,
      body: `xoxb-t0ken ${HOOK} /services/T000AAA/B111BBB/x2y3z4w5`,
    });
    await refuses(send(slack(api)), "notify.rejected", [], ["T000AAA", "B111BBB", "x2y3z4w5"]);
    await refuses(send(slack(api, APP)), "notify.rejected", [], ["xoxb-t0ken"]);
  });
});
