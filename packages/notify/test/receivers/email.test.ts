import { deepEqual, equal, match, ok } from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { Secret } from "@pharos/base";
import type { MailRequest } from "@pharos/ports";
import type { EmailConfig } from "../../src/config/email-config.ts";
import { createReceiver } from "../../src/receivers/create-receiver.ts";
import { FakeApi, KNOWN, NOTIFICATION, outgoing, refuses, send } from "./fake-api.ts";

const CONFIG: EmailConfig = {
  kind: "email",
  index: 0,
  sendResolved: true,
  to: "ops@example.org, Lead <lead@example.org>",
  from: "Pharos <pharos@example.org>",
  smarthost: { host: "mail.test", port: "587" },
  hello: "pharos.test",
  auth: undefined,
  requireTls: true,
  forceImplicitTls: undefined,
  tls: undefined,
  headers: [
    ["To", "ops@example.org, Lead <lead@example.org>"],
    ["From", "Pharos <pharos@example.org>"],
    ["Subject", '{{ template "email.default.subject" . }}'],
  ],
  html: '{{ template "email.default.html" . }}',
  text: "",
  threading: undefined,
};

async function mailOf(
  change: Partial<EmailConfig> = {},
  notification = NOTIFICATION,
): Promise<MailRequest> {
  const api = new FakeApi();
  const receipt = await send(
    createReceiver({ ...CONFIG, ...change }, api.environment),
    outgoing(notification),
  );
  deepEqual(receipt, {});
  const [mail] = api.mails;
  ok(mail !== undefined && api.mails.length === 1);
  return mail;
}

test("a mail has its recipients, headers, text and HTML", async () => {
  const { server, envelope, message } = await mailOf();
  deepEqual(server, { host: "mail.test", port: 587, security: "starttls", hello: "pharos.test" });
  deepEqual(envelope, {
    from: "pharos@example.org",
    to: ["ops@example.org", "lead@example.org"],
  });
  const id = createHash("sha256").update("key-1").digest("hex").slice(0, 32);
  deepEqual(message.headers, [
    ["To", "ops@example.org, Lead <lead@example.org>"],
    ["From", "Pharos <pharos@example.org>"],
    ["Subject", "[FIRING:1] HighCpu (critical)"],
    ["Date", "Fri, 03 May 2024 12:00:00 +0000"],
    ["Message-ID", `<${id}@example.org>`],
    ["Auto-Submitted", "auto-generated"],
  ]);
  match(message.text ?? "", /^\[FIRING:1\] HighCpu \(critical\)\n\n/);
  match(message.html ?? "", /\[1\] Firing/);
  deepEqual(message.images, []);
});

test("texts of one's own are used, escaped in HTML", async () => {
  const { message } = await mailOf({
    text: "{{ .Status }} <&>",
    html: "<b>{{ range .Alerts }}{{ .Labels.instance }}{{ end }}{{ `<i>` }}</b>",
    headers: [
      ["Subject", "S {{ .Status }}\r\nBcc: x@y"],
      ["message-id", "<own@x>"],
      ["X-Team", "{{ .RouteLabels.team }}"],
    ],
  });
  equal(message.text, "firing <&>");
  equal(message.html, "<b>ab&lt;i&gt;</b>");
  deepEqual(message.headers.slice(0, 3), [
    ["Subject", "S firing Bcc: x@y"],
    ["message-id", "<own@x>"],
    ["X-Team", "web"],
  ]);
  ok(!message.headers.some(([name]) => name === "Message-ID"));
});

test("the chart is in the mail where the HTML shows it", async () => {
  const { message } = await mailOf({}, KNOWN);
  const [image] = message.images;
  equal(image?.contentId, "chart@pharos");
  equal(image?.contentType, "image/png");
  ok(message.html?.includes('src="cid:chart@pharos"'));
  ok(message.html?.includes("http://pharos.test/ack?t=1"));
  deepEqual((await mailOf({ html: "<p>none</p>" }, KNOWN)).message.images, []);
  const empty = { ...KNOWN.context?.chart, title: "cpu", url: "http://x", series: [] };
  const without = await mailOf({}, { ...KNOWN, context: { chart: empty } });
  deepEqual(without.message.images, []);
  ok(!without.message.html?.includes("cid:"));
});

test("mails of a group hang together, by day if so wanted", async () => {
  const group = createHash("sha256").update(NOTIFICATION.groupKey).digest("hex").slice(0, 16);
  for (const [byDate, day] of [
    ["daily", "2024-05-03"],
    ["none", ""],
  ] as const) {
    const { message } = await mailOf({ threading: { byDate } });
    const headers = new Map(message.headers);
    equal(headers.get("References"), `<alert-${group}-${day}@pharos>`);
    equal(headers.get("In-Reply-To"), `<alert-${group}-${day}@pharos>`);
  }
});

describe("how the connection is encrypted", () => {
  const rows: readonly (readonly [string, Partial<EmailConfig>, number, string])[] = [
    ["587", {}, 587, "starttls"],
    ["587", { requireTls: false }, 587, "any"],
    ["465", {}, 465, "tls"],
    ["smtps", { requireTls: false }, 465, "tls"],
    ["submission", {}, 587, "starttls"],
    ["465", { forceImplicitTls: false }, 465, "starttls"],
    ["2525", { forceImplicitTls: true }, 2525, "tls"],
  ];
  for (const [port, change, number, security] of rows)
    test(`port ${port} ${JSON.stringify(change)}: ${security}`, async () => {
      const { server } = await mailOf({ ...change, smarthost: { host: "mail.test", port } });
      equal(server.port, number);
      equal(server.security, security);
    });
});

test("the login and certificates come from the configuration", async () => {
  const password = new Secret("p");
  const { server } = await mailOf({
    auth: { username: "u", password, secret: undefined, identity: "i" },
    tls: { serverName: "x" },
  });
  deepEqual(server.auth, { username: "u", password, identity: "i" });
  deepEqual(server.tls, { serverName: "x" });
});

test("who was refused by the server is named, and the others are not told twice", async () => {
  const api = new FakeApi();
  api.refusedRecipients = ["lead@example.org"];
  const receipt = await send(createReceiver(CONFIG, api.environment), outgoing(NOTIFICATION));
  deepEqual(receipt, { shortfall: "email: the server refused lead@example.org" });
  equal(api.mails.length, 1);
});

describe("what cannot be sent is refused without a mail", () => {
  const rows: readonly (readonly [Partial<EmailConfig>, string])[] = [
    [{ to: "{{ .CommonLabels.none }}" }, 'email: to: "" is no list of mail addresses'],
    [{ to: "ops" }, 'email: to: "ops" is no list of mail addresses'],
    [{ from: "a@x.org, b@x.org" }, "is not one mail address"],
    [{ from: "nobody" }, 'email: from: "nobody" is not one mail address'],
    [{ smarthost: { host: "x", port: "http" } }, 'email: smarthost: "http" is no port'],
    [{ html: "{{ .Nope }}" }, "template: 1:4: at <.Nope>"],
  ];
  for (const [change, says] of rows)
    test(says, async () => {
      const api = new FakeApi();
      await refuses(
        send(createReceiver({ ...CONFIG, ...change }, api.environment)),
        "notify.rejected",
        [says],
      );
      equal(api.mails.length, 0);
    });
});
