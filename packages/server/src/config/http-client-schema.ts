import { Secret } from "@pharos/base";
import type { TlsOptions } from "@pharos/ports";
import { z } from "zod";
import { secretText } from "./field-schemas.ts";
import { authorityProblem, certificateProblem, keyProblem } from "./pem-problem.ts";
import { notYet } from "./read-yaml.ts";
import type { Path } from "./yaml-source.ts";

export const headerName = z.string().regex(/^[!#$%&'*+.^_`|~\w-]+$/, "is not a header name");

/** As files name them, the lowest first. */
const TLS_VERSIONS = {
  TLS10: "TLSv1",
  TLS11: "TLSv1.1",
  TLS12: "TLSv1.2",
  TLS13: "TLSv1.3",
} as const;
const TLS_NAMES = Object.keys(TLS_VERSIONS) as (keyof typeof TLS_VERSIONS)[];
const tlsVersion = z.enum(TLS_NAMES).optional();

/**
 * The keys that Prometheus and Alertmanager share for the requests they make: authentication, TLS, proxies. Spread
 * into the schema of a scrape job, of a receiver's `http_config`.
 */
export const HTTP_CLIENT_KEYS = {
  basic_auth: z
    .strictObject({
      username: z.string().optional(),
      username_file: z.string().optional(),
      password: secretText().optional(),
      password_file: z.string().optional(),
    })
    .optional(),
  authorization: z
    .strictObject({
      type: z.string().default("Bearer"),
      credentials: secretText().optional(),
      credentials_file: z.string().optional(),
    })
    .optional(),
  bearer_token: secretText().optional(),
  bearer_token_file: z.string().optional(),
  oauth2: notYet("requests are made without an OAuth 2 token"),
  tls_config: z
    .strictObject({
      ca: z.string().optional(),
      ca_file: z.string().optional(),
      cert: z.string().optional(),
      cert_file: z.string().optional(),
      key: secretText().optional(),
      key_file: z.string().optional(),
      server_name: z.string().optional(),
      insecure_skip_verify: z.boolean().default(false),
      min_version: tlsVersion,
      max_version: tlsVersion,
    })
    .optional(),
  follow_redirects: z.boolean().default(true),
  enable_http2: notYet("requests use HTTP/1.1"),
  proxy_url: notYet("requests are made without a proxy"),
  no_proxy: notYet(),
  proxy_from_environment: notYet("requests are made without a proxy"),
  proxy_connect_header: notYet(),
  http_headers: z
    .record(
      headerName,
      z.strictObject({
        values: z.array(z.string()).default([]),
        secrets: z.array(secretText()).default([]),
        files: z.array(z.string()).default([]),
      }),
    )
    .default({}),
};

const SCHEMA = z.strictObject(HTTP_CLIENT_KEYS);
type HttpClientKeys = z.output<typeof SCHEMA>;

/** How to make requests, with the secrets read from their files. */
export interface HttpClientSettings {
  readonly basicAuth: { readonly username: string; readonly password: Secret } | undefined;
  readonly authorization: { readonly type: string; readonly credentials: Secret } | undefined;
  readonly httpHeaders: readonly (readonly [name: string, value: string | Secret])[];
  readonly tls: TlsOptions | undefined;
  readonly followRedirects: boolean;
}

/** Where problems go, and how the files that a configuration names are read. */
export interface SettingsContext {
  report(path: Path, message: string): void;
  /** The text of a file named in the configuration, or undefined (reported) where it cannot be read. */
  readFile(fileName: string, path: Path): string | undefined;
}

const RESERVED_HEADERS = new Set([
  ...["accept", "accept-encoding", "authorization", "connection", "content-encoding"],
  ...["content-length", "content-type", "host", "transfer-encoding", "upgrade", "user-agent"],
  ...["x-prometheus-scrape-timeout-seconds", "x-prometheus-remote-write-version"],
]);

/** Checks what the keys say together, and reads secrets from their files. Files are read again on every reload. */
export function httpClientSettings(
  keys: HttpClientKeys,
  path: Path,
  context: SettingsContext,
): HttpClientSettings {
  const { basic_auth, authorization, bearer_token, bearer_token_file } = keys;
  const methods = [
    basic_auth === undefined ? "" : "basic_auth",
    authorization === undefined ? "" : "authorization",
    bearer_token === undefined && bearer_token_file === undefined ? "" : "bearer_token",
  ].filter((name) => name !== "");
  if (methods.length > 1) {
    const [, second = ""] = methods;
    const at =
      second === "bearer_token" && bearer_token === undefined ? "bearer_token_file" : second;
    context.report([...path, at], `at most one of ${methods.join(", ")} may be configured`);
  }
  return {
    basicAuth: basicAuth(keys, [...path, "basic_auth"], context),
    authorization: authorizationOf(keys, path, context),
    httpHeaders: headers(keys, path, context),
    tls: tlsOptions(keys, [...path, "tls_config"], context),
    followRedirects: keys.follow_redirects,
  };
}

function basicAuth(
  { basic_auth: keys }: HttpClientKeys,
  path: Path,
  context: SettingsContext,
): HttpClientSettings["basicAuth"] {
  if (keys === undefined) return undefined;
  const username = textOf(keys.username, keys.username_file, "username", path, context);
  const password = secretOf(keys.password, keys.password_file, "password", path, context);
  return { username: username ?? "", password: password ?? new Secret("") };
}

function authorizationOf(
  keys: HttpClientKeys,
  path: Path,
  context: SettingsContext,
): HttpClientSettings["authorization"] {
  const { authorization, bearer_token, bearer_token_file } = keys;
  if (authorization === undefined) {
    const token = secretOf(bearer_token, bearer_token_file, "bearer_token", path, context);
    return token === undefined ? undefined : { type: "Bearer", credentials: token };
  }
  const at = [...path, "authorization"];
  const { type, credentials, credentials_file } = authorization;
  if (type.toLowerCase() === "basic")
    context.report([...at, "type"], `authorization type cannot be "basic"; use basic_auth instead`);
  const secret = secretOf(credentials, credentials_file, "credentials", at, context);
  return { type: type.trim(), credentials: secret ?? new Secret("") };
}

function headers(
  { http_headers }: HttpClientKeys,
  path: Path,
  context: SettingsContext,
): HttpClientSettings["httpHeaders"] {
  const list: (readonly [string, string | Secret])[] = [];
  for (const [name, { values, secrets, files }] of Object.entries(http_headers)) {
    const at = [...path, "http_headers", name];
    if (RESERVED_HEADERS.has(name.toLowerCase()))
      context.report(at, "this header is set by the program and cannot be changed");
    for (const value of values) list.push([name, value]);
    for (const secret of secrets) list.push([name, secret]);
    for (const [index, file] of files.entries()) {
      const text = context.readFile(file, [...at, "files", index]);
      if (text !== undefined) list.push([name, new Secret(text.trim())]);
    }
  }
  return list;
}

function tlsOptions(
  { tls_config: keys }: HttpClientKeys,
  path: Path,
  context: SettingsContext,
): TlsOptions | undefined {
  if (keys === undefined) return undefined;
  const ca = textOf(keys.ca, keys.ca_file, "ca", path, context);
  const cert = textOf(keys.cert, keys.cert_file, "cert", path, context);
  const key = secretOf(keys.key, keys.key_file, "key", path, context)?.reveal();
  if ((cert === undefined) !== (key === undefined))
    context.report(
      path,
      "a client certificate needs both cert (or cert_file) and key (or key_file)",
    );
  reportPem({ ca, cert, key }, keys, path, context);
  const { min_version: min, max_version: max } = keys;
  if (min !== undefined && max !== undefined && TLS_NAMES.indexOf(max) < TLS_NAMES.indexOf(min))
    context.report([...path, "max_version"], "max_version must not be below min_version");
  return {
    ...(min === undefined ? {} : { minVersion: TLS_VERSIONS[min] }),
    ...(max === undefined ? {} : { maxVersion: TLS_VERSIONS[max] }),
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(keys.server_name === undefined ? {} : { serverName: keys.server_name }),
    insecureSkipVerify: keys.insecure_skip_verify,
  };
}

type PemName = "ca" | "cert" | "key";

/** Found now, and not when something is to be sent. */
function reportPem(
  { ca, cert, key }: { [name in PemName]: string | undefined },
  keys: NonNullable<HttpClientKeys["tls_config"]>,
  path: Path,
  context: SettingsContext,
): void {
  const report = (name: PemName, problem: string | undefined): void => {
    const at = keys[`${name}_file`] === undefined ? name : `${name}_file`;
    if (problem !== undefined) context.report([...path, at], problem);
  };
  if (ca !== undefined) report("ca", authorityProblem(ca));
  if (cert === undefined || key === undefined) return;
  const problem = certificateProblem(cert);
  report("cert", problem);
  report("key", keyProblem(key, problem === undefined ? cert : undefined));
}

function secretOf(
  inline: Secret | undefined,
  fileName: string | undefined,
  name: string,
  path: Path,
  context: SettingsContext,
): Secret | undefined {
  const text = textOf(inline?.reveal(), fileName, name, path, context);
  return text === undefined ? undefined : new Secret(fileName === undefined ? text : text.trim());
}

function textOf(
  inline: string | undefined,
  fileName: string | undefined,
  name: string,
  path: Path,
  context: SettingsContext,
): string | undefined {
  if (fileName === undefined) return inline;
  const at = [...path, `${name}_file`];
  if (inline !== undefined) {
    context.report(at, `at most one of ${name} and ${name}_file may be configured`);
    return undefined;
  }
  return context.readFile(fileName, at);
}
