import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { describe, test } from "node:test";
import { Secret } from "@pharos/base";
import type { TelegramConfig } from "../../src/config/chat-configs.ts";
import { DeliveryError } from "../../src/receiver.ts";
import { createReceiver } from "../../src/receivers/create-receiver.ts";
import { escapedHtml, truncateHtml, visibleText } from "../../src/receivers/html-text.ts";
import { TELEGRAM } from "./configs.ts";
import { FakeApi, KNOWN, outgoing, RESOLVED, refuses, send } from "./fake-api.ts";

const TAKEN = { status: 200, body: { ok: true, result: { message_id: 1 } } };

test("alerts are a message of the bot, as HTML", async () => {
  const api = new FakeApi(TAKEN);
  const receiver = createReceiver(
    { ...TELEGRAM, message: '<b>{{ .Status }}</b> {{ "a<b" }}' },
    api.environment,
  );
  await send(receiver);
  await send(receiver, outgoing(RESOLVED));
  const { method, url, headers, body } = api.request();
  equal(method, "POST");
  equal(url, "https://api.telegram.org/bot12345:telegram-s3cret/sendMessage");
  deepEqual(headers, { "content-type": "application/json", "user-agent": "Pharos/1.2.3" });
  equal(
    body,
    '{"chat_id":"-1001234567890","text":"<b>firing</b> a&lt;b","disable_web_page_preview":true,"parse_mode":"HTML"}',
  );
  ok(String(api.request(1).body).includes("<b>resolved</b>"));
});

test("a thread, silence and plain text are asked for where they are configured", async () => {
  const api = new FakeApi(TAKEN);
  const config: TelegramConfig = {
    ...TELEGRAM,
    ...{ apiUrl: "http://bots.test/", botToken: new Secret("1:a"), chatId: "@alerts" },
    ...{ messageThreadId: 7, disableNotifications: true, message: "a < b" },
    parseMode: "",
  };
  await send(createReceiver(config, api.environment));
  equal(api.request().url, "http://bots.test/bot1:a/sendMessage");
  deepEqual(api.json(), {
    ...{ chat_id: "@alerts", text: "a < b", disable_web_page_preview: true },
    ...{ disable_notification: true, message_thread_id: 7 },
  });
});

describe("a message has at most 4,096 characters that are read", () => {
  const textOf = async (config: Partial<typeof TELEGRAM>): Promise<string> => {
    const api = new FakeApi(TAKEN);
    await send(createReceiver({ ...TELEGRAM, ...config }, api.environment), outgoing(KNOWN));
    return (api.json() as { text: string }).text;
  };

  test("plain text is cut", async () => {
    equal(await textOf({ parseMode: "", message: "x".repeat(5000) }), `${"x".repeat(4095)}…`);
  });

  test("tags and entities do not count", async () => {
    const fitting = `<a href="http://long.example/${"p".repeat(3000)}">${"&lt;".repeat(4096)}</a>`;
    equal(await textOf({ message: fitting }), fitting);
  });

  test("HTML that is longer loses its tags and is cut", async () => {
    const long = `<b>${"a&amp;".repeat(3000)}</b>`;
    equal(await textOf({ message: long }), `${"a&amp;".repeat(2047)}a…`);
  });

  test("HTML of more than 32 KiB loses its tags", async () => {
    equal(await textOf({ message: `<a href="http://x/${"p".repeat(40_000)}">x</a>` }), "x");
  });

  test("what comes first is how many are affected, and the links", async () => {
    const text = await textOf({});
    ok(text.startsWith("Affected: 50/100 hosts\n"), text);
    ok(text.indexOf("Acknowledge: http://pharos.test/ack?t=1") < text.indexOf("Alerts Firing"));
  });
});

test("a text whose marks Telegram cannot read is sent without them", async () => {
  const refused = {
    status: 400,
    body: { ok: false, error_code: 400, description: "Bad Request: can't parse entities: <x>" },
  };
  const api = new FakeApi(refused, TAKEN);
  await send(createReceiver({ ...TELEGRAM, message: "<x>a &amp; b</x>" }, api.environment));
  deepEqual(api.json(1), {
    chat_id: "-1001234567890",
    text: "a & b",
    disable_web_page_preview: true,
  });
  const markdown = new FakeApi(refused, TAKEN);
  const config = { ...TELEGRAM, parseMode: "MarkdownV2", message: "a_b*" } as const;
  await send(createReceiver(config, markdown.environment));
  equal((markdown.json(1) as { text: string }).text, "a_b*");
  await refuses(
    send(createReceiver(TELEGRAM, new FakeApi(refused).environment)),
    "notify.rejected",
    ["can't parse entities"],
  );
});

test("how long to wait is in the answer", async () => {
  const body = { ok: false, description: "Too Many Requests", parameters: { retry_after: 17 } };
  const api = new FakeApi({ status: 429, body });
  await rejects(send(createReceiver(TELEGRAM, api.environment)), (error) => {
    ok(error instanceof DeliveryError);
    equal(error.code, "notify.unavailable");
    equal(error.retryAfterMs, 17_000);
    return true;
  });
});

test("where a chat has gone is said", async () => {
  const description = "Bad Request: group chat was upgraded to a supergroup chat";
  const body = { ok: false, description, parameters: { migrate_to_chat_id: -1009 } };
  const api = new FakeApi({ status: 400, body });
  await refuses(send(createReceiver(TELEGRAM, api.environment)), "notify.rejected", [
    "supergroup chat; the chat is now -1009",
  ]);
});

test("200 is no success without ok: true", async () => {
  for (const [body, code] of [
    [{ ok: false, description: "Forbidden: bot was blocked" }, "notify.rejected"],
    ["<html>proxy</html>", "notify.unavailable"],
  ] as const)
    await refuses(
      send(createReceiver(TELEGRAM, new FakeApi({ status: 200, body }).environment)),
      code,
    );
});

describe("HTML", () => {
  test("what is read of it is the text without tags, entities read", () => {
    equal(visibleText('<b>1 &lt; 2</b> &amp;lt; &quot;&#65;&#x1F525;"'), '1 < 2 &lt; "A🔥"');
    equal(visibleText("a < b > c &nbsp; &#9999999;"), "a < b > c &nbsp; &#9999999;");
  });

  test("escaping and reading give the same text", () => {
    for (const text of ["<b>&amp;</b>", "a & b", "&lt;", "🔥<", ""])
      equal(visibleText(escapedHtml(text)), text);
  });

  test("cutting leaves nothing open", () => {
    equal(truncateHtml("<b>abc</b>", 3), "<b>abc</b>");
    equal(truncateHtml("<b>abcd</b>", 3), "ab…");
    equal(truncateHtml("<b>a&lt;cd</b>", 3), "a&lt;…");
  });
});
