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
  /** `http://user:password@proxy:3128`. */
  readonly url: string;
  /** Hosts, with commas between them, that are asked directly (`example.com`, `.example.com`, addresses); "" for none. */
  readonly noProxy: string;
}

export interface TlsOptions {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly serverName?: string;
  readonly insecureSkipVerify?: boolean;
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
