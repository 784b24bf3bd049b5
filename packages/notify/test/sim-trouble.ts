import { ok } from "node:assert/strict";
import { OperatingError, type Rng } from "@pharos/base";
import type { MemoryDocumentStore } from "@pharos/testing";
import { ProcessStore } from "./shared-store.ts";

/** What may go wrong in a run; the rest of it is chance. */
export interface TroubleOptions {
  /** Two on one store, or one alone. */
  readonly servers: 1 | 2;
  readonly crashes: boolean;
  /** Receivers that are slow, fail, or whose answers are lost. */
  readonly trouble: boolean;
  readonly storeFails: boolean;
  readonly clockJumps: boolean;
}

/** Two servers, and all is well. */
export const NO_TROUBLE = {
  servers: 2,
  crashes: false,
  trouble: false,
  storeFails: false,
  clockJumps: false,
} as const satisfies TroubleOptions;

export function isCalm({ crashes, trouble, storeFails, clockJumps }: TroubleOptions): boolean {
  return !crashes && !trouble && !storeFails && !clockJumps;
}

/**
 * The store of a process that starts. Where stores fail, some do, in `failPercent` of their transactions, each of which
 * is told to `onFail`.
 */
export function openStore(
  database: MemoryDocumentStore,
  { servers, storeFails }: TroubleOptions,
  rng: Rng,
  { failPercent, onFail }: { readonly failPercent: number; readonly onFail: () => void },
): ProcessStore {
  const store = new ProcessStore(database, servers > 1);
  if (storeFails && rng.chance(40))
    store.beforeCommit = () => {
      if (!rng.chance(failPercent)) return;
      onFail();
      throw new OperatingError("disk.full", "no space left");
    };
  return store;
}

/** So that what follows happens between any two steps of whatever goes on. */
export async function anyMoment(rng: Rng): Promise<void> {
  for (let steps = rng.below(40); steps > 0; steps--) await Promise.resolve();
}

/** Keeps the first thing that must not be: where receivers are called, errors are not for the test to see. */
export class Verdict {
  readonly #textByKey = new Map<string, string>();
  #fault: unknown;

  find(fault: unknown): void {
    this.#fault ??= fault;
  }

  judge(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.find(error);
    }
  }

  /** What is sent under one key is always the same. @throws AssertionError */
  checkText(key: string, text: string): void {
    const before = this.#textByKey.getOrInsert(key, text);
    ok(before === text, `one key, two texts: ${before} and ${text}`);
  }

  throwFault(): void {
    if (this.#fault !== undefined) throw this.#fault;
  }
}
