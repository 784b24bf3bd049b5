import { OperatingError } from "@pharos/base";
import type { DocumentStore, DocumentTransaction } from "@pharos/ports";
import { performWrites, type Write } from "./write.ts";

/** So many documents wait for a store that fails; of what is only there to be looked at, later ones are let go. */
export const UNWRITTEN_MAX = 200_000;

export interface DocumentWriterOptions {
  readonly store: DocumentStore;
  readonly onProblem: (error: OperatingError, doing: string) => void;
}

/**
 * Keeps what memory knows. Where the store fails, whoever asked goes on all the same, and what could not be written
 * goes into the next transaction: a full disk must not keep anybody from being told.
 */
export class DocumentWriter {
  readonly #options: DocumentWriterOptions;
  /** What is not kept yet, by collection and id. */
  readonly #unwritten = new Map<string, Write>();
  /** The transaction that has not had its turn yet. */
  #next: Promise<unknown> | undefined;
  #isClosed = false;

  constructor(options: DocumentWriterOptions) {
    this.#options = options;
  }

  /** Resolves when the documents are kept, or when that failed, which is reported. */
  async write(writes: readonly Write[], doing: string): Promise<void> {
    for (const write of writes) this.#remember(write);
    if (this.#unwritten.size === 0) return;
    // All that comes until a transaction gets its turn goes into that one.
    if (this.#next === undefined) {
      const next = this.transaction(async () => undefined, doing).finally(() => {
        if (this.#next === next) this.#next = undefined; // The store failed before its turn.
      });
      this.#next = next;
    }
    await this.#next;
  }

  /**
   * Runs `work` in a transaction that also writes what waits. What `work` gives is undefined where the store failed,
   * which is reported; then nothing that it wrote is kept.
   */
  async transaction<T>(
    work: (tx: DocumentTransaction) => Promise<T>,
    doing: string,
  ): Promise<T | undefined> {
    let batch: ReadonlyMap<string, Write> = new Map();
    let result: T;
    try {
      result = await this.#options.store.transaction(async (tx) => {
        batch = new Map(this.#unwritten);
        this.#next = undefined; // What comes from now on is for the one after.
        await performWrites(tx, batch.values());
        return work(tx);
      });
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      if (!this.#isClosed) this.#options.onProblem(error, doing);
      return undefined;
    }
    for (const [key, write] of batch)
      if (this.#unwritten.get(key) === write) this.#unwritten.delete(key);
    return result;
  }

  /** Problems are not reported any more: the store may be closed by now. */
  close(): void {
    this.#isClosed = true;
  }

  #remember(write: Write): void {
    const key = `${write.collection} ${write.id}`;
    if (this.#unwritten.size >= UNWRITTEN_MAX && !this.#unwritten.has(key)) return;
    this.#unwritten.set(key, write);
  }
}
