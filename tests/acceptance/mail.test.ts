// Mail as it arrives in a mailbox of a real server: Debian's exim4.

import { equal, match, ok, rejects } from "node:assert/strict";
import { mkdtempDisposable } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { smtpMailClient } from "@pharos/adapters/smtp";
import { type Notification, NotificationTemplates } from "@pharos/alert";
import { labelsFrom, type OperatingError, Secret } from "@pharos/base";
import { createReceiver, type EmailConfig } from "@pharos/notify";
import type { MailRequest } from "@pharos/ports";
import { SimClock } from "@pharos/testing";
import { eventually } from "../harness/child.ts";
import { EximProcess, MAIL_PASSWORD, MAIL_USER, skipWithoutExim } from "../harness/exim-process.ts";

const STARTS_AT_MS = Date.UTC(2024, 4, 3, 12);

const NOTIFICATION: Notification = {
  receiver: "team",
  groupKey: '{}:{alertname="Hochlast"}',
  groupLabels: labelsFrom({ alertname: "Hochlast" }),
  routeLabels: [],
  reason: "first notification",
  alerts: [
    {
      labels: labelsFrom({ alertname: "Hochlast", instance: "größe-1" }),
      annotations: [["summary", "zu heiß <90°C>\n.\nEnde"]],
      startsAtMs: STARTS_AT_MS,
      endsAtMs: null,
      generatorUrl: "http://pharos.test/graph",
    },
  ],
  context: {
    incident: {
      id: "i",
      url: "http://pharos.test/incidents/i",
      acknowledgeUrl: "http://pharos.test/ack?t=1",
      status: "firing",
    },
    chart: {
      title: "Temperatur",
      url: "http://pharos.test/graph",
      series: [
        {
          name: "a",
          points: [
            [STARTS_AT_MS - 60_000, 80],
            [STARTS_AT_MS, 91],
          ],
        },
      ],
    },
  },
};

