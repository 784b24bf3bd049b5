import { writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { text as readText } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { answering, Child, eventually, findProgram, freePort } from "../harness/child.ts";
import { PharosProcess } from "../harness/pharos-process.ts";
import type { Player } from "./play.ts";
import { EXTERNAL_URL, HOOKS_ORIGIN, type HookAnswer } from "./scenario.ts";
import type { Accepted } from "./told.ts";

/** Webhooks that answer as the scenario says, and keep what they accept. */
class Hooks implements AsyncDisposable {
  readonly accepted: Accepted[] = [];
  readonly answers = new Map<string, HookAnswer>();
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  async listen(): Promise<string> {
    await new Promise<void>((done) => this.#server.listen(0, "127.0.0.1", done));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const atMs = Date.now();
    const { url: hook = "" } = request;
    const { status = 200, lateSeconds = 0 } = this.answers.get(hook) ?? {};
    const body = await readText(request);
    if (status === 200) this.accepted.push({ hook, atMs, body });
    if (lateSeconds > 0) await sleep(lateSeconds * 1000);
    response.writeHead(status).end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }
}

/** How a program is started, told of another configuration, and started again. */
interface Program extends AsyncDisposable {
  readonly url: string;
  reload(): Promise<void>;
  restart(): Promise<void>;
}

/** A scenario on a program that runs, in real time. */
export class LivePlayer implements Player, AsyncDisposable {
  /** Of the scenario; set when all programs are ready. */
  startMs = 0;
  readonly #hooks: Hooks;
  readonly #hooksUrl: string;
  readonly #configPath: string;
  readonly #program: Program;

  private constructor(hooks: Hooks, hooksUrl: string, configPath: string, program: Program) {
    this.#hooks = hooks;
    this.#hooksUrl = hooksUrl;
    this.#configPath = configPath;
    this.#program = program;
  }

  /** Starts a program on a configuration and waits until it is ready. */
  static async start(
    kind: "alertmanager" | "pharos",
    folder: string,
    config: string,
  ): Promise<LivePlayer> {
    await using started = new AsyncDisposableStack();
    const hooks = started.use(new Hooks());
    const hooksUrl = await hooks.listen();
    const configPath = join(folder, "alertmanager.yml");
    await writeFile(configPath, config.replaceAll(HOOKS_ORIGIN, hooksUrl));
    const start = kind === "alertmanager" ? startAlertmanager : startPharos;
    const program = await start(folder, configPath);
    started.move();
    return new LivePlayer(hooks, hooksUrl, configPath, program);
  }

  get accepted(): readonly Accepted[] {
    return this.#hooks.accepted;
  }

  async reach(ms: number): Promise<void> {
    const leftMs = this.startMs + ms - Date.now();
    if (leftMs > 0) await sleep(leftMs);
  }

  async request(method: "POST" | "DELETE", path: string, body?: unknown): Promise<unknown> {
    const response = await fetch(`${this.#program.url}/api/v2${path}`, {
      method,
      headers: { "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === "" ? undefined : JSON.parse(text);
  }

  async reload(config: string): Promise<void> {
    await writeFile(this.#configPath, config.replaceAll(HOOKS_ORIGIN, this.#hooksUrl));
    await this.#program.reload();
  }

  restart(): Promise<void> {
    return this.#program.restart();
  }

  setHook(path: string, answer: HookAnswer): void {
    this.#hooks.answers.set(path, answer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program[Symbol.asyncDispose]();
    await this.#hooks[Symbol.asyncDispose]();
  }
}

async function startAlertmanager(folder: string, configPath: string): Promise<Program> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const spawn = async (): Promise<Child> => {
    const child = new Child(findProgram("prometheus-alertmanager") ?? "", [
      ...[`--config.file=${configPath}`, `--storage.path=${join(folder, "data")}`],
      ...[`--web.listen-address=127.0.0.1:${port}`, `--web.external-url=${EXTERNAL_URL}`],
      ...["--cluster.listen-address=", "--web.route-prefix=/"],
    ]);
    await answering(`${url}/-/ready`, child);
    return child;
  };
  let child = await spawn();
  return {
    url,
    async reload() {
      const response = await fetch(`${url}/-/reload`, { method: "POST" });
      if (!response.ok) throw new Error(`reload: ${await response.text()}`);
    },
    async restart() {
      await child.stop("SIGTERM");
      child = await spawn();
    },
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}

async function startPharos(folder: string, configPath: string): Promise<Program> {
  const args = ["--alertmanager-config", configPath, "--external-url", EXTERNAL_URL];
  const pharos = await PharosProcess.start({ folder, config: "global: {}\n", args });
  return {
    url: pharos.url,
    async reload() {
      const before = pharos.output.length;
      process.kill(pharos.pid, "SIGHUP");
      await eventually("it has reloaded", async () =>
        pharos.output.slice(before).includes("eload"),
      );
    },
    restart: () => pharos.restart(),
    [Symbol.asyncDispose]: () => pharos[Symbol.asyncDispose](),
  };
}
