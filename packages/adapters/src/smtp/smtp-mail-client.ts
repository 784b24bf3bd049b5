import { OperatingError } from "@pharos/base";
import type { MailAuth, MailClient, MailMessage, MailRequest, MailServer } from "@pharos/ports";
import MailComposer from "nodemailer/lib/mail-composer";
import SMTPConnection, { type SMTPConnectionAuth } from "nodemailer/lib/smtp-connection";
import { reasonOf } from "../node/connection-problem.ts";

/** How much of what a server answers is kept. */
const ANSWER_SIZE_MAX = 64 * 1024;
const ANSWER_LENGTH_SHOWN = 200;

/** Mail over SMTP, a connection each: notifications are rare, and idle connections are cut by servers. */
export function smtpMailClient(): MailClient {
  return {
    async send(request, signal) {
      signal.throwIfAborted();
      const bytes = await compose(request.message);
      const timeout = new OperatingError(
        "notify.unavailable",
        describe(request, `no answer within ${request.timeoutMs} ms`),
      );
      const deadline = new AbortController();
      const timer = setTimeout(() => deadline.abort(timeout), request.timeoutMs);
      try {
        return await transmit(request, bytes, AbortSignal.any([signal, deadline.signal]));
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        if (deadline.signal.aborted) throw timeout;
        throw failure(request, error);
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

async function transmit(
  { server, envelope, timeoutMs }: MailRequest,
  message: Uint8Array,
  signal: AbortSignal,
): Promise<{ refused: readonly string[] }> {
  signal.throwIfAborted();
  const { host, port, security, hello, tls } = server;
  const connection = new SMTPConnection({
    host,
    port,
    secure: security === "tls",
    requireTLS: security === "starttls",
    opportunisticTLS: security === "any",
    name: hello,
    tls: {
      ca: tls?.ca,
      cert: tls?.cert,
      key: tls?.key,
      ...(tls?.serverName === undefined ? {} : { servername: tls.serverName }),
      rejectUnauthorized: tls?.insecureSkipVerify !== true && security !== "any",
      ...(tls?.minVersion === undefined ? {} : { minVersion: tls.minVersion }),
      ...(tls?.maxVersion === undefined ? {} : { maxVersion: tls.maxVersion }),
    },
    // Never before our own limit, which tells what it was.
    connectionTimeout: 2 * timeoutMs,
    greetingTimeout: 2 * timeoutMs,
    socketTimeout: 2 * timeoutMs,
    maxResponseSize: ANSWER_SIZE_MAX,
    customAuth: { "PLAIN-AS": plainAs },
  });
  const { promise: broken, reject: breakOff } = Promise.withResolvers<never>();
  connection.on("error", breakOff);
  connection.on("end", () => breakOff(new Error("the server closed the connection")));
  const abort = (): void => {
    breakOff(signal.reason);
    connection.close();
  };
  signal.addEventListener("abort", abort, { once: true });
  const step = <T>(work: (done: (error: unknown, result: T) => void) => void): Promise<T> => {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    work((error, result) => (error ? reject(error) : resolve(result)));
    return Promise.race([promise, broken]);
  };
  broken.catch(() => {}); // Whichever step is on its way tells; afterwards nobody needs to know.
  try {
    await step<void>((done) => connection.connect((error) => done(error, undefined)));
    if (server.auth !== undefined && connection.allowsAuth) {
      const login = loginOf(server.auth);
      await step<void>((done) => connection.login(login, (error) => done(error, undefined)));
    }
    const sent = await step<{ rejected?: string[] | undefined } | undefined>((done) =>
      connection.send(
        { from: envelope.from, to: [...envelope.to] },
        Buffer.from(message),
        (error, info) => done(error, info),
      ),
    );
    connection.quit();
    return { refused: sent?.rejected ?? [] };
  } catch (error) {
    connection.close();
    throw error;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

function loginOf({ username, password, secret, identity }: MailAuth): SMTPConnectionAuth {
  if (password === undefined)
    return { user: username, pass: secret?.reveal() ?? "", method: "CRAM-MD5" };
  const credentials = { user: username, pass: password.reveal() };
  if (identity === "" || identity === username) return credentials;
  return { ...credentials, method: "PLAIN-AS", options: { identity } };
}

/** PLAIN for one who acts for somebody else, which nodemailer does not know of itself. */
async function plainAs(context: {
  readonly auth: SMTPConnectionAuth;
  sendCommand(command: string): Promise<{ readonly status: number; readonly response: string }>;
  resolve(): void;
  reject(error: Error): void;
}): Promise<void> {
  const { user = "", pass = "", options } = context.auth;
  const token = Buffer.from(`${String(options?.["identity"])}\0${user}\0${pass}`).toString(
    "base64",
  );
  const { status, response } = await context.sendCommand(`AUTH PLAIN ${token}`);
  if (status >= 200 && status < 300) context.resolve();
  else context.reject(Object.assign(new Error(response), { responseCode: status }));
}

async function compose({ headers, text, html, images }: MailMessage): Promise<Uint8Array> {
  const composer = new MailComposer({
    headers: headers
      .filter(([name]) => !ADDRESSES.has(name.toLowerCase()))
      .map(([key, value]) => ({ key, value })),
    ...Object.fromEntries(
      headers
        .filter(([name]) => ADDRESSES.has(name.toLowerCase()))
        .map(([name, value]) => [ADDRESSES.get(name.toLowerCase()), value]),
    ),
    ...(text === undefined ? {} : { text }),
    ...(html === undefined ? {} : { html }),
    attachments: images.map(({ contentId, fileName, contentType, bytes }) => ({
      cid: contentId,
      filename: fileName,
      contentType,
      content: Buffer.from(bytes),
    })),
    // Nothing of a text may make this process read files or addresses.
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return composer.compile().build();
}

/** Headers that nodemailer must read, since their names and addresses are encoded apart. */
const ADDRESSES: ReadonlyMap<string, string> = new Map([
  ["from", "from"],
  ["sender", "sender"],
  ["to", "to"],
  ["cc", "cc"],
  ["reply-to", "replyTo"],
  ["subject", "subject"],
  ["message-id", "messageId"],
  ["in-reply-to", "inReplyTo"],
  ["references", "references"],
  ["date", "date"],
]);

/** What nodemailer tells of a failure. */
interface SmtpError extends Error {
  readonly responseCode?: number;
  readonly response?: string;
}

function failure(request: MailRequest, error: unknown): OperatingError {
  if (!(error instanceof Error)) throw error;
  const { responseCode, response } = error as SmtpError;
  const refused = responseCode !== undefined && responseCode >= 500;
  const text =
    responseCode === undefined ? (reasonOf(error) ?? error.message) : (response ?? error.message);
  return new OperatingError(
    refused ? "notify.rejected" : "notify.unavailable",
    describe(request, text),
  );
}

/** Servers repeat what they were sent; a password among it is not repeated by us. */
function describe({ server }: MailRequest, reason: string): string {
  let text = reason.replace(/\s+/g, " ").trim();
  for (const secret of secretsOf(server)) text = text.replaceAll(secret, "<secret>");
  if (text.length > ANSWER_LENGTH_SHOWN) text = `${text.slice(0, ANSWER_LENGTH_SHOWN)}…`;
  return `mail server ${server.host}:${server.port}: ${text}`;
}

function secretsOf({ auth }: MailServer): string[] {
  const secrets: string[] = [];
  for (const secret of [auth?.password?.reveal(), auth?.secret?.reveal()]) {
    if (secret === undefined || secret === "") continue;
    const user = auth?.username ?? "";
    secrets.push(
      Buffer.from(`\0${user}\0${secret}`).toString("base64"),
      Buffer.from(`${auth?.identity}\0${user}\0${secret}`).toString("base64"),
      Buffer.from(secret).toString("base64"),
      secret,
    );
  }
  return secrets;
}
