import { type Clock, errorText, OperatingError } from "@pharos/base";
import type { DocumentStore } from "@pharos/ports";
import type { Logger } from "./log.ts";
import type { OwnMetrics } from "./own-metrics.ts";

/** How often the database is asked; each time is one short read. */
const ASK_EVERY_MS = 2_000;
/** Whoever has not answered by then is away as far as probes of the server are concerned. */
const ANSWER_MS_MAX = 2_000;

export interface DatabaseWatchOptions {
  readonly documents: Pick<DocumentStore, "read">;
  readonly clock: Clock;
  readonly log: Logger;
  /** Told when `problem` begins and when it ends, not of each failure in between. */
  onChange(isAway: boolean): void;
}

/**
 * Whether the database that several servers share answers. It is asked again and again, not when somebody wants to know:
 * a probe of this server must be answered at once, above all when the database is gone without a word.
 */
export class DatabaseWatch implements AsyncDisposable {
  readonly #options: DatabaseWatchOptions;
  readonly #stop = new AbortController();
  readonly #asking: Promise<void>;
  #problem: string | undefined;

  /** Takes it that the database answers, which it has just been opened by. */
  constructor(options: DatabaseWatchOptions) {
    this.#options = options;
    this.#asking = this.#keepAsking();
  }

  /** Why nothing can be kept now, with the database's name and no password; undefined while it answers. */
  get problem(): string | undefined {
    return this.#problem;
  }

  async #keepAsking(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await clock.sleep(ASK_EVERY_MS, signal).catch(() => {}); // Ends the loop.
      if (!signal.aborted) await this.#ask();
    }
  }

  async #ask(): Promise<void> {
    const answered = new AbortController();
    const answer = this.#read().finally(() => answered.abort());
    const late = this.#options.clock.sleep(ANSWER_MS_MAX, answered.signal).then(
      () => `nothing came back within ${ANSWER_MS_MAX / 1000} s`,
      () => answer, // Before that.
    );
    this.#note(await late);
    // One question at a time: those to a database that stands still would pile up.
    this.#note(await answer);
  }

  async #read(): Promise<string | undefined> {
    try {
      await this.#options.documents.read((tx) => tx.get("servers", ""));
      return undefined;
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      return errorText(error);
    }
  }

  #note(problem: string | undefined): void {
    const wasAway = this.#problem !== undefined;
    this.#problem = problem;
    const isAway = problem !== undefined;
    if (isAway === wasAway) return;
    const { log, onChange } = this.#options;
    if (isAway) log.error({ error: problem }, "the database is away: not ready");
    else log.info("the database is back: ready");
    onChange(isAway);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#asking;
  }
}

/** Whether the database answers, at `/metrics`; nothing where documents are in the data folder. */
export function addDatabaseMetrics(metrics: OwnMetrics, watch: DatabaseWatch | undefined): void {
  if (watch === undefined) return;
  metrics.gauge(
    "pharos_database_up",
    "Whether the database that documents are kept in answers.",
    () => Number(watch.problem === undefined),
  );
}
