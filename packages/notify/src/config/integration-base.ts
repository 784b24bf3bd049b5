import type { Secret } from "@pharos/base";
import type { TlsOptions } from "@pharos/ports";

/** What every way to tell people has in common. */
export interface IntegrationBase {
  /** The place among the receiver's integrations of the same kind, from 0. */
  readonly index: number;
  /** Whether it is told when alerts are over. */
  readonly sendResolved: boolean;
}

/** One that is told by HTTP. */
export interface HttpIntegrationBase extends IntegrationBase {
  readonly http: NotificationHttpConfig;
  /** Gives up an attempt after this long. */
  readonly timeoutMs: number;
}

/** How requests to a receiver are made, with the secrets read from their files. */
export interface NotificationHttpConfig {
  readonly basicAuth?: { readonly username: string; readonly password: Secret };
  /** `Authorization: <type> <credentials>`. */
  readonly authorization?: { readonly type: string; readonly credentials: Secret };
  /** A token by client credentials, instead of the two above. */
  readonly oauth2?: OAuth2Config;
  readonly headers?: readonly (readonly [name: string, value: Secret])[];
  /** Through which requests go. */
  readonly proxy?: NotificationProxy;
  readonly tls?: TlsOptions;
  readonly followRedirects: boolean;
}

/** Where and how tokens are asked for by OAuth 2's client credentials. */
export interface OAuth2Config {
  readonly clientId: string;
  readonly clientSecret: Secret;
  readonly tokenUrl: string;
  readonly scopes: readonly string[];
  /** Sent with each request for a token. */
  readonly endpointParams: readonly NamedText[];
  readonly proxy?: NotificationProxy;
  readonly tls?: TlsOptions;
}

/** As `HttpProxy`. */
export interface NotificationProxy {
  /** May hold a password. Undefined: as the environment says. */
  readonly url: Secret | undefined;
  readonly noProxy: string;
  readonly connectHeaders?: readonly (readonly [name: string, values: readonly Secret[]])[];
}

/** A name and a text, in the order of the file; whether either is a template is said where it is used. */
export type NamedText = readonly [name: string, text: string];
