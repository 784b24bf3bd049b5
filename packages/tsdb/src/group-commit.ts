import type { OperatingError } from "@pharos/base";

interface Waiter {
  readonly sequence: number;
  readonly resolve: () => void;
  readonly reject: (error: OperatingError) => void;
}

export interface GroupCommitParts {
  /** Brings to the device all that was appended before the call. */
  readonly sync: () => Promise<void>;
  /** Told why a sync failed, before those who wait for it; answers what they hear. */
  readonly failed: (error: unknown) => OperatingError;
}

/**
 * Syncs for all who wait together: one sync at a time, and whoever asks while it goes on waits for the next, since what
 * they appended may have come too late for it.
 */
export class GroupCommit {
  readonly #parts: GroupCommitParts;
  /** Appends so far, and how many of them are synced; and the same in bytes. */
  #appended = 0;
  #synced = 0;
  #appendedSize = 0;
  #syncedSize = 0;
  #isSyncing = false;
  #waiters: Waiter[] = [];

  constructor(parts: GroupCommitParts) {
    this.#parts = parts;
  }

  /** Appends so far. */
  get appended(): number {
    return this.#appended;
  }

  /** Bytes that wait for the device. */
  get waitingSize(): number {
    return this.#appendedSize - this.#syncedSize;
  }

  /** Whether all that was appended is on the device. */
  get isDone(): boolean {
    return this.#synced === this.#appended;
  }

  noteAppend(size: number): void {
    this.#appended++;
    this.#appendedSize += size;
  }

  /** Resolves when all that was appended before the call is on the device. @throws OperatingError as `failed` gives it. */
  wait(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiters.push({ sequence: this.#appended, resolve, reject });
    if (!this.#isSyncing) void this.#syncForAll();
    return promise;
  }

  async #syncForAll(): Promise<void> {
    this.#isSyncing = true;
    try {
      while (this.#waiters.length > 0) {
        const [sequence, size] = [this.#appended, this.#appendedSize];
        await this.#parts.sync();
        this.#synced = sequence;
        this.#syncedSize = size;
        const done = this.#waiters.filter((waiter) => waiter.sequence <= sequence);
        this.#waiters = this.#waiters.filter((waiter) => waiter.sequence > sequence);
        for (const waiter of done) waiter.resolve();
      }
    } catch (error) {
      const failure = this.#parts.failed(error);
      for (const waiter of this.#waiters.splice(0)) waiter.reject(failure);
    } finally {
      this.#isSyncing = false;
    }
  }
}
