export interface HttpRequest {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  /** Gives up after this long, whatever has arrived. */
  readonly timeoutMs: number;
  /** A larger answer (after decompression) ends the request with `input.too_large`. */
  readonly bodySizeMax: number;
  /** Certificates and such; absent means the platform's defaults. */
  readonly tls?: TlsOptions;
  readonly followRedirects?: boolean;
  /** Through which the request goes; absent for none. */
  readonly proxy?: HttpProxy;
}

export interface HttpProxy {
  /**
   * `http://user:password@proxy:3128`. Undefined: the environment's `HTTPS_PROXY`, or `HTTP_PROXY` for an http URL, unless
   * its `NO_PROXY` excepts the host; in lower case, too.
   */
  readonly url: string | undefined;
  /**
   * What is asked directly, with commas in between: hosts (`example.com` with all below it, `.example.com` for those
   * alone), addresses, networks (`10.0.0.0/8`), each but the last with a port or without, `*`. Unless it is "", this
   * machine is asked directly as well.
   */
  readonly noProxy: string;
  /** Sent to the proxy, for a connection to an https server. */
  readonly connectHeaders?: Readonly<Record<string, readonly string[]>>;
}

export type TlsVersion = "TLSv1" | "TLSv1.1" | "TLSv1.2" | "TLSv1.3";

export interface TlsOptions {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly serverName?: string;
  readonly insecureSkipVerify?: boolean;
  /** Absent: the platform's, as the one below. */
  readonly minVersion?: TlsVersion;
  readonly maxVersion?: TlsVersion;
}

export interface HttpResponse {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Decompressed. */
  readonly body: Uint8Array;
}

/** Requests to other machines, as the only way this code may make them. */
export interface HttpClient {
  /**
   * Resolves with any status. Keeps connections alive between requests to the same host.
   *
   * @throws OperatingError `http.failed` with the reason (refused, timeout, reset …), `input.too_large`; or the signal's reason.
   */
  request(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse>;
}
