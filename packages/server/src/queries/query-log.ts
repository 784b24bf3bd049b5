import { closeSync, openSync, write } from "node:fs";
import { errorText, OperatingError } from "@pharos/base";
import type { ActiveQuery } from "./active-queries.ts";

/** Lines that may wait for the disk; more are left out, and counted. */
const WAITING_SIZE_MAX = 8 * 1024 * 1024;

/** How long each phase took, in seconds, as Prometheus names them. */
export interface QueryTimings {
  readonly evalTotalTime: number;
  readonly resultSortTime: number;
  readonly queryPreparationTime: number;
  readonly innerEvalTime: number;
  readonly execQueueTime: number;
  readonly execTotalTime: number;
}

/** A query that ended, for the log. */
export interface LoggedQuery {
  readonly params: Pick<ActiveQuery, "query" | "startMs" | "endMs" | "stepMs">;
  readonly timings: QueryTimings;
  readonly samplesRead: number;
  readonly samplesPeak: number;
  readonly error?: string;
  readonly httpRequest?: {
    readonly clientIP: string;
    readonly method: string;
    readonly path: string;
  };
  readonly ruleGroup?: { readonly file: string; readonly name: string };
}

/** A line of Prometheus's query log, without the line break. */
export function queryLogLine(logged: LoggedQuery, nowMs: number): string {
  const { params, timings, samplesRead, samplesPeak, error, httpRequest, ruleGroup } = logged;
  return JSON.stringify({
    params: {
      query: params.query,
      start: new Date(params.startMs).toISOString(),
      end: new Date(params.endMs).toISOString(),
      step: params.stepMs / 1000,
    },
    stats: {
      timings,
      samples: { totalQueryableSamples: samplesRead, peakSamples: samplesPeak },
    },
    ...(error === undefined ? {} : { error }),
    ...(httpRequest === undefined ? {} : { httpRequest }),
    ...(ruleGroup === undefined ? {} : { ruleGroup }),
    ts: new Date(nowMs).toISOString(),
  });
}

/**
 * A file that lines are appended to, one write after another. A disk that cannot keep up costs lines and no time;
 * whoever moves the file away calls `reopen`, which a reload does.
 */
export class QueryLogFile implements AsyncDisposable {
  readonly path: string;
  readonly #onProblem: (error: OperatingError) => void;
  #file: number;
  #waiting: string[] = [];
  #waitingSize = 0;
  #writing: Promise<void> | undefined;
  #dropped = 0;

  /** @throws OperatingError `disk.failed`. */
  constructor(path: string, onProblem: (error: OperatingError) => void) {
    this.path = path;
    this.#onProblem = onProblem;
    this.#file = openLog(path);
  }

  /** Lines that were left out since the start. */
  get dropped(): number {
    return this.#dropped;
  }

  append(line: string): void {
    const size = line.length + 1;
    if (this.#waitingSize + size > WAITING_SIZE_MAX) {
      this.#dropped++;
      return;
    }
    this.#waiting.push(line);
    this.#waitingSize += size;
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined;
    });
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const lines = this.#waiting;
      const text = `${lines.join("\n")}\n`;
      this.#waiting = [];
      this.#waitingSize = 0;
      try {
        await appendText(this.#file, text);
      } catch (error) {
        this.#dropped += lines.length;
        this.#onProblem(new OperatingError("disk.failed", `${this.path}: ${errorText(error)}`));
      }
    }
  }

  /** Goes on in a new file where the old one was moved away. @throws OperatingError `disk.failed`: the old one goes on. */
  async reopen(): Promise<void> {
    const fresh = openLog(this.path);
    while (this.#writing !== undefined) await this.#writing;
    const old = this.#file;
    this.#file = fresh;
    closeSync(old);
  }

  /** Resolves when all lines are with the system. */
  async [Symbol.asyncDispose](): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
    closeSync(this.#file);
  }
}

/** The query log that the configuration names at the moment, if it names one. */
export class QueryLogging implements AsyncDisposable {
  readonly #onProblem: (error: OperatingError) => void;
  #file: QueryLogFile | undefined;
  #droppedBefore = 0;

  constructor(onProblem: (error: OperatingError) => void) {
    this.#onProblem = onProblem;
  }

  get file(): QueryLogFile | undefined {
    return this.#file;
  }

  /** Lines that were left out since the start. */
  get dropped(): number {
    return this.#droppedBefore + (this.#file?.dropped ?? 0);
  }

  /** Goes on in this file, opened anew where it is the same. @throws OperatingError `disk.failed`: nothing has changed. */
  async apply(path: string | undefined): Promise<void> {
    const old = this.#file;
    if (old !== undefined && old.path === path) return old.reopen();
    this.#file = path === undefined ? undefined : new QueryLogFile(path, this.#onProblem);
    if (old === undefined) return;
    this.#droppedBefore += old.dropped;
    await old[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.apply(undefined);
  }
}

function openLog(path: string): number {
  try {
    return openSync(path, "a", 0o640);
  } catch (error) {
    throw new OperatingError("disk.failed", `the query log: ${errorText(error)}`, { cause: error });
  }
}

async function appendText(file: number, text: string): Promise<void> {
  const bytes = Buffer.from(text);
  let at = 0;
  while (at < bytes.length)
    at += await new Promise<number>((resolve, reject) =>
      write(file, bytes, at, bytes.length - at, null, (error, written) =>
        error === null ? resolve(written) : reject(error),
      ),
    );
}
