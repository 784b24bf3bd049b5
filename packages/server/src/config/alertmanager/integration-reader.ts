import { Secret } from "@pharos/base";
import {
  DEFAULT_INTEGRATION_TIMEOUT_MS,
  type HttpIntegrationBase,
  type NotificationHttpConfig,
  type NotificationProxy,
  type OAuth2Config,
} from "@pharos/notify";
import {
  type HttpClientSettings,
  httpClientSettings,
  type SettingsContext,
} from "../http-client-schema.ts";
import type { Path } from "../yaml-source.ts";
import { urlProblem } from "./alertmanager-fields.ts";
import {
  type GlobalKeys,
  globalSchema,
  type HttpConfigKeys,
  httpConfigSchema,
} from "./global-schema.ts";

/** A secret, or the name of the file that holds it. Both, or neither, may be absent. */
export interface SecretKeys {
  readonly inline: Secret | undefined;
  readonly file: string | undefined;
}

/** The keys of a secret by their common name: `api_key` and `api_key_file`. */
export function secretKeys(keys: object, name: string): SecretKeys {
  const { [name]: inline, [`${name}_file`]: file } = keys as Readonly<Record<string, unknown>>;
  // One that is empty counts as absent, as in Alertmanager.
  const isEmpty = inline instanceof Secret && inline.reveal() === "";
  return {
    inline: inline instanceof Secret && !isEmpty ? inline : undefined,
    file: typeof file === "string" && file !== "" ? file : undefined,
  };
}

export function isGiven({ inline, file }: SecretKeys): boolean {
  return inline !== undefined || file !== undefined;
}

/** One entry of a `<kind>_configs`: where it stands, and what it has from elsewhere. */
export class IntegrationReader {
  readonly global: GlobalKeys;
  readonly index: number;
  readonly path: Path;
  readonly #context: SettingsContext;
  readonly #isGlobalKnown: boolean;

  /** @param global undefined where something is wrong with it. */
  constructor(path: Path, index: number, global: GlobalKeys | undefined, context: SettingsContext) {
    this.path = path;
    this.index = index;
    this.global = global ?? globalSchema.parse({});
    this.#isGlobalKnown = global !== undefined;
    this.#context = context;
  }

  /** Reports what is wrong with a key of the entry, or with the whole of it. */
  report(message: string, ...below: Path): void {
    this.#context.report([...this.path, ...below], message);
  }

  /** Reports what neither the entry nor `global` says; of a `global` with mistakes nobody knows what it was to say. */
  reportMissing(message: string): void {
    if (this.#isGlobalKnown) this.report(message);
  }

  /**
   * The secret that the entry names, else the global one. Reports where both ways are used at once; what is missing is
   * left to the caller.
   */
  secret(keys: object, name: string, globalName?: keyof GlobalKeys): Secret | undefined {
    const own = secretKeys(keys, name);
    if (own.inline !== undefined && own.file !== undefined) {
      this.report(`at most one of ${name} & ${name}_file must be configured`, `${name}_file`);
      return undefined;
    }
    if (isGiven(own)) return this.#read(own, [...this.path, `${name}_file`]);
    if (globalName === undefined) return undefined;
    return this.#read(secretKeys(this.global, globalName), ["global", `${globalName}_file`]);
  }

  /** The same for an address: that in a file is checked here, that in the entry was already. */
  secretUrl(keys: object, name: string, globalName?: keyof GlobalKeys): Secret | undefined {
    const url = this.secret(keys, name, globalName);
    const isFromFile = secretKeys(keys, name).inline === undefined;
    if (url !== undefined && isFromFile && !url.reveal().includes("{{") && !isUrl(url))
      this.report("the file does not hold a URL such as https://example.com/hook", `${name}_file`);
    return url;
  }

  #read({ inline, file }: SecretKeys, at: Path): Secret | undefined {
    if (file === undefined || inline !== undefined) return inline;
    const content = this.#context.readFile(file, at);
    // A file that cannot be read was reported: "" keeps the caller from saying that nothing is configured.
    return new Secret(content?.trim() ?? "");
  }

  /** The text of a file that the entry names in the key; undefined, and reported, where it cannot be read. */
  readFile(fileName: string, key: string): string | undefined {
    return this.#context.readFile(fileName, [...this.path, key]);
  }

  /** What all have that are told by HTTP. */
  http(keys: {
    readonly send_resolved: boolean;
    readonly http_config?: HttpConfigKeys | undefined;
    readonly timeout?: number | undefined;
  }): Pick<HttpIntegrationBase, "index" | "sendResolved" | "http" | "timeoutMs"> {
    return {
      index: this.index,
      sendResolved: keys.send_resolved,
      http: this.httpConfig(keys.http_config),
      // 0 means no limit to Alertmanager.
      timeoutMs: keys.timeout || DEFAULT_INTEGRATION_TIMEOUT_MS,
    };
  }

