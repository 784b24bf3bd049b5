// Teams, Discord, Webex, Rocket.Chat and Mattermost.

import { deepEqual, equal, ok } from "node:assert/strict";
import { describe, test } from "node:test";
import type { OperatingError } from "@pharos/base";
import { createReceiver } from "../../src/receivers/create-receiver.ts";
import {
  DISCORD,
  EMPTY_ATTACHMENT,
  MATTERMOST,
  MSTEAMS,
  MSTEAMSV2,
  ROCKETCHAT,
  WEBEX,
} from "./configs.ts";
import { FakeApi, KNOWN, outgoing, RESOLVED, refuses, send } from "./fake-api.ts";

const JSON_HEADERS = { "content-type": "application/json", "user-agent": "Pharos/1.2.3" };

describe("Teams by a connector", () => {
  test("alerts are a card, red while they fire and green when they are over", async () => {
    const api = new FakeApi({ status: 200, body: "1" });
    const receiver = createReceiver({ ...MSTEAMS, text: "hot" }, api.environment);
    await send(receiver);
    await send(receiver, outgoing(RESOLVED));
    const { method, url, headers, body } = api.request();
    equal(method, "POST");
    equal(url, "https://example.webhook.office.com/webhookb2/teams-s3cret");
    deepEqual(headers, JSON_HEADERS);
    equal(
      body,
      '{"@context":"http://schema.org/extensions","@type":"MessageCard",' +
        '"title":"[FIRING:1] HighCpu (critical)","summary":"[FIRING:1] HighCpu (critical)",' +
        '"themeColor":"8C1A1A","text":"hot"}',
    );
    equal((api.json(1) as { themeColor: string }).themeColor, "2DC72D");
  });

  const ANSWERS: readonly (readonly [string, OperatingError["code"]])[] = [
    ["Microsoft Teams endpoint returned HTTP error 429 with ContextId x", "notify.unavailable"],
    ["Microsoft Teams endpoint returned HTTP error 500 with ContextId x", "notify.unavailable"],
    ["Microsoft Teams endpoint returned HTTP error 404 with ContextId x", "notify.rejected"],
  ];
  for (const [text, code] of ANSWERS)
    test(`status 200 with "${text}": ${code}`, async () => {
      const body = `Webhook message delivery failed with error: ${text}`;
      const api = new FakeApi({ status: 200, body });
      await refuses(send(createReceiver(MSTEAMS, api.environment)), code, [text]);
    });
});

test("Teams by a workflow gets an adaptive card", async () => {
  const api = new FakeApi({ status: 202 });
  const receiver = createReceiver({ ...MSTEAMSV2, text: "hot" }, api.environment);
  await send(receiver);
  await send(receiver, outgoing(RESOLVED));
  const { method, url, headers, body } = api.request();
  equal(method, "POST");
  equal(url, "https://prod.logic.azure.com/workflows/w0/triggers?sig=teams2-s3cret");
  deepEqual(headers, JSON_HEADERS);
  equal(
    body,
    '{"type":"message","attachments":[{"contentType":"application/vnd.microsoft.card.adaptive","contentUrl":null,' +
      '"content":{"$schema":"http://adaptivecards.io/schemas/adaptive-card.json","type":"AdaptiveCard","version":"1.2",' +
      '"body":[{"type":"TextBlock","text":"[FIRING:1] HighCpu (critical)","weight":"Bolder","size":"Medium",' +
      '"wrap":true,"style":"heading","color":"Attention"},{"type":"TextBlock","text":"hot","wrap":true}],' +
      '"msteams":{"width":"full"}}}]}',
  );
  ok(String(api.request(1).body).includes('"color":"Good"'));
});

test("a card for Teams is at most 28 KiB, whatever its text is made of", async () => {
  for (const config of [MSTEAMS, MSTEAMSV2])
    for (const character of ["x", '"', "ж", "🔥", "\u0001"]) {
      const api = new FakeApi({ status: 200, body: "1" });
      await send(
        createReceiver({ ...config, text: character.repeat(40_000) }, api.environment),
        outgoing(KNOWN),
      );
      const size = Buffer.byteLength(String(api.request().body));
      ok(size <= 28 * 1024 && size > 28 * 1024 - 9, `${config.kind} ${character}: ${size}`);
      ok(String(api.request().body).includes("…"));
    }
});

