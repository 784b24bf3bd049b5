import type { Secret } from "@pharos/base";
import type { TlsOptions } from "@pharos/ports";
import type { IntegrationBase, NamedText } from "./integration-base.ts";

/** Sends mail by SMTP. */
export interface EmailConfig extends IntegrationBase {
  readonly kind: "email";
  /** A template: addresses with commas between them. */
  readonly to: string;
  /** A template: one address, with or without a name. */
  readonly from: string;
  /** The mail server. */
  readonly smarthost: HostPort;
  /** What the server is told we are called. */
  readonly hello: string;
  /** Absent where the server wants no login. */
  readonly auth: SmtpAuth | undefined;
  /** Whether mail is only sent encrypted, by STARTTLS where the connection is not from its start. */
  readonly requireTls: boolean;
  /** Whether the connection is encrypted from its start; undefined means at port 465 only. */
  readonly forceImplicitTls: boolean | undefined;
  readonly tls: TlsOptions | undefined;
  /**
   * Names as mail writes them (`Reply-To`), the texts are templates. `To`, `From` and `Subject` are always there, with
   * their defaults where the file does not say.
   */
  readonly headers: readonly NamedText[];
  /** Templates; one that is empty is not sent. */
  readonly html: string;
  readonly text: string;
  /** How mails of one group hang together in a mail program; undefined where they do not. */
  readonly threading: { readonly byDate: "none" | "daily" } | undefined;
}

export interface SmtpAuth {
  readonly username: string;
  /** For PLAIN and LOGIN. */
  readonly password: Secret | undefined;
  /** For CRAM-MD5. */
  readonly secret: Secret | undefined;
  /** For PLAIN; "" for the same as `username`. */
  readonly identity: string;
}

export interface HostPort {
  readonly host: string;
  /** A number, or a name such as `smtp`. */
  readonly port: string;
}