test("mail arrives, by every way to log in and to encrypt", {
  skip: skipWithoutExim(),
}, async (t) => {
  await using folder = await mkdtempDisposable(join(tmpdir(), "pharos-mail-"));
  await using server = await EximProcess.start(folder.path);
  const mail = smtpMailClient();
  const tls = { ca: server.certificate };
  const auth = {
    username: MAIL_USER,
    password: new Secret(MAIL_PASSWORD),
    secret: undefined,
    identity: "",
  };
  const config: EmailConfig = {
    kind: "email",
    index: 0,
    sendResolved: true,
    to: "Bereitschaft Süd <oncall@example.org>, lead@example.org",
    from: "Pharos <pharos@example.org>",
    smarthost: { host: "localhost", port: String(server.port) },
    hello: "pharos.test",
    auth,
    requireTls: true,
    forceImplicitTls: undefined,
    tls,
    headers: [
      ["To", "Bereitschaft Süd <oncall@example.org>, lead@example.org"],
      ["From", "Pharos <pharos@example.org>"],
      ["Subject", '{{ template "email.default.subject" . }}'],
      ["X-Ort", "Köln"],
    ],
    html: '{{ template "email.default.html" . }}',
    text: "",
    threading: { byDate: "daily" },
  };
  const environment = {
    http: {
      request: () => {
        throw new Error("mail needs no HTTP");
      },
    },
    mail,
    templates: NotificationTemplates.parse(),
    clock: new SimClock(STARTS_AT_MS),
    externalUrl: "http://pharos.test",
    userAgent: "Pharos/1",
  };
  let sentCount = 0;
  const send = (change: Partial<EmailConfig>, idempotencyKey: string): Promise<unknown> =>
    createReceiver({ ...config, ...change }, environment).send(
      { idempotencyKey, notification: NOTIFICATION, state: undefined },
      new AbortController().signal,
    );
  const arrived = async (change: Partial<EmailConfig>): Promise<string> => {
    const before = await server.mails();
    await send(change, `key-${sentCount++}`);
    return eventually("the mail is in the mailbox", async () => {
      const now = await server.mails();
      return now.find((each) => !before.includes(each));
    });
  };

  await t.test("with STARTTLS and PLAIN, whole", async () => {
    const text = await arrived({});
    match(await server.log(), /<= pharos@example\.org .* P=esmtpsa X=TLS1\.\d.* A=plain/);
    const headers = readHeaders(text);
    equal(headers.get("subject"), "[FIRING:1] Hochlast (größe-1)");
    equal(headers.get("to"), "Bereitschaft Süd <oncall@example.org>, lead@example.org");
    equal(headers.get("from"), "Pharos <pharos@example.org>");
    equal(headers.get("date"), "Fri, 03 May 2024 12:00:00 +0000");
    match(headers.get("message-id") ?? "", /^<[0-9a-f]{32}@example\.org>$/);
    match(headers.get("references") ?? "", /^<alert-[0-9a-f]{16}-2024-05-03@pharos>$/);
    equal(headers.get("x-ort"), "Köln");
    equal(headers.get("auto-submitted"), "auto-generated");
    match(text, /^Content-Type: multipart\/alternative;/m);
    match(text, /^Content-Type: multipart\/related;/m);
    match(text, /^Content-Id: <chart@pharos>$/im);
    const png = /Content-Type: image\/png[\s\S]*?\n\n([A-Za-z0-9+/=\n]+)/.exec(text)?.[1] ?? "";
    equal(Buffer.from(png, "base64").subarray(1, 4).toString(), "PNG");
    const shown = quotedPrintable(text);
    ok(shown.includes("zu heiß <90°C>\n.\nEnde"), "the text, a line with a dot alone in it");
    ok(shown.includes("zu heiß &lt;90°C&gt;"), "the HTML, escaped");
    ok(shown.includes("http://pharos.test/ack?t=1"));
  });

  await t.test("with TLS from the start", async () => {
    await arrived({
      smarthost: { host: "localhost", port: String(server.tlsPort) },
      forceImplicitTls: true,
    });
  });

  await t.test("with CRAM-MD5", async () => {
    const { username } = auth;
    const secret = new Secret(MAIL_PASSWORD);
    await arrived({ auth: { username, password: undefined, secret, identity: "" } });
    match(await server.log(), /A=cram:pharos/);
  });

  await t.test("for somebody else", async () => {
    await arrived({ auth: { ...auth, identity: "team" } });
    match(await server.log(), /A=plain:pharos for team/);
  });

  await t.test(
    "without a login, encrypted where the server can, by whatever certificate",
    async () => {
      await arrived({ auth: undefined, requireTls: false, tls: undefined });
      match(await server.log(), /P=esmtps X=/);
    },
  );

  const failures: readonly (readonly [
    string,
    Partial<EmailConfig>,
    OperatingError["code"],
    RegExp,
  ])[] = [
    [
      "a wrong password",
      { auth: { ...auth, password: new Secret("wr0ng!") } },
      "notify.rejected",
      /: 535 /,
    ],
    [
      "a certificate that nobody knows",
      { tls: undefined },
      "notify.unavailable",
      /self-signed certificate/,
    ],
    ["recipients elsewhere", { to: "a@other.test" }, "notify.rejected", /: 550 not for us/],
    [
      "a recipient for later",
      { to: "later@example.org" },
      "notify.unavailable",
      /: 451 come back tomorrow/,
    ],
    [
      "no server",
      { smarthost: { host: "127.0.0.1", port: "1" } },
      "notify.unavailable",
      /: connection refused$/,
    ],
  ];
  for (const [what, change, code, message] of failures)
    await t.test(`${what} is told: ${code}`, async () => {
      await rejects(send(change, "key"), (error: OperatingError) => {
        equal(error.code, code, error.message);
        match(error.message, message);
        ok(!error.message.includes("wr0ng"), error.message);
        return true;
      });
    });

  await t.test("one recipient of two that is refused keeps nobody else from the mail", async () => {
    const request: MailRequest = {
      server: { host: "localhost", port: server.port, security: "starttls", hello: "x", tls },
      envelope: { from: "a@example.org", to: ["b@example.org", "c@other.test"] },
      message: { headers: [["Subject", "s"]], text: "t", images: [] },
      timeoutMs: 5000,
    };
    const { refused } = await mail.send(request, new AbortController().signal);
    equal(refused.join(), "c@other.test");
  });
});

/** Names in small letters; lines put together and words decoded. */
function readHeaders(mail: string): Map<string, string> {
  const lines = mail
    .slice(0, mail.search(/\r?\n\r?\n/))
    .replace(/\r?\n[ \t]+/g, " ")
    .split(/\r?\n/);
  return new Map(
    lines.map((line) => {
      const colon = line.indexOf(":");
      const value = line
        .slice(colon + 1)
        .trim()
        .replace(/\?= =\?/g, "?==?");
      const decoded = value.replace(
        /=\?UTF-8\?Q\?(.*?)\?=/g,
        (_word, text: string) => `=>${text.replaceAll("_", " ")}`,
      );
      return [line.slice(0, colon).toLowerCase(), quotedPrintable(decoded.replaceAll("=>", ""))];
    }),
  );
}

/** Texts of a mail as they are read, with their soft line breaks and bytes put together. */
function quotedPrintable(text: string): string {
  const bytes = text
    .replace(/=\r?\n/g, "")
    .replace(/((?:=[0-9A-F]{2})+)/g, (codes) =>
      Buffer.from(codes.replaceAll("=", ""), "hex").toString(),
    );
  return bytes.replaceAll("\r\n", "\n");
}