  /** The entry's own settings, else the global ones, else the defaults. */
  httpConfig(own: HttpConfigKeys | undefined): NotificationHttpConfig {
    const keys = own ?? this.global.http_config ?? httpConfigSchema.parse({});
    const at = own === undefined ? ["global", "http_config"] : [...this.path, "http_config"];
    return notificationHttp(keys, at, this.#context);
  }

  /** The entry's own settings of TLS for mail, else the global ones. */
  tls(own: HttpConfigKeys["tls_config"]): HttpClientSettings["tls"] {
    const keys = { ...httpConfigSchema.parse({}), tls_config: own ?? this.global.smtp_tls_config };
    if (own !== undefined) return httpClientSettings(keys, this.path, this.#context).tls;
    // They have another name there.
    const renamed = (path: Path): Path =>
      path.map((part) => (part === "tls_config" ? "smtp_tls_config" : part));
    return httpClientSettings(keys, ["global"], {
      report: (path, message) => this.#context.report(renamed(path), message),
      readFile: (name, path) => this.#context.readFile(name, renamed(path)),
    }).tls;
  }
}

function isUrl(url: Secret): boolean {
  return url.reveal() === "" || urlProblem(url.reveal()) === undefined;
}

/** How requests are made, with what Alertmanager's files have beside the keys of Prometheus's. */
export function notificationHttp(
  keys: HttpConfigKeys,
  path: Path,
  context: SettingsContext,
): NotificationHttpConfig {
  const settings = httpClientSettings(keys, path, context);
  const { basicAuth, authorization, httpHeaders, tls, followRedirects } = settings;
  const oauth2 = oauth2Of(keys, path, context);
  if (oauth2 !== undefined && (basicAuth ?? authorization) !== undefined)
    context.report(
      [...path, "oauth2"],
      "at most one of basic_auth, authorization, oauth2 & bearer_token must be configured",
    );
  const proxy = proxyOf(keys, path, context);
  return {
    ...(basicAuth === undefined ? {} : { basicAuth }),
    ...(authorization === undefined ? {} : { authorization }),
    ...(oauth2 === undefined ? {} : { oauth2 }),
    ...(tls === undefined ? {} : { tls }),
    ...(proxy === undefined ? {} : { proxy }),
    headers: httpHeaders.map(([name, value]) => [
      name,
      value instanceof Secret ? value : new Secret(value),
    ]),
    followRedirects,
  };
}

type ProxyKeys = Pick<
  HttpConfigKeys,
  "proxy_url" | "no_proxy" | "proxy_from_environment" | "proxy_connect_header"
>;

/** Undefined for none. */
function proxyOf(
  keys: ProxyKeys,
  path: Path,
  context: Pick<SettingsContext, "report">,
): NotificationProxy | undefined {
  const { proxy_url: url, no_proxy: noProxy, proxy_from_environment: isOfEnvironment } = keys;
  const headers = Object.entries(keys.proxy_connect_header);
  if (isOfEnvironment && url !== undefined)
    context.report(
      [...path, "proxy_url"],
      "proxy_url and proxy_from_environment exclude each other",
    );
  if (isOfEnvironment && noProxy !== "")
    context.report([...path, "no_proxy"], "no_proxy and proxy_from_environment exclude each other");
  else if (noProxy !== "" && url === undefined)
    context.report([...path, "no_proxy"], "no_proxy is of no use without proxy_url");
  if (url === undefined && !isOfEnvironment) {
    if (headers.length > 0)
      context.report(
        [...path, "proxy_connect_header"],
        "proxy_connect_header is of no use without proxy_url or proxy_from_environment",
      );
    return undefined;
  }
  return { url, noProxy, ...(headers.length === 0 ? {} : { connectHeaders: headers }) };
}

function oauth2Of(
  { oauth2: keys }: HttpConfigKeys,
  path: Path,
  context: SettingsContext,
): OAuth2Config | undefined {
  if (keys === undefined) return undefined;
  const at = [...path, "oauth2"];
  const secret = secretKeys(keys, "client_secret");
  if (keys.client_id === "") context.report(at, "oauth2 client_id must be configured");
  if (keys.token_url === "") context.report(at, "oauth2 token_url must be configured");
  const problem = keys.token_url === "" ? undefined : urlProblem(keys.token_url);
  if (problem !== undefined) context.report([...at, "token_url"], problem);
  if (!isGiven(secret))
    context.report(at, "either oauth2 client_secret or client_secret_file must be configured");
  if (secret.inline !== undefined && secret.file !== undefined)
    context.report(
      [...at, "client_secret_file"],
      "at most one of oauth2 client_secret & client_secret_file must be configured",
    );
  const fromFile =
    secret.inline === undefined && secret.file !== undefined
      ? context.readFile(secret.file, [...at, "client_secret_file"])
      : undefined;
  const proxy = proxyOf(keys, at, context);
  const http = httpConfigSchema.parse({});
  const { tls } = httpClientSettings({ ...http, tls_config: keys.tls_config }, at, context);
  return {
    clientId: keys.client_id,
    clientSecret: secret.inline ?? new Secret(fromFile?.trim() ?? ""),
    tokenUrl: keys.token_url,
    scopes: keys.scopes,
    endpointParams: Object.entries(keys.endpoint_params),
    ...(proxy === undefined ? {} : { proxy }),
    ...(tls === undefined ? {} : { tls }),
  };
}

/** With a slash at the end of its path, as the addresses that a path is added to must have. */
export function withSlash(address: string): string {
  const url = URL.parse(address);
  if (url === null) return address;
  if (!url.pathname.endsWith("/")) url.pathname += "/";
  return url.href;
}
