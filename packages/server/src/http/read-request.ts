import { formChunks, isForm } from "./parameters.ts";

/** As Node has them: names in lower case. */
export type RequestHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

interface ReadRequestParts {
  readonly method: string;
  readonly target: string;
  readonly headers?: RequestHeaders;
  readonly body?: Uint8Array | undefined;
  readonly signal: AbortSignal;
}

/**
 * A request for one of the read routes, with all of its body. Queries are many and most take less than a millisecond: a
 * `Request` for each, with its `Headers` and its stream, would take longer than the query.
 */
export class ReadRequest {
  readonly method: string;
  /** Path and query, as the first line of a request has them. */
  readonly target: string;
  readonly headers: RequestHeaders;
  readonly body: Uint8Array | undefined;
  /** Aborts when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  #parameters: URLSearchParams | undefined;

  constructor({ method, target, headers = {}, body, signal }: ReadRequestParts) {
    this.method = method;
    this.target = target;
    this.headers = headers;
    this.body = body;
    this.signal = signal;
  }

  get path(): string {
    const end = this.target.indexOf("?");
    return end < 0 ? this.target : this.target.slice(0, end);
  }

  /** Those of a form-encoded body, then those of the URL. */
  get parameters(): URLSearchParams {
    this.#parameters ??= this.#readParameters();
    return this.#parameters;
  }

  #readParameters(): URLSearchParams {
    const end = this.target.indexOf("?");
    const fromUrl = new URLSearchParams(end < 0 ? "" : this.target.slice(end + 1));
    if (this.body === undefined || !isForm(this.method, this.header("content-type")))
      return fromUrl;
    const fromForm = new URLSearchParams(new TextDecoder().decode(this.body));
    return new URLSearchParams([...fromForm, ...fromUrl]);
  }

  /** Empty where there is none. @param name in lower case. */
  header(name: string): string {
    const value = this.headers[name];
    return typeof value === "string" ? value : (value?.join(", ") ?? "");
  }
}

/** The same of a request of the router. @throws OperatingError `input.too_large`. */
export async function readRequestOf(request: Request): Promise<ReadRequest> {
  const { method, url, headers, signal } = request;
  const { pathname, search } = new URL(url);
  const target = pathname + search;
  const plain = Object.fromEntries(headers);
  // Asking for the body of a request makes one of full weight, and most have none.
  if (method === "GET" || request.body === null)
    return new ReadRequest({ method, target, headers: plain, signal });
  const chunks: Uint8Array[] = [];
  for await (const chunk of formChunks(request)) chunks.push(chunk);
  const body = new Uint8Array(Buffer.concat(chunks));
  return new ReadRequest({ method, target, headers: plain, body, signal });
}
