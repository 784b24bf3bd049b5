import { OperatingError } from "@pharos/base";
import type { DocumentReader, DocumentStore, DocumentTransaction } from "@pharos/ports";
import type { MemoryDocumentStore } from "@pharos/testing";

/** One process's way to a database that outlives it, and that other processes may use as well. */
export class ProcessStore implements DocumentStore {
  readonly shared: boolean;
  readonly #database: MemoryDocumentStore;
  readonly #watches = new DisposableStack();
  #isDead = false;

  /** Called before each commit; may throw to make it fail, or wait to make it slow. */
  beforeCommit: () => void | Promise<void> = () => {};

  constructor(database: MemoryDocumentStore, shared: boolean) {
    this.#database = database;
    this.shared = shared;
  }

  transaction<T>(work: (tx: DocumentTransaction) => Promise<T>): Promise<T> {
    return this.#database.transaction(async (tx) => {
      this.#checkAlive();
      const result = await work(tx);
      await this.beforeCommit();
      this.#checkAlive();
      return result;
    });
  }

  read<T>(work: (reader: DocumentReader) => Promise<T>): Promise<T> {
    return this.#database.read(async (reader) => {
      this.#checkAlive();
      return work(reader);
    });
  }

  watch(collection: string, onChange: () => void): Disposable {
    return this.#watches.use(this.#database.watch(collection, onChange));
  }

  /** The process ends: what it has not committed it never will. */
  kill(): void {
    this.#isDead = true;
    this.#watches.dispose();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watches.dispose();
  }

  #checkAlive(): void {
    if (this.#isDead)
      throw new OperatingError("disk.failed", "the process that used this store is dead");
  }
}
