import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { createHmac } from "node:crypto";
import { createServer, type Server, type Socket } from "node:net";
import { describe, test } from "node:test";
import { TLSSocket } from "node:tls";
import { OperatingError, Secret } from "@pharos/base";
import type { MailRequest, MailServer } from "@pharos/ports";
import { LOCALHOST_CERTIFICATE, LOCALHOST_KEY } from "@pharos/testing";
import { smtpMailClient } from "../src/smtp/index.ts";

interface FakeOptions {
  /** Lines of the answer to EHLO. */
  readonly offers?: readonly string[];
  /** Encrypted from the start. */
  readonly tls?: boolean;
  /** What is answered to lines that begin so, instead of what is usual. */
  readonly answers?: Readonly<Record<string, string>>;
}

/** A mail server that keeps every byte it is told. */
class FakeServer implements AsyncDisposable {
  /** Lines as they came, without their ends; those inside TLS begin with a lock. */
  readonly lines: string[] = [];
  /** The mail itself, as it stood between DATA and the dot. */
  mail = "";
  readonly #options: FakeOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(options: FakeOptions) {
    this.#options = options;
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => {});
      if (options.tls === true) this.#serve(this.#encrypt(socket), true);
      else this.#serve(socket, false);
    });
  }

  static async start(options: FakeOptions = {}): Promise<FakeServer> {
    const fake = new FakeServer(options);
    await new Promise<void>((done) => fake.#server.listen(0, "127.0.0.1", done));
    return fake;
  }

  get port(): number {
    const address = this.#server.address();
    ok(typeof address === "object" && address !== null);
    return address.port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((done) => this.#server.close(done));
  }

  #encrypt(socket: Socket): TLSSocket {
    const secure = new TLSSocket(socket, {
      isServer: true,
      cert: LOCALHOST_CERTIFICATE,
      key: LOCALHOST_KEY,
    });
    secure.on("error", () => {});
    return secure;
  }

  #serve(socket: Socket, encrypted: boolean): void {
    let pending = "";
    let inData = false;
    const answer = (text: string): void => void socket.write(`${text}\r\n`);
    const onData = (bytes: Buffer): void => {
      pending += bytes.toString("latin1");
      for (;;) {
        if (inData) {
          const end = pending.indexOf("\r\n.\r\n");
          if (end < 0) return;
          this.mail = pending.slice(0, end + 2);
          pending = pending.slice(end + 5);
          inData = false;
          answer(this.#answerTo("mail") ?? "250 taken");
          continue;
        }
        const end = pending.indexOf("\r\n");
        if (end < 0) return;
        const line = pending.slice(0, end);
        pending = pending.slice(end + 2);
        this.lines.push(encrypted ? `🔒${line}` : line);
        const command = line.slice(0, 4).toUpperCase();
        const special = this.#answerTo(line);
        if (special !== undefined) answer(special);
        else if (command === "EHLO")
          answer(
            ["mail.test", ...(this.#options.offers ?? [])]
              .map((offer, i, all) => `250${i === all.length - 1 ? " " : "-"}${offer}`)
              .join("\r\n"),
          );
        else if (command === "STAR") {
          answer("220 go on");
          socket.removeListener("data", onData);
          this.#serve(this.#encrypt(socket), true);
          return;
        } else if (command === "AUTH")
          answer(line.includes("CRAM-MD5") ? `334 ${btoa("<1@mail.test>")}` : "235 in");
        else if (command === "DATA") {
          inData = true;
          answer("354 go on");
        } else if (command === "QUIT") {
          answer("221 bye");
          socket.end();
        } else if (["MAIL", "RCPT", "RSET"].includes(command)) answer("250 fine");
        else answer("235 in"); // The second line of a login.
      }
    };
    socket.on("data", onData);
    // Inside a connection that was greeted before it was encrypted, nobody greets again.
    if (encrypted && this.#options.tls !== true) return;
    const greeting = this.#answerTo("greeting") ?? "220 mail.test ESMTP";
    if (greeting !== "") answer(greeting);
  }

  #answerTo(line: string): string | undefined {
    return Object.entries(this.#options.answers ?? {}).find(([start]) =>
      line.startsWith(start),
    )?.[1];
  }
}

const MESSAGE: MailRequest["message"] = {
  headers: [
    ["From", "Pharos <pharos@example.org>"],
    ["To", "ops@example.org"],
    ["Subject", "[FIRING:1] Up"],
    ["Date", "Fri, 03 May 2024 12:00:00 +0000"],
    ["Message-ID", "<1@example.org>"],
  ],
  text: "one\n.\n..two\n",
  images: [],
};

const PASSWORD = "pä ss";

function send(
  { port }: FakeServer,
  server: Partial<MailServer> = {},
  request: Partial<MailRequest> = {},
  signal = new AbortController().signal,
): Promise<{ readonly refused: readonly string[] }> {
  return smtpMailClient().send(
    {
      server: { host: "localhost", port, security: "any", hello: "pharos.test", ...server },
      envelope: { from: "pharos@example.org", to: ["ops@example.org"] },
      message: MESSAGE,
      timeoutMs: 10_000,
      ...request,
    },
    signal,
  );
}

const auth = { username: "me", password: new Secret(PASSWORD), identity: "" };
const tls = { ca: LOCALHOST_CERTIFICATE };

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

test("a mail is sent, byte by byte", async () => {
  await using server = await FakeServer.start();
  deepEqual(await send(server), { refused: [] });
  deepEqual(server.lines.slice(0, 4), [
    "EHLO pharos.test",
    "MAIL FROM:<pharos@example.org>",
    "RCPT TO:<ops@example.org>",
    "DATA",
  ]);
  equal(
    server.mail,
    [
      "From: Pharos <pharos@example.org>",
      "To: ops@example.org",
      "Subject: [FIRING:1] Up",
      "Message-ID: <1@example.org>",
      "Date: Fri, 03 May 2024 12:00:00 +0000",
      "Content-Transfer-Encoding: 7bit",
      "MIME-Version: 1.0",
      "Content-Type: text/plain; charset=utf-8",
      "",
      "one",
      "..",
      "...two",
      "",
    ].join("\r\n"),
  );
});

test("text, HTML and an image are parts in each other", async () => {
  await using server = await FakeServer.start();
  const bytes = Uint8Array.of(1, 2, 3, 255);
  const image = {
    contentId: "chart@pharos",
    fileName: "chart.png",
    contentType: "image/png",
    bytes,
  };
  await send(server, {}, { message: { ...MESSAGE, html: "<b>ü</b>", images: [image] } });
  const boundaries = server.mail.replace(/_NmP-[0-9a-f]+-Part_/g, "part");
  match(
    boundaries,
    /multipart\/alternative;[\s\S]*text\/plain[\s\S]*multipart\/related;[\s\S]*text\/html[\s\S]*<b>=C3=BC<\/b>[\s\S]*image\/png/,
  );
  match(server.mail, /^Content-Id: <chart@pharos>\r$/im);
  match(server.mail, /^Content-Disposition: inline; filename=chart.png\r$/m);
  ok(server.mail.includes(`\r\n\r\n${Buffer.from(bytes).toString("base64")}\r\n`));
});

test("no header and no address ends its line early", async () => {
  await using server = await FakeServer.start();
  const headers = [
    ...MESSAGE.headers,
    ["X-Odd", "a\r\nBcc: evil@example.org\r\n\r\nbody"],
  ] as const;
  await send(server, {}, { message: { ...MESSAGE, headers } });
  ok(!/^Bcc:/im.test(server.mail), server.mail);
  equal(server.lines.filter((line) => line.startsWith("RCPT")).length, 1);
});

describe("how the connection is encrypted", () => {
  test("by STARTTLS, which must be there", async () => {
    await using server = await FakeServer.start({ offers: ["STARTTLS"] });
    await send(server, { security: "starttls", tls });
    deepEqual(server.lines.slice(0, 4), [
      "EHLO pharos.test",
      "STARTTLS",
      "🔒EHLO pharos.test",
      "🔒MAIL FROM:<pharos@example.org>",
    ]);
    await using plain = await FakeServer.start({ answers: { STARTTLS: "502 unknown command" } });
    await rejects(send(plain, { security: "starttls", tls }));
    ok(!plain.lines.some((line) => line.startsWith("MAIL")), "nothing was told in the open");
  });

  test("from the start", async () => {
    await using server = await FakeServer.start({ tls: true });
    await send(server, { security: "tls", tls });
    ok(server.lines.every((line) => line.startsWith("🔒")));
  });

  test("where the server can, without asking who it is", async () => {
    await using able = await FakeServer.start({ offers: ["STARTTLS"] });
    await send(able, { security: "any" });
    ok(able.lines.includes("🔒DATA"));
    await using unable = await FakeServer.start();
    await send(unable, { security: "any" });
    ok(unable.lines.includes("DATA"));
  });

  test("a server that is somebody else is not talked to", async () => {
    await using server = await FakeServer.start({ offers: ["STARTTLS"] });
    const fails = async (change: Partial<MailServer>, message: RegExp): Promise<void> => {
      await rejects(send(server, { security: "starttls", ...change }), (error: OperatingError) => {
        equal(error.code, "notify.unavailable");
        match(error.message, message);
        return true;
      });
    };
    await fails({}, /self-signed certificate/);
    await fails({ tls: { ...tls, serverName: "other.test" } }, /other\.test/);
    ok(!server.lines.some((line) => line.includes("MAIL")));
    await send(server, { security: "starttls", tls: { insecureSkipVerify: true } });
  });
});

describe("logins", () => {
  const rows: readonly (readonly [
    string,
    readonly string[],
    Partial<MailServer>,
    readonly string[],
  ])[] = [
    ["PLAIN", ["AUTH LOGIN PLAIN"], { auth }, [`AUTH PLAIN ${base64(`\0me\0${PASSWORD}`)}`]],
    ["LOGIN", ["AUTH LOGIN"], { auth }, ["AUTH LOGIN", base64("me"), base64(PASSWORD)]],
    [
      "PLAIN for somebody else",
      ["AUTH PLAIN"],
      { auth: { ...auth, identity: "team" } },
      [`AUTH PLAIN ${base64(`team\0me\0${PASSWORD}`)}`],
    ],
    [
      "CRAM-MD5",
      ["AUTH PLAIN CRAM-MD5"],
      { auth: { username: "me", secret: new Secret("shh"), identity: "" } },
      [
        "AUTH CRAM-MD5",
        base64(`me ${createHmac("md5", "shh").update("<1@mail.test>").digest("hex")}`),
      ],
    ],
    ["none where the server asks for none", [], { auth }, []],
    ["none where there is none", ["AUTH PLAIN"], {}, []],
  ];
  for (const [what, offers, server, expected] of rows)
    test(what, async () => {
      const loginAnswers =
        what === "LOGIN"
          ? { "AUTH LOGIN": "334 VXNlcm5hbWU6", [base64("me")]: "334 UGFzc3dvcmQ6" }
          : {};
      await using fake = await FakeServer.start({ offers, answers: loginAnswers });
      await send(fake, server);
      const from = fake.lines.findIndex((line) => line.startsWith("MAIL"));
      deepEqual(fake.lines.slice(1, from), expected);
    });
});

describe("what goes wrong says whether it may work later", () => {
  const rows: readonly (readonly [
    Readonly<Record<string, string>>,
    OperatingError["code"],
    RegExp,
  ])[] = [
    [{ greeting: "421 too busy" }, "notify.unavailable", /421 too busy/],
    [{ greeting: "554 not you" }, "notify.rejected", /554 not you/],
    [{ AUTH: "535 wrong" }, "notify.rejected", /535 wrong/],
    [{ AUTH: "454 later" }, "notify.unavailable", /454 later/],
    [{ MAIL: "550 no" }, "notify.rejected", /550 no/],
    [{ RCPT: "550 unknown user" }, "notify.rejected", /550 unknown user/],
    [{ RCPT: "451 grey" }, "notify.unavailable", /451 grey/],
    [{ DATA: "452 disk full" }, "notify.unavailable", /452 disk full/],
    [{ mail: "554 spam" }, "notify.rejected", /554 spam/],
    [{ mail: "421 bye" }, "notify.unavailable", /421 bye/],
  ];
  for (const [answers, code, message] of rows)
    test(`${JSON.stringify(answers)}: ${code}`, async () => {
      await using server = await FakeServer.start({ offers: ["AUTH PLAIN"], answers });
      await rejects(send(server, { auth }), (error: OperatingError) => {
        equal(error.code, code, error.message);
        match(error.message, message);
        ok(error.message.startsWith(`mail server localhost:${server.port}: `));
        return true;
      });
    });

  test("a recipient among others that is refused is told", async () => {
    await using server = await FakeServer.start({ answers: { "RCPT TO:<no@": "550 unknown" } });
    const envelope = { from: "a@example.org", to: ["ops@example.org", "no@example.org"] };
    deepEqual(await send(server, {}, { envelope }), { refused: ["no@example.org"] });
  });

  test("one that is not there, or speaks no TLS, is told in a few words", async () => {
    await using server = await FakeServer.start();
    await rejects(
      send(server, { security: "tls" }),
      new OperatingError(
        "notify.unavailable",
        `mail server localhost:${server.port}: the server does not speak TLS`,
      ),
    );
    await rejects(
      send(server, { host: "127.0.0.1", port: 1 }),
      new OperatingError("notify.unavailable", "mail server 127.0.0.1:1: connection refused"),
    );
  });

  test("a server that says nothing has its time", async () => {
    await using server = await FakeServer.start({ answers: { greeting: "" } });
    await rejects(send(server, {}, { timeoutMs: 50 }), {
      code: "notify.unavailable",
      message: `mail server localhost:${server.port}: no answer within 50 ms`,
    });
  });

  test("an abort ends it with its own reason", async () => {
    await using server = await FakeServer.start({ answers: { greeting: "" } });
    const stop = new AbortController();
    const sent = send(server, {}, {}, stop.signal);
    const reason = new Error("stopped");
    stop.abort(reason);
    await rejects(sent, reason);
    await rejects(send(server, {}, {}, stop.signal), reason);
  });

  test("no password shows, even where the server repeats it", async () => {
    const token = base64(`\0me\0${PASSWORD}`);
    await using server = await FakeServer.start({
      offers: ["AUTH PLAIN"],
      answers: {
        AUTH: `535 AUTH PLAIN ${token} is wrong, and so is ${Buffer.from(PASSWORD).toString("latin1")}`,
      },
    });
    await rejects(send(server, { auth }), (error: OperatingError) => {
      ok(!error.message.includes(token), error.message);
      equal(error.cause, undefined);
      return true;
    });
  });
});
