import { deepEqual, equal } from "node:assert/strict";
import { describe, test } from "node:test";
import type { OperatingError } from "@pharos/base";
import type { WeChatConfig } from "../../src/config/chat-configs.ts";
import { createReceiver } from "../../src/receivers/create-receiver.ts";
import { WECHAT } from "./configs.ts";
import { type Answer, FakeApi, refuses, send } from "./fake-api.ts";

const TAKEN = { status: 200, body: { errcode: 0, errmsg: "ok" } };

function token(text: string): Answer {
  return {
    status: 200,
    body: { errcode: 0, errmsg: "ok", access_token: text, expires_in: 7200 },
  };
}

function refused(errcode: number): Answer {
  return { status: 200, body: { errcode, errmsg: "not now" } };
}

test("a message is sent as the app, with a token that the secret gave", async () => {
  const api = new FakeApi(token("t1"), TAKEN);
  await send(createReceiver({ ...WECHAT, message: "hot" }, api.environment));
  deepEqual(
    api.requests.map(({ method, url }) => `${method} ${url}`),
    [
      "GET https://qyapi.weixin.qq.com/cgi-bin/gettoken?corpid=corp&corpsecret=wechat-s3cret",
      "POST https://qyapi.weixin.qq.com/cgi-bin/message/send?access_token=t1",
    ],
  );
  equal(api.request(0).body, undefined);
  equal(
    api.request(1).body,
    '{"text":{"content":"hot"},"touser":"@all","agentid":"1000002","safe":"0","msgtype":"text"}',
  );
});

test("Markdown goes where it belongs, and people may be parties and tags", async () => {
  const api = new FakeApi(token("t1"), TAKEN);
  const config: WeChatConfig = {
    ...WECHAT,
    messageType: "markdown",
    ...{ message: "**{{ .Status }}**", toUser: "", toParty: "p-{{ .Receiver }}", toTag: "t" },
  };
  await send(createReceiver(config, api.environment));
  deepEqual(api.json(1), {
    markdown: { content: "**firing**" },
    ...{ toparty: "p-team", totag: "t", agentid: "1000002", safe: "0", msgtype: "markdown" },
  });
});

test("a text is at most 2,048 bytes, Markdown 4,096", async () => {
  for (const [messageType, size] of [
    ["text", 2048],
    ["markdown", 4096],
  ] as const) {
    const api = new FakeApi(token("t1"), TAKEN);
    const config = { ...WECHAT, messageType, message: "火".repeat(2000) };
    await send(createReceiver(config, api.environment));
    const { content } = (api.json(1) as Record<string, { content: string }>)[messageType] ?? {};
    const length = Buffer.byteLength(content ?? "");
    equal(length <= size && length > size - 4, true, `${length}`);
  }
});

test("a token is used while it holds, and another one is asked for when it is refused", async () => {
  const api = new FakeApi(...[token("t1"), TAKEN, TAKEN, refused(42001), token("t2"), TAKEN]);
  const receiver = createReceiver(WECHAT, api.environment);
  for (let i = 0; i < 3; i++) await send(receiver);
  const used = api.requests.map(({ url }) => new URL(url).searchParams.get("access_token"));
  deepEqual(used, [null, "t1", "t1", "t1", null, "t2"]);
  deepEqual(api.json(5), api.json(3));
});

test("a token is not used beyond its time", async () => {
  const api = new FakeApi(token("t1"), TAKEN, token("t2"), TAKEN);
  const receiver = createReceiver(WECHAT, api.environment);
  await send(receiver);
  await api.clock.run(api.clock.sleep(7141_000, new AbortController().signal));
  await send(receiver);
  equal(new URL(api.request(3).url).searchParams.get("access_token"), "t2");
});

test("two refused tokens are enough", async () => {
  const api = new FakeApi(token("t1"), TAKEN, refused(40014), token("t2"), refused(40014));
  const receiver = createReceiver(WECHAT, api.environment);
  await send(receiver);
  await refuses(send(receiver), "notify.rejected", ["error 40014: not now"], ["t2"]);
  equal(api.requests.length, 5);
});

describe("codes", () => {
  const CODES: readonly (readonly [number, OperatingError["code"]])[] = [
    [-1, "notify.unavailable"],
    [45009, "notify.unavailable"],
    [40003, "notify.rejected"],
    [81013, "notify.rejected"],
  ];
  for (const [code, expected] of CODES)
    test(`${code}: ${expected}`, async () => {
      const api = new FakeApi(token("acc3ss-token"), {
        status: 200,
        body: { errcode: code, errmsg: "no acc3ss-token" },
      });
      await refuses(
        send(createReceiver(WECHAT, api.environment)),
        expected,
        [`error ${code}: no <secret>`],
        ["acc3ss-token"],
      );
    });

  test("an answer that is none of WeChat's says nothing of the message", async () => {
    const api = new FakeApi(token("t1"), { status: 200, body: "<html>" });
    await refuses(send(createReceiver(WECHAT, api.environment)), "notify.unavailable");
  });

  test("a wrong secret is told once", async () => {
    const api = new FakeApi({
      status: 200,
      body: { errcode: 40001, errmsg: "invalid wechat-s3cret" },
    });
    await refuses(
      send(createReceiver(WECHAT, api.environment)),
      "notify.rejected",
      ["access token: error 40001: invalid <secret>"],
      ["wechat-s3cret"],
    );
    equal(api.requests.length, 1);
  });
});
