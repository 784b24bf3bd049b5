import type { QuerySource } from "./query-scheduler.ts";

/** What is known of a query before it is evaluated. */
export interface QueryRequest {
  readonly query: string;
  /** Unix epoch, ms; both the same for an instant query, whose step is 0. */
  readonly startMs: number;
  readonly endMs: number;
  readonly stepMs: number;
  readonly user: string;
  readonly source: QuerySource;
  /** The address of the client. */
  readonly clientAddress: string;
  readonly method: string;
  readonly path: string;
}

/** A query that waits or is evaluated. */
export interface ActiveQuery extends QueryRequest {
  /** Sixteen hexadecimal digits. */
  readonly id: string;
  /** On the monotonic clock. */
  readonly beganMonotonicMs: number;
  readonly phase: "queued" | "running";
}

interface Entry extends QueryRequest {
  readonly id: string;
  readonly beganMonotonicMs: number;
  phase: "queued" | "running";
  readonly cancel: () => void;
}

/** The queries of this moment: as many as the scheduler admits and lets wait. */
export class ActiveQueries {
  readonly #entries = new Map<string, Entry>();
  #nextId: number;

  /** @param firstId differs between two starts, so that an id of before a restart means nothing. */
  constructor(firstId: number) {
    this.#nextId = firstId;
  }

  /** Notes one that begins to wait; `cancel` ends it. Answers its id. */
  add(request: QueryRequest, beganMonotonicMs: number, cancel: () => void): string {
    const id = (this.#nextId++).toString(16).toUpperCase().padStart(16, "0");
    this.#entries.set(id, { ...request, id, beganMonotonicMs, phase: "queued", cancel });
    return id;
  }

  /** Its turn has come. */
  begin(id: string): void {
    const entry = this.#entries.get(id);
    if (entry !== undefined) entry.phase = "running";
  }

  remove(id: string): void {
    this.#entries.delete(id);
  }

  /** The oldest first. */
  list(): readonly ActiveQuery[] {
    return [...this.#entries.values()];
  }

  /** Ends a query. Answers whether there is such a one. */
  cancel(id: string): boolean {
    const entry = this.#entries.get(id);
    entry?.cancel();
    return entry !== undefined;
  }
}
