import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { answering, Child, freePort } from "./child.ts";

const root = resolve(import.meta.dirname, "../..");

/** A folder of the test's own, removed when the test is over. */
export async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), "pharos-test-"));
  return {
    path,
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  };
}

/** Program and arguments of a `pharos` command, past the launcher and its set-up. */
export function pharosCommand(...args: readonly string[]): [program: string, args: string[]] {
  return [
    resolve(root, "node_modules/.bin/node"),
    ["--disable-warning=ExperimentalWarning", join(root, "packages/server/src/cli.ts"), ...args],
  ];
}

/** The real server as a user starts it, on a port and in a data directory of its own. */
export class PharosProcess implements AsyncDisposable {
  readonly url: string;
  readonly #port: number;
  readonly #folder: string;
  readonly #args: readonly string[];
  #child: Child;

  private constructor(port: number, folder: string, args: readonly string[]) {
    this.#port = port;
    this.#folder = folder;
    this.#args = args;
    this.url = `http://127.0.0.1:${port}`;
    this.#child = this.#spawn();
  }

  /**
   * Starts and waits until it is ready. `config` is the text of a configuration file; without it the server runs as
   * with no arguments at all. `files` are written beside the configuration.
   */
  static async start(options: {
    readonly folder: string;
    readonly config?: string;
    readonly files?: Readonly<Record<string, string>>;
    readonly args?: readonly string[];
    /** A free one unless given. */
    readonly port?: number;
  }): Promise<PharosProcess> {
    const args = [...(options.args ?? [])];
    for (const [name, text] of Object.entries(options.files ?? {})) {
      const path = join(options.folder, name);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, text);
    }
    if (options.config !== undefined) {
      const path = join(options.folder, "pharos.yml");
      await writeFile(path, options.config);
      args.push("--config", path);
    }
    const pharos = new PharosProcess(options.port ?? (await freePort()), options.folder, args);
    await pharos.ready();
    return pharos;
  }

  #spawn(): Child {
    const address = ["--listen", `127.0.0.1:${this.#port}`];
    const data = ["--data", join(this.#folder, "data")];
    return new Child(...pharosCommand("serve", ...address, ...data, ...this.#args), {
      cwd: this.#folder,
    });
  }

  get output(): string {
    return this.#child.output;
  }

  get pid(): number {
    return this.#child.process.pid ?? 0;
  }

  async ready(): Promise<void> {
    await answering(`${this.url}/-/ready`, this.#child);
  }

  /** Ends the process; `SIGTERM` is the graceful way. */
  async stop(signal: NodeJS.Signals): Promise<number | null> {
    return this.#child.stop(signal);
  }

  /** Starts again on the same port and data, and waits until it is ready. */
  async restart(): Promise<void> {
    await this.#child.stop("SIGKILL");
    this.#child = this.#spawn();
    await this.ready();
  }

  /** GET of an API path; answers `data`, fails on an error answer. */
  async api<T>(path: string, params: Readonly<Record<string, string>> = {}): Promise<T> {
    return apiGet<T>(this.url, path, params);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child[Symbol.asyncDispose]();
  }
}

/** GET of a Prometheus API path on any server; answers `data`, fails on an error answer. */
export async function apiGet<T>(
  url: string,
  path: string,
  params: Readonly<Record<string, string>> = {},
): Promise<T> {
  const response = await fetch(`${url}/api/v1/${path}?${new URLSearchParams(params)}`);
  const answer = (await response.json()) as { status: string; data: T; error?: string };
  if (answer.status !== "success") throw new Error(`${path}: ${response.status} ${answer.error}`);
  return answer.data;
}

export interface VectorElement {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [seconds: number, value: string];
}

export interface MatrixElement {
  readonly metric: Readonly<Record<string, string>>;
  readonly values: readonly (readonly [seconds: number, value: string])[];
}

/** The value of an instant query that gives one number; undefined where it gives nothing. */
export async function scalarOf(
  url: string,
  query: string,
  timeSeconds?: number,
): Promise<number | undefined> {
  const { result } = await apiGet<{ result: VectorElement[] }>(url, "query", {
    query,
    ...(timeSeconds === undefined ? {} : { time: String(timeSeconds) }),
  });
  const value = result[0]?.value[1];
  return value === undefined ? undefined : Number(value);
}
