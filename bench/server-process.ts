// A program under measurement: a process of its own with a folder of its own, perhaps held to one core.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** Clock ticks a second in /proc on Linux. */
const TICKS_PER_SECOND = 100;
const READY_WITHIN_MS = 120_000;
/** How often a program that starts is asked whether it is ready: the error of a measured start. */
const READY_POLL_MS = 5;
/** Background work that goes on for longer than this is not waited for. */
const QUIET_WITHIN_SECONDS = 180;

/** Something that is started, asked over HTTP and killed: a contender of a comparison, or an exporter. */
export interface Program {
  readonly name: string;
  /** Program and arguments; undefined where the program is missing on this machine. */
  command(launch: Launch): Promise<readonly string[] | undefined>;
  /** Answers 200 when the program is ready. */
  readonly readyPath: string;
  /** For a reader of the figures. */
  version(): string;
}

export interface Launch {
  readonly port: number;
  /** For all that the program writes. */
  readonly folder: string;
  /** In Prometheus's format. */
  readonly config: string;
  /** Beyond those that the program always gets. */
  readonly flags: readonly string[];
}

export interface StartOptions {
  /** The core that all its threads share; without it the whole machine is theirs. */
  readonly core?: number;
  /** One that outlives the process; without it the process has a new one, which goes with it. */
  readonly folder?: string;
  readonly config?: string;
  readonly flags?: readonly string[];
}

export interface Memory {
  /** All of its memory that is resident, whatever it is backed by. */
  readonly residentSize: number;
  /** The part that are pages of files, which the system may take away. */
  readonly fileSize: number;
  /** The most that was ever resident. */
  readonly peakSize: number;
}

export class ServerProcess<P extends Program = Program> implements AsyncDisposable {
  readonly program: P;
  readonly port: number;
  readonly folder: string;
  /** From the start of the process to the first answer that says ready. */
  readyMs = 0;
  readonly #command: readonly string[];
  readonly #ownsFolder: boolean;
  #child: ChildProcess;

  private constructor(
    program: P,
    port: number,
    folder: string,
    command: readonly string[],
    ownsFolder: boolean,
  ) {
    this.program = program;
    this.port = port;
    this.folder = folder;
    this.#command = command;
    this.#ownsFolder = ownsFolder;
    this.#child = launch(command);
  }

  /** Resolves when it is ready; with undefined where the program is missing. */
  static async start<P extends Program>(
    program: P,
    options: StartOptions = {},
  ): Promise<ServerProcess<P> | undefined> {
    const folder = options.folder ?? (await temporaryFolder(program.name));
    const port = await freePort();
    const { config = "global: {}\n", flags = [] } = options;
    const command = await program.command({ port, folder, config, flags });
    if (command === undefined) return undefined;
    const { core } = options;
    const held = core === undefined ? command : ["taskset", "-c", String(core), ...command];
    const server = new ServerProcess(program, port, folder, held, options.folder === undefined);
    await server.#ready();
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** User and system time of all its threads so far. */
  cpuSeconds(): number {
    const stat = readFileSync(`/proc/${this.#child.pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  }

  /** The same in ms, of the threads that there are now: to the microsecond, for what takes less than a clock tick. */
  cpuMs(): number {
    const tasks = `/proc/${this.#child.pid}/task`;
    let nanoseconds = 0;
    for (const task of readdirSync(tasks))
      nanoseconds += Number(readFileSync(`${tasks}/${task}/schedstat`, "utf8").split(" ", 1)[0]);
    return nanoseconds / 1e6;
  }

  /** The peak begins again with what is resident now. */
  resetPeak(): void {
    writeFileSync(`/proc/${this.#child.pid}/clear_refs`, "5");
  }

  memory(): Memory {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, "utf8");
    const size = (name: string): number =>
      Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]) * 1024;
    return { residentSize: size("VmRSS"), fileSize: size("RssFile"), peakSize: size("VmHWM") };
  }

  /** Waits until background work has settled: under 2 % of a core for three seconds in a row. */
  async quiet(): Promise<void> {
    let calm = 0;
    for (let waited = 0; waited < QUIET_WITHIN_SECONDS && calm < 3; waited++) {
      const before = this.cpuSeconds();
      await sleep(1000);
      calm = this.cpuSeconds() - before < 0.02 ? calm + 1 : 0;
    }
  }

  /** The answer to a request. @throws Error with the status and the text of one that is not 2xx. */
  async ask(path: string, init: RequestInit = {}): Promise<string> {
    const response = await fetch(this.url + path, init);
    const text = await response.text();
    if (!response.ok)
      throw new Error(
        `${this.program.name}: ${path} answered ${response.status}: ${text.slice(0, 500)}`,
      );
    return text;
  }

  /** Ends the process, by default as a crash would, and waits for its end. */
  async stop(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    if (this.#ended) return;
    const exit = once(this.#child, "exit");
    this.#child.kill(signal);
    await exit;
  }

  /** Starts it again in its folder, after `stop`. */
  async restart(): Promise<void> {
    this.#child = launch(this.#command);
    await this.#ready();
  }

  get #ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  async #ready(): Promise<void> {
    const started = performance.now();
    for (;;) {
      const ok = await fetch(this.url + this.program.readyPath).then(
        async (response) => {
          await response.body?.cancel();
          return response.ok;
        },
        () => false,
      );
      this.readyMs = performance.now() - started;
      if (ok) return;
      if (this.#ended || this.readyMs > READY_WITHIN_MS)
        throw new Error(`${this.program.name} did not become ready`);
      await sleep(READY_POLL_MS);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    if (this.#ownsFolder) await rm(this.folder, { recursive: true, force: true });
  }
}

const running = new Set<ChildProcess>();

function launch(command: readonly string[]): ChildProcess {
  const [program = "", ...args] = command;
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "inherit"] });
  running.add(child);
  child.once("exit", () => running.delete(child));
  return child;
}

// However a comparison ends, no server outlives it.
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

export function temporaryFolder(name: string): Promise<string> {
  return mkdtemp(join(tmpdir(), `bench-${name}-`));
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