describe("Discord", () => {
  test("alerts are an embed", async () => {
    const api = new FakeApi({ status: 204 });
    const receiver = createReceiver({ ...DISCORD, message: "hot" }, api.environment);
    await send(receiver);
    await send(receiver, outgoing(RESOLVED));
    const { method, url, headers, body } = api.request();
    equal(method, "POST");
    equal(url, "https://discord.com/api/webhooks/4711/discord-s3cret");
    deepEqual(headers, JSON_HEADERS);
    equal(
      body,
      '{"content":"","embeds":[{"title":"[FIRING:1] HighCpu (critical)","description":"hot","color":10038562}]}',
    );
    deepEqual(api.json(1), {
      content: "",
      embeds: [{ title: "[RESOLVED] HighCpu (critical)", description: "hot", color: 3066993 }],
    });
  });

  test("texts have their limits, and the title leads to the incident", async () => {
    const api = new FakeApi({ status: 204 });
    const config = {
      ...DISCORD,
      content: "c".repeat(2001),
      title: "t".repeat(257),
      message: "m".repeat(4097),
      username: "{{ .Receiver }}",
      avatarUrl: "http://a/{{ .Status }}.png",
    };
    await send(createReceiver(config, api.environment), outgoing(KNOWN));
    deepEqual(api.json(), {
      content: `${"c".repeat(1999)}…`,
      embeds: [
        {
          title: `${"t".repeat(255)}…`,
          description: `${"m".repeat(4095)}…`,
          color: 10038562,
          url: "http://pharos.test/incidents/i-1",
        },
      ],
      username: "team",
      avatar_url: "http://a/firing.png",
    });
  });
});

describe("Webex", () => {
  test("alerts are Markdown, in the room", async () => {
    const api = new FakeApi({ status: 200, body: {} });
    await send(createReceiver({ ...WEBEX, message: "**hot**" }, api.environment));
    const { method, url, headers, body } = api.request();
    equal(method, "POST");
    equal(url, "https://webexapis.com/v1/messages");
    deepEqual(headers, { ...JSON_HEADERS, authorization: "Bearer webex-t0ken" });
    equal(body, '{"markdown":"**hot**","roomId":"room-firing"}');
  });

  test("a message is at most 7,439 bytes, and begins with how many are affected", async () => {
    const api = new FakeApi({ status: 200, body: {} });
    const cut = { ...WEBEX, message: "ж".repeat(4000) };
    await send(createReceiver(cut, api.environment));
    const { markdown } = api.json() as { markdown: string };
    equal(Buffer.byteLength(markdown), 7439);
    equal(markdown, `${"ж".repeat(3718)}…`);
    await send(createReceiver(WEBEX, api.environment), outgoing(KNOWN));
    ok((api.json(1) as { markdown: string }).markdown.startsWith("Affected: 50/100 hosts\n"));
  });

  test("a room that is being changed may be told later", async () => {
    const api = new FakeApi({ status: 423, body: { message: "Locked" } });
    await refuses(send(createReceiver(WEBEX, api.environment)), "notify.unavailable", ["Locked"]);
  });
});

