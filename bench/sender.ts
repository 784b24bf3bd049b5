// Sends request bodies over a few connections, as senders of remote write and of alerts do.
import { Agent, request } from "node:http";

/** Keep-alive connections with one request in flight each, unless told. */
const CONNECTIONS = 4;
const REMOTE_WRITE = {
  "content-type": "application/x-protobuf",
  "content-encoding": "snappy",
  "x-prometheus-remote-write-version": "0.1.0",
};

export class Sender implements Disposable {
  /** From sending a body to the end of its answer, of each so far. */
  readonly latenciesMs: number[] = [];
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #agent: Agent;
  readonly #connections: number;

  /** Of remote write, unless the headers say otherwise. */
  constructor(
    url: string,
    headers: Readonly<Record<string, string>> = REMOTE_WRITE,
    connections = CONNECTIONS,
  ) {
    this.#url = url;
    this.#headers = headers;
    this.#connections = connections;
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections });
  }

  /** Sends all; each connection takes the next body when its last is acknowledged. @throws Error if one is refused. */
  async send(bodies: Iterable<Uint8Array>): Promise<void> {
    const source = bodies[Symbol.iterator]();
    const lane = async (): Promise<void> => {
      for (let next = source.next(); next.done !== true; next = source.next()) {
        const started = performance.now();
        await this.post(next.value);
        this.latenciesMs.push(performance.now() - started);
      }
    };
    await Promise.all(Array.from({ length: this.#connections }, lane));
  }

  /** Resolves when the body is acknowledged. */
  post(body: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      const headers = { ...this.#headers, "content-length": body.length };
      const outgoing = request(
        this.#url,
        { method: "POST", agent: this.#agent, headers },
        (response) => {
          const { statusCode = 0 } = response;
          let answer = "";
          response.setEncoding("utf8").on("data", (part: string) => {
            answer += part;
          });
          response.on("error", reject).on("end", () => {
            if (statusCode >= 200 && statusCode < 300) resolve();
            else reject(new Error(`${this.#url} answered ${statusCode}: ${answer.slice(0, 300)}`));
          });
        },
      );
      outgoing.on("error", reject);
      outgoing.end(body);
    });
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}
