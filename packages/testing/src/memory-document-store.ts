import { assert, OperatingError } from "@pharos/base";
import type { DocumentStore, DocumentTransaction, Json, StoredDocument } from "@pharos/ports";

type Collections = ReadonlyMap<string, ReadonlyMap<string, string>>;

/**
 * Documents in memory, kept as text as a database would. What a transaction wrote is there when it has committed;
 * `kill()` gives the store as the next process finds it, and whatever the dead process still does, nobody sees.
 */
export class MemoryDocumentStore implements DocumentStore {
  #committed: Collections;
  #queue: Promise<unknown> = Promise.resolve();
  #dead = false;

  /** Called before each commit; may throw to make it fail, or wait to make it slow. */
  beforeCommit: () => void | Promise<void> = () => {};
  /** How many transactions have been committed. */
  commitCount = 0;

  constructor(committed: Collections = new Map()) {
    this.#committed = committed;
  }

  transaction<T>(work: (tx: DocumentTransaction) => Promise<T>): Promise<T> {
    const result = this.#queue.then(() => this.#run(work));
    this.#queue = result.catch(() => {}); // The caller hears of it; the next one starts all the same.
    return result;
  }

  async #run<T>(work: (tx: DocumentTransaction) => Promise<T>): Promise<T> {
    this.#checkAlive();
    const collections = new Map(this.#committed);
    const result = await work(new MemoryTransaction(collections));
    await this.beforeCommit();
    this.#checkAlive();
    this.#committed = collections;
    this.commitCount++;
    return result;
  }

  #checkAlive(): void {
    if (this.#dead)
      throw new OperatingError("disk.failed", "the process that used this store is dead");
  }

  /** Ends the process: what is not committed yet never will be. */
  kill(): MemoryDocumentStore {
    this.#dead = true;
    return new MemoryDocumentStore(this.#committed);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#queue;
  }
}

class MemoryTransaction implements DocumentTransaction {
  readonly #collections: Map<string, ReadonlyMap<string, string>>;

  constructor(collections: Map<string, ReadonlyMap<string, string>>) {
    this.#collections = collections;
  }

  async get(collection: string, id: string): Promise<StoredDocument | undefined> {
    const text = this.#collections.get(collection)?.get(id);
    return text === undefined ? undefined : parse(text);
  }

  async put(collection: string, document: StoredDocument): Promise<void> {
    assert(Number.isFinite(document.sortKey), () => `sort key ${document.sortKey}`);
    const documents = new Map(this.#collections.get(collection));
    documents.set(document.id, JSON.stringify(document));
    this.#collections.set(collection, documents);
  }

  async delete(collection: string, id: string): Promise<void> {
    const documents = new Map(this.#collections.get(collection));
    documents.delete(id);
    this.#collections.set(collection, documents);
  }

  async list(
    collection: string,
    { sortKeyMax = Number.POSITIVE_INFINITY, limit }: { sortKeyMax?: number; limit: number },
  ): Promise<readonly StoredDocument[]> {
    return [...(this.#collections.get(collection)?.values() ?? [])]
      .map(parse)
      .filter((document) => document.sortKey <= sortKeyMax)
      .sort((a, b) => a.sortKey - b.sortKey || (a.id < b.id ? -1 : 1))
      .slice(0, limit);
  }
}

function parse(text: string): StoredDocument {
  const { id, body, sortKey } = JSON.parse(text) as { id: string; body: Json; sortKey: number };
  return { id, body, sortKey };
}
