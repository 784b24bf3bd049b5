import type { Secret } from "@pharos/base";
import type { TlsOptions } from "./http-client.ts";

export interface MailRequest {
  readonly server: MailServer;
  /** Addresses without names: who is told of bounces, and who gets the mail. */
  readonly envelope: { readonly from: string; readonly to: readonly string[] };
  readonly message: MailMessage;
  /** Gives up after this long, whatever has happened. */
  readonly timeoutMs: number;
}

export interface MailServer {
  readonly host: string;
  readonly port: number;
  /**
   * `tls` from the start, `starttls` or nothing, or `any`: encrypted where the server offers it, by whatever
   * certificate.
   */
  readonly security: "tls" | "starttls" | "any";
  /** Certificates and such; absent means the platform's defaults. */
  readonly tls?: TlsOptions;
  /** What the server is told we are called. */
  readonly hello: string;
  /** Used where the server asks for a login; absent where there is none. */
  readonly auth?: MailAuth;
}

export interface MailAuth {
  readonly username: string;
  /** For PLAIN and LOGIN. */
  readonly password?: Secret;
  /** For CRAM-MD5. */
  readonly secret?: Secret;
  /** For PLAIN: who is acted for; "" for the user. */
  readonly identity: string;
}

export interface MailMessage {
  /** In order, as they are shown: any characters but line breaks. `To` and `From` are written as given. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** At least one of the two; where both are there, a mail program shows one of them. */
  readonly text?: string;
  readonly html?: string;
  /** Shown in the HTML: `<img src="cid:…">`. */
  readonly images: readonly {
    readonly contentId: string;
    readonly fileName: string;
    readonly contentType: string;
    readonly bytes: Uint8Array;
  }[];
}

/** Mail to other machines, as the only way this code may send it. */
export interface MailClient {
  /**
   * Resolves when the server has taken the mail for at least one recipient; gives those it refused.
   *
   * @throws OperatingError `notify.unavailable` (no connection, 4xx) or `notify.rejected` (5xx), whose message holds no
   *   secret; or the signal's reason.
   */
  send(request: MailRequest, signal: AbortSignal): Promise<{ readonly refused: readonly string[] }>;
}
