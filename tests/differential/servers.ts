import { encodeWriteRequest, type SentSeries } from "@pharos/testing";
import { compress } from "snappyjs";
import { PharosProcess, temporaryFolder } from "../harness/pharos-process.ts";
import { PrometheusProcess } from "../harness/prometheus-process.ts";
import { inTimeOrder } from "./demo-data.ts";

const NOTHING_TO_SCRAPE = "scrape_configs: []\n";

/** A Prometheus and a Pharos that hold the same samples. */
export class Servers implements AsyncDisposable {
  readonly theirUrl: string;
  readonly ourUrl: string;
  readonly #resources: AsyncDisposableStack;

  private constructor(theirUrl: string, ourUrl: string, resources: AsyncDisposableStack) {
    this.theirUrl = theirUrl;
    this.ourUrl = ourUrl;
    this.#resources = resources;
  }

  static async start(series: readonly SentSeries[]): Promise<Servers> {
    await using resources = new AsyncDisposableStack();
    const { path } = resources.use(await temporaryFolder());
    const [theirs, ours] = await Promise.all([
      PrometheusProcess.start(path, () => NOTHING_TO_SCRAPE, [
        "--web.enable-remote-write-receiver",
      ]),
      PharosProcess.start({
        folder: path,
        config: NOTHING_TO_SCRAPE,
        // The samples are as old as they are.
        args: ["--retention", "100y", "--log-level", "warn"],
      }),
    ]);
    resources.use(theirs);
    resources.use(ours);
    for (const piece of inTimeOrder(series)) {
      await write(theirs.url, piece);
      await write(ours.url, piece);
    }
    return new Servers(theirs.url, ours.url, resources.move());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }
}

async function write(url: string, series: readonly SentSeries[]): Promise<void> {
  const response = await fetch(`${url}/api/v1/write`, {
    method: "POST",
    headers: {
      "Content-Type": "application/x-protobuf",
      "Content-Encoding": "snappy",
      "X-Prometheus-Remote-Write-Version": "0.1.0",
    },
    body: new Uint8Array(compress(encodeWriteRequest(series))),
  });
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`);
}
