import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { answering, Child, findProgram, freePort } from "./child.ts";

/** Debian's Prometheus with a configuration of the test's own. */
export class PrometheusProcess implements AsyncDisposable {
  readonly url: string;
  readonly #child: Child;

  private constructor(url: string, child: Child) {
    this.url = url;
    this.#child = child;
  }

  /** `config` gets the server's own address, so that it can scrape itself; its data lie in `prometheus-data`. */
  static async start(
    folder: string,
    config: (address: string) => string,
    args: readonly string[] = [],
  ): Promise<PrometheusProcess> {
    const port = await freePort();
    const path = join(folder, "prometheus.yml");
    await writeFile(path, config(`127.0.0.1:${port}`));
    const url = `http://127.0.0.1:${port}`;
    const child = new Child(findProgram("prometheus") ?? "prometheus", [
      ...[`--config.file=${path}`, `--storage.tsdb.path=${join(folder, "prometheus-data")}`],
      ...[`--web.listen-address=127.0.0.1:${port}`, "--log.level=warn"],
      ...args,
    ]);
    await answering(`${url}/-/ready`, child);
    return new PrometheusProcess(url, child);
  }

  /** Stops it gracefully, which sends what its remote-write queue still holds. */
  async stop(): Promise<void> {
    await this.#child.stop("SIGTERM");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child[Symbol.asyncDispose]();
  }
}

/** Debian's node_exporter, without the collectors that need parts a container may not have. */
export class NodeExporterProcess implements AsyncDisposable {
  readonly address: string;
  #child: Child;

  private constructor(address: string, child: Child) {
    this.address = address;
    this.#child = child;
  }

  static async start(): Promise<NodeExporterProcess> {
    const address = `127.0.0.1:${await freePort()}`;
    const child = spawnExporter(address);
    await answering(`http://${address}/metrics`, child);
    return new NodeExporterProcess(address, child);
  }

  async stop(): Promise<void> {
    await this.#child.stop("SIGKILL");
  }

  async restart(): Promise<void> {
    this.#child = spawnExporter(this.address);
    await answering(`http://${this.address}/metrics`, this.#child);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child[Symbol.asyncDispose]();
  }
}

function spawnExporter(address: string): Child {
  return new Child(findProgram("prometheus-node-exporter") ?? "prometheus-node-exporter", [
    `--web.listen-address=${address}`,
    "--no-collector.systemd",
  ]);
}
