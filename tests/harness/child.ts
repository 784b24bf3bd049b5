import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { delimiter, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** How long a program may take to start before the test gives up on it. */
const START_MS_MAX = 30_000;
const POLL_MS = 25;

/** A program of this machine, or the one that scripts/services.sh unpacked; undefined if there is none. */
export function findProgram(name: string): string | undefined {
  const unpacked = resolve(import.meta.dirname, "../../.setup/debian/usr/bin");
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), unpacked];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/** What some programs of Debian only look for at its place, wherever they themselves are. */
const FILES: Readonly<Record<string, string>> = {
  "prometheus-alertmanager": "/usr/share/prometheus/alertmanager/default.tmpl",
};

/** What to give `test` as `skip`: a reason that names what is missing, or false. */
export function skipWithout(...programs: readonly string[]): string | false {
  const missing = programs.flatMap((name) => {
    if (findProgram(name) === undefined) return [name];
    const file = FILES[name];
    return file === undefined || existsSync(file) ? [] : [`${name}'s ${file}`];
  });
  return missing.length === 0 ? false : `${missing.join(", ")} is not on this machine`;
}

/** A process of the test's own, killed when the test is over. */
export class Child implements AsyncDisposable {
  readonly process: ChildProcess;
  /** All it has written to standard output and error so far. */
  output = "";

  constructor(program: string, args: readonly string[], options: SpawnOptions = {}) {
    this.process = spawn(program, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
    const keep = (text: string): void => {
      this.output += text;
    };
    this.process.stdout?.setEncoding("utf8").on("data", keep);
    this.process.stderr?.setEncoding("utf8").on("data", keep);
  }

  get ended(): boolean {
    return this.process.exitCode !== null || this.process.signalCode !== null;
  }

  /** Sends a signal and waits for the end; answers the exit code, null after a signal. */
  async stop(signal: NodeJS.Signals): Promise<number | null> {
    if (!this.ended) {
      const exit = once(this.process, "exit");
      this.process.kill(signal);
      await exit;
    }
    return this.process.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop("SIGKILL");
  }
}

/** Runs a program to its end. */
export async function run(
  program: string,
  args: readonly string[],
  options: SpawnOptions & { input?: string } = {},
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(program, args, { ...options, stdio: ["pipe", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  child.stdin.on("error", () => {}); // A program may end without reading its input.
  child.stdin.end(options.input ?? "");
  await once(child, "close");
  return { code: child.exitCode, stdout, stderr };
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** Asks again until `ask` answers something; fails after `withinMs`, with what it waited for. */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T | undefined | false>,
  withinMs = START_MS_MAX,
): Promise<T> {
  const givesUpAt = performance.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (performance.now() > givesUpAt) throw new Error(`${what}: not within ${withinMs} ms`);
    await sleep(POLL_MS);
  }
}

/** Waits until an HTTP address answers with a good status; fails when the process ends before. */
export async function answering(url: string, child: Child): Promise<void> {
  await eventually(`${url} answers`, async () => {
    if (child.ended) throw new Error(`the process ended:\n${child.output}`);
    return fetch(url).then(
      (response) => response.ok,
      () => false,
    );
  });
}