describe("Rocket.Chat", () => {
  const TAKEN = { status: 200, body: { success: true, channel: "alerts" } };

  test("alerts are a message with an attachment, sent as a user", async () => {
    const api = new FakeApi(TAKEN);
    await send(createReceiver({ ...ROCKETCHAT, text: "hot" }, api.environment));
    const { method, url, headers, body } = api.request();
    equal(method, "POST");
    equal(url, "https://open.rocket.chat/api/v1/chat.postMessage");
    deepEqual(headers, {
      ...JSON_HEADERS,
      "x-auth-token": "rocket-t0ken",
      "x-user-id": "rocket-us3r",
    });
    equal(
      body,
      '{"channel":"#alerts","attachments":[{"title":"[FIRING:1] HighCpu (critical)",' +
        '"title_link":"http://pharos.test/alerts?receiver=team","text":"hot","color":"red"}]}',
    );
  });

  test("all fields are templates", async () => {
    const api = new FakeApi(TAKEN);
    const config = {
      ...ROCKETCHAT,
      ...{ emoji: ":fire:", iconUrl: "http://i", imageUrl: "http://m", thumbUrl: "http://t" },
      ...{ title: "t".repeat(1025), titleLink: "", text: "{{ .Status }}", shortFields: true },
      fields: [
        { title: "a", value: "{{ .Receiver }}", short: undefined },
        { title: "b", value: "2", short: false },
      ],
      actions: [
        {
          ...{ type: "", text: "Go", url: "http://go/{{ .Status }}", imageUrl: "" },
          ...{ isWebview: true, webviewHeightRatio: "full", msg: "", msgInChatWindow: false },
          msgProcessingType: "",
        },
      ],
    };
    await send(createReceiver(config, api.environment));
    deepEqual(api.json(), {
      channel: "#alerts",
      emoji: ":fire:",
      avatar: "http://i",
      attachments: [
        {
          title: `${"t".repeat(1023)}…`,
          text: "firing",
          image_url: "http://m",
          thumb_url: "http://t",
          color: "red",
          fields: [
            { short: true, title: "a", value: "team" },
            { short: false, title: "b", value: "2" },
          ],
          actions: [
            {
              ...{ type: "button", text: "Go", url: "http://go/firing" },
              ...{ is_webview: true, webview_height_ratio: "full" },
            },
          ],
        },
      ],
    });
  });

  const ANSWERS: readonly (readonly [number, unknown, OperatingError["code"], string])[] = [
    [200, { success: false, error: "[invalid-channel]" }, "notify.rejected", "[invalid-channel]"],
    [200, { success: false, error: "error-too-many-requests" }, "notify.unavailable", "too-many"],
    [400, { success: false, error: "error-too-many-requests" }, "notify.unavailable", "too-many"],
    [200, "<html>sign in</html>", "notify.unavailable", "sign in"],
  ];
  for (const [status, body, code, says] of ANSWERS)
    test(`${status} ${JSON.stringify(body)}: ${code}`, async () => {
      const api = new FakeApi({ status, body });
      const sent = send(createReceiver(ROCKETCHAT, api.environment));
      await refuses(sent, code, ['channel "#alerts"', says]);
    });
});

describe("Mattermost", () => {
  const TAKEN = { status: 200, body: "ok" };

  test("alerts are a post with an attachment", async () => {
    const api = new FakeApi(TAKEN);
    await send(createReceiver({ ...MATTERMOST, text: "hot" }, api.environment));
    const { method, url, headers, body } = api.request();
    equal(method, "POST");
    equal(url, "https://mattermost.example.org/hooks/matter-s3cret");
    deepEqual(headers, JSON_HEADERS);
    equal(
      body,
      '{"channel":"town-square","username":"Pharos","attachments":[{' +
        '"fallback":"[FIRING:1] HighCpu (critical) | http://pharos.test/alerts?receiver=team",' +
        '"color":"#d63232","text":"hot","title":"[FIRING:1] HighCpu (critical)",' +
        '"title_link":"http://pharos.test/alerts?receiver=team"}]}',
    );
  });

  test("attachments of one's own stand below the text", async () => {
    const api = new FakeApi(TAKEN);
    const config = {
      ...MATTERMOST,
      text: "x".repeat(16_384),
      type: "custom",
      iconUrl: "http://i",
      props: { card: "{{ .Status }}" },
      attachments: [
        {
          ...EMPTY_ATTACHMENT,
          text: "{{ .Receiver }}",
          authorName: "me",
          fields: [{ title: "a", value: "b", short: undefined }],
        },
      ],
    };
    await send(createReceiver(config, api.environment));
    deepEqual(api.json(), {
      text: `${"x".repeat(16_382)}…`,
      channel: "town-square",
      username: "Pharos",
      icon_url: "http://i",
      attachments: [{ text: "team", author_name: "me", fields: [{ title: "a", value: "b" }] }],
      type: "custom",
      props: { card: "firing" },
    });
  });

  const PRIORITIES: readonly (readonly [string, object | undefined])[] = [
    ["URGENT", { priority: "urgent", requested_ack: true, persistent_notifications: true }],
    ["important", { priority: "important", requested_ack: true }],
    ["standard", { priority: "standard" }],
    ["{{ .Status }}", { priority: "standard" }],
    ["", undefined],
  ];
  for (const [asked, expected] of PRIORITIES)
    test(`priority ${JSON.stringify(asked)} asks for what it may`, async () => {
      const api = new FakeApi(TAKEN);
      const priority = { priority: asked, requestedAck: true, persistentNotifications: true };
      await send(createReceiver({ ...MATTERMOST, priority }, api.environment));
      deepEqual((api.json() as { priority?: object }).priority, expected);
    });
});
