import type { EmailConfig, NamedText, SmtpAuth } from "@pharos/notify";
import { z } from "zod";
import { secretText } from "../field-schemas.ts";
import { defaultTemplate, hostPort, text, texts } from "./alertmanager-fields.ts";
import { tlsConfigSchema } from "./global-schema.ts";
import type { IntegrationReader } from "./integration-reader.ts";

export const emailSchema = z.strictObject({
  send_resolved: z.boolean().default(false),
  to: text(),
  from: text(),
  hello: text(),
  smarthost: hostPort.optional(),
  auth_username: text(),
  auth_password: secretText().optional(),
  auth_password_file: z.string().optional(),
  auth_secret: secretText().optional(),
  auth_secret_file: z.string().optional(),
  auth_identity: text(),
  headers: texts,
  html: text(defaultTemplate("email.default.html")),
  text: text(),
  require_tls: z.boolean().optional(),
  force_implicit_tls: z.boolean().optional(),
  tls_config: tlsConfigSchema,
  threading: z
    .strictObject({ enabled: z.boolean().default(false), thread_by_date: text() })
    .prefault({}),
});

type EmailKeys = z.output<typeof emailSchema>;

export function email(keys: EmailKeys, reader: IntegrationReader): EmailConfig {
  const { global } = reader;
  if (keys.to === "") reader.report("missing to address in email config", "to");
  const from = keys.from || global.smtp_from;
  if (from === "")
    reader.reportMissing("no global SMTP from set; set from here, or smtp_from under global");
  const smarthost = keys.smarthost ?? global.smtp_smarthost;
  if (smarthost === undefined)
    reader.reportMissing(
      "no global SMTP smarthost set; set smarthost here, or smtp_smarthost under global",
    );
  return {
    kind: "email",
    index: reader.index,
    sendResolved: keys.send_resolved,
    to: keys.to,
    from,
    smarthost: smarthost ?? { host: "", port: "" },
    hello: keys.hello || global.smtp_hello,
    auth: authOf(keys, reader),
    requireTls: keys.require_tls ?? global.smtp_require_tls,
    forceImplicitTls: keys.force_implicit_tls ?? global.smtp_force_implicit_tls,
    tls: reader.tls(keys.tls_config),
    headers: headersOf(keys, from, reader),
    html: keys.html,
    text: keys.text,
    threading: threadingOf(keys, reader),
  };
}

function authOf(keys: EmailKeys, reader: IntegrationReader): SmtpAuth | undefined {
  const { global } = reader;
  const username = keys.auth_username || global.smtp_auth_username;
  const password = reader.secret(keys, "auth_password", "smtp_auth_password");
  const secret = reader.secret(keys, "auth_secret", "smtp_auth_secret");
  const identity = keys.auth_identity || global.smtp_auth_identity;
  return username === "" ? undefined : { username, password, secret, identity };
}

/** Names are the same in any case of letters. */
function headersOf(keys: EmailKeys, from: string, reader: IntegrationReader): readonly NamedText[] {
  const headers = new Map<string, string>();
  for (const [name, value] of Object.entries(keys.headers)) {
    const canonical = canonicalHeader(name);
    if (headers.has(canonical))
      reader.report(`duplicate header "${canonical}" in email config`, "headers", name);
    headers.set(canonical, value);
  }
  const usual = { Subject: defaultTemplate("email.default.subject"), To: keys.to, From: from };
  for (const [name, value] of Object.entries(usual))
    if (!headers.has(name)) headers.set(name, value);
  return [...headers];
}

/** `reply-to` and `REPLY-TO` are `Reply-To`. */
function canonicalHeader(name: string): string {
  return name.toLowerCase().replace(/(^|-)([a-z])/g, (part) => part.toUpperCase());
}

function threadingOf(keys: EmailKeys, reader: IntegrationReader): EmailConfig["threading"] {
  const { enabled, thread_by_date: byDate } = keys.threading;
  if (!enabled) return undefined;
  for (const name of Object.keys(keys.headers)) {
    const canonical = canonicalHeader(name);
    if (canonical === "References" || canonical === "In-Reply-To")
      reader.report(
        `conflicting configuration: threading.enabled conflicts with custom ${canonical} header`,
        "headers",
        name,
      );
  }
  if (byDate === "none" || byDate === "daily") return { byDate };
  reader.report(
    "threading.thread_by_date must be either 'none' or 'daily'",
    "threading",
    "thread_by_date",
  );
  return undefined;
}
