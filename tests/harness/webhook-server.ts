import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

export interface WebhookBody {
  readonly status: "firing" | "resolved";
  readonly receiver: string;
  readonly groupKey: string;
  /** Which server has sent it. */
  readonly externalURL: string;
  readonly alerts: readonly {
    readonly status: "firing" | "resolved";
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
    readonly generatorURL: string;
  }[];
}

/** Takes webhooks, and keeps what they said. */
export class WebhookServer implements AsyncDisposable {
  readonly url: string;
  readonly bodies: WebhookBody[] = [];
  /** The idempotency key of each body. */
  readonly keys: string[] = [];
  /** What it answers; one that is not told has its body and key kept in `refused`. */
  status = 200;
  readonly refused: { readonly body: WebhookBody; readonly key: string }[] = [];
  readonly #close: () => Promise<void>;

  private constructor(url: string, close: () => Promise<void>) {
    this.url = url;
    this.#close = close;
  }

  static async start(): Promise<WebhookServer> {
    let webhooks: WebhookServer | undefined;
    const server = createServer((request, response) => {
      void textOf(request).then((text) => {
        const body = JSON.parse(text) as WebhookBody;
        webhooks?.take(body, String(request.headers["idempotency-key"]));
        response.statusCode = webhooks?.status ?? 503;
        response.end();
      });
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    const { port } = server.address() as AddressInfo;
    webhooks = new WebhookServer(`http://127.0.0.1:${port}/`, async () => {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    });
    return webhooks;
  }

  /** For the server. */
  take(body: WebhookBody, key: string): void {
    if (this.status !== 200) {
      this.refused.push({ body, key });
      return;
    }
    this.bodies.push(body);
    this.keys.push(key);
  }

  /** The status that was told last of the alert of this name; undefined where nobody heard of it. */
  told(alertname: string): "firing" | "resolved" | undefined {
    return this.bodies
      .flatMap(({ alerts }) => alerts)
      .findLast(({ labels }) => labels["alertname"] === alertname)?.status;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#close();
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) text += chunk;
  return text;
}
