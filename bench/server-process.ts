// A server under measurement: ours or a rival, each a fresh process with a fresh directory, pinned to one core.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** Clock ticks a second in /proc on Linux. */
const TICKS_PER_SECOND = 100;
const READY_WITHIN_MS = 60_000;

export interface Contender {
  readonly name: string;
  /** Program and arguments; undefined where the program is missing on this machine. */
  command(port: number, folder: string): Promise<readonly string[] | undefined>;
  readonly readyPath: string;
  readonly writePath: string;
  version(): string;
}

export const pharos: Contender = {
  name: "pharos",
  async command(port, folder) {
    const config = join(folder, "empty.yml");
    await writeFile(config, "global: {}\n");
    return [
      ...[resolve("node_modules/.bin/node"), "--disable-warning=ExperimentalWarning"],
      ...["packages/server/src/cli.ts", "serve", "--listen", `127.0.0.1:${port}`],
      ...["--data", join(folder, "data"), "--config", config, "--log-level", "warn"],
    ];
  },
  readyPath: "/-/ready",
  writePath: "/api/v1/write",
  version: () => `pharos on Node ${process.version}`,
};

export const victoriaMetrics: Contender = {
  name: "victoria-metrics",
  async command(port, folder) {
    const program = findProgram("victoria-metrics");
    return program === undefined
      ? undefined
      : [
          program,
          `-storageDataPath=${join(folder, "data")}`,
          `-httpListenAddr=127.0.0.1:${port}`,
          "-loggerLevel=ERROR",
          // Without it the newest 30 s cannot be counted back.
          "-search.latencyOffset=0s",
        ];
  },
  readyPath: "/health",
  writePath: "/api/v1/write",
  version: () => versionOf("victoria-metrics", "-version"),
};

export const prometheus: Contender = {
  name: "prometheus",
  async command(port, folder) {
    const program = findProgram("prometheus");
    const config = join(folder, "empty.yml");
    await writeFile(config, "global: {}\n");
    return program === undefined
      ? undefined
      : [
          program,
          ...[`--config.file=${config}`, `--storage.tsdb.path=${join(folder, "data")}`],
          ...[`--web.listen-address=127.0.0.1:${port}`, "--web.enable-remote-write-receiver"],
          "--log.level=error",
        ];
  },
  readyPath: "/-/ready",
  writePath: "/api/v1/write",
  version: () => versionOf("prometheus", "--version"),
};

/** A program of this machine, or the one that scripts/services.sh unpacked. */
export function findProgram(name: string): string | undefined {
  const folders = [
    ...(process.env["PATH"] ?? "").split(delimiter),
    resolve(".setup/debian/usr/bin"),
  ];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/** The first line that the program prints about itself. */
function versionOf(name: string, flag: string): string {
  const program = findProgram(name);
  if (program === undefined) return `${name} is missing`;
  const { stdout, stderr } = spawnSync(program, [flag], { encoding: "utf8" });
  return (stdout || stderr).split("\n", 1)[0] || `${name}, of no known version`;
}

export class ServerProcess implements AsyncDisposable {
  readonly contender: Contender;
  readonly port: number;
  readonly folder: string;
  readonly #child: ChildProcess;

  private constructor(contender: Contender, port: number, folder: string, child: ChildProcess) {
    this.contender = contender;
    this.port = port;
    this.folder = folder;
    this.#child = child;
  }

  /** Undefined where the contender's program is missing. */
  static async start(contender: Contender, core: number): Promise<ServerProcess | undefined> {
    const folder = await mkdtemp(join(tmpdir(), `bench-${contender.name}-`));
    const port = await freePort();
    const command = await contender.command(port, folder);
    if (command === undefined) return undefined;
    const child = spawn("taskset", ["-c", String(core), ...command], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    const server = new ServerProcess(contender, port, folder, child);
    await server.#ready();
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** User and system time of the process so far. */
  cpuSeconds(): number {
    const stat = readFileSync(`/proc/${this.#child.pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  }

  residentMiB(): number {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, "utf8");
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
  }

  /** Waits until background work has settled: under 2 % of a core for three seconds in a row. */
  async quiet(): Promise<void> {
    let calm = 0;
    for (let waited = 0; waited < 60 && calm < 3; waited++) {
      const before = this.cpuSeconds();
      await sleep(1000);
      calm = this.cpuSeconds() - before < 0.02 ? calm + 1 : 0;
    }
  }

  async #ready(): Promise<void> {
    const givesUpAt = performance.now() + READY_WITHIN_MS;
    for (;;) {
      const ok = await fetch(this.url + this.contender.readyPath).then(
        (response) => response.ok,
        () => false,
      );
      if (ok) return;
      if (this.#child.exitCode !== null || performance.now() > givesUpAt)
        throw new Error(`${this.contender.name} did not become ready`);
      await sleep(50);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill("SIGKILL");
    if (this.#child.exitCode === null && this.#child.signalCode === null) await ended;
    await rm(this.folder, { recursive: true, force: true });
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
