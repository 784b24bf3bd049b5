import { assert, createMatcher, type Matcher } from "@pharos/base";
import {
  closeHeadWindow,
  type HeadWindow,
  type Kernels,
  type KernelsHandle,
  openHeadWindow,
} from "@pharos/kernels";
import type { TimeRange } from "@pharos/ports";
import { type Deletion, plainDeletions } from "./block/deletions.ts";
import type { HeadExemplars } from "./exemplar-queries.ts";
import type { HeadSelection, SelectionWishes } from "./head-selection.ts";
import type { LabelList } from "./label-list.ts";
import type { LabelQuery, MatcherLists } from "./label-queries.ts";
import { type SentRollups, sentRollups } from "./rollup/sent-rollups.ts";
import type { Hold } from "./selection.ts";
import type { PlaceEstimate } from "./selection-estimate.ts";
import type { HeadLabels } from "./store-reader.ts";
import type { StoreResolver } from "./store-resolver.ts";
import type { TimeChanges } from "./time-changes.ts";

/** What a reader on another thread begins with; can be sent to it. */
export interface ReaderSetup {
  readonly kernels: KernelsHandle;
  readonly window: HeadWindow;
  /** Where the store notes which times of it change. */
  readonly changes: SharedArrayBuffer;
}

/** What the store answers such a reader; can be sent to it. */
export interface ReaderAnswer<T> {
  /** To be released when the reader is done. */
  readonly hold: number;
  readonly head: T;
  /** The names of all blocks, by rank. */
  readonly blocks: readonly string[];
  /** What was deleted and is still in them. */
  readonly deletions: readonly Deletion[];
}

/**
 * What the reader asks, by messages or whatever: `ReaderSession` answers it on the store's thread. Arguments and answers
 * can be sent as they are; matchers come without their compiled expressions.
 */
export interface ReaderCalls {
  select(
    range: TimeRange,
    matchers: readonly Matcher[],
    wishes: SelectionWishes,
  ): Promise<ReaderAnswer<HeadSelection>>;
  /** The labels of the series of a selection, or of an answer to "series", that is held: in the order of its references. */
  selectionLabels(hold: number): Promise<LabelList>;
  /** How much the head would give. */
  estimate(range: TimeRange, matchers: readonly Matcher[]): Promise<ReaderAnswer<PlaceEstimate>>;
  labels(range: TimeRange, query: LabelQuery): Promise<ReaderAnswer<HeadLabels>>;
  exemplars(range: TimeRange, matcherLists: MatcherLists): Promise<ReaderAnswer<HeadExemplars>>;
  /** The rollup tiers. */
  rollups(): Promise<ReaderAnswer<SentRollups>>;
  /** Lets go of what an answer named. */
  release(hold: number): void;
  /** Tells, in words, of damage in blocks that the reader found and left out: each once, or now and then again. */
  report(problem: string): void;
}

/** The store's half of one reader on another thread, and what it holds for it. */
export class ReaderSession implements ReaderCalls {
  readonly setup: ReaderSetup;
  readonly #kernels: Kernels;
  readonly #resolver: StoreResolver;
  readonly #onClose: () => void;
  readonly #held = new Map<number, () => void>();
  /** How to tell the labels of selections that are held. */
  readonly #labels = new Map<number, () => Promise<LabelList>>();
  #nextHold = 1;
  #open = true;

  /** @throws OperatingError `memory.full`. */
  constructor(
    kernels: Kernels,
    head: number,
    resolver: StoreResolver,
    changes: TimeChanges,
    onClose: () => void,
  ) {
    this.#kernels = kernels;
    this.#resolver = resolver;
    this.#onClose = onClose;
    this.setup = {
      kernels: kernels.handle,
      window: openHeadWindow(kernels, head),
      changes: changes.memory,
    };
  }

  async select(
    range: TimeRange,
    matchers: readonly Matcher[],
    wishes: SelectionWishes,
  ): Promise<ReaderAnswer<HeadSelection>> {
    const blocks = this.#resolver.blockNames;
    const resolved = await this.#resolver.select(range, compiled(matchers), wishes);
    const answer = this.#answer(resolved, blocks);
    if (this.#held.has(answer.hold)) this.#labels.set(answer.hold, resolved.labels);
    return answer;
  }

  async selectionLabels(hold: number): Promise<LabelList> {
    const labels = this.#labels.get(hold);
    assert(labels !== undefined, () => `selection ${hold} is held`);
    return labels();
  }

  async estimate(
    range: TimeRange,
    matchers: readonly Matcher[],
  ): Promise<ReaderAnswer<PlaceEstimate>> {
    const blocks = this.#resolver.blockNames;
    return this.#answer(await this.#resolver.estimate(range, compiled(matchers)), blocks);
  }

  async exemplars(
    range: TimeRange,
    matcherLists: MatcherLists,
  ): Promise<ReaderAnswer<HeadExemplars>> {
    const blocks = this.#resolver.blockNames;
    const lists = matcherLists.map(compiled);
    return this.#answer(await this.#resolver.exemplars(range, lists), blocks);
  }

  async rollups(): Promise<ReaderAnswer<SentRollups>> {
    const blocks = this.#resolver.blockNames;
    const resolved = await this.#resolver.rollups();
    const head = sentRollups(resolved, this.#resolver.tiers);
    return this.#answer({ ...resolved, head }, blocks);
  }

  async labels(range: TimeRange, query: LabelQuery): Promise<ReaderAnswer<HeadLabels>> {
    const blocks = this.#resolver.blockNames;
    const matcherLists = query.matcherLists.map(compiled);
    const resolved = await this.#resolver.labels(range, { ...query, matcherLists });
    const answer = this.#answer(resolved, blocks);
    if (this.#held.has(answer.hold)) this.#labels.set(answer.hold, resolved.labels);
    return answer;
  }

  #answer<T extends HeadSelection | HeadLabels | HeadExemplars | PlaceEstimate | SentRollups>(
    resolved: Hold & { readonly head: T },
    blocks: readonly string[],
  ): ReaderAnswer<T> {
    const hold = this.#nextHold++;
    // A reader that died while it was answered has nobody to release this.
    if (this.#open) this.#held.set(hold, () => resolved.release());
    else resolved.release();
    const deletions = plainDeletions(this.#resolver.deletions);
    return { hold, head: resolved.head, blocks, deletions };
  }

  /** Nothing happens where it was released before. */
  release(hold: number): void {
    this.#held.get(hold)?.();
    this.#held.delete(hold);
    this.#labels.delete(hold);
  }

  report(problem: string): void {
    this.#resolver.report(problem);
  }

  /** The reader is gone: what it held is free. May be called again. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    for (const hold of [...this.#held.keys()]) this.release(hold);
    closeHeadWindow(this.#kernels, this.setup.window);
    this.#onClose();
  }
}

function compiled(matchers: readonly Matcher[]): readonly Matcher[] {
  return matchers.map(({ type, name, value }) => createMatcher(type, name, value));
}

/** Without what cannot be sent to another thread. */
export function plainMatchers(matchers: readonly Matcher[]): readonly Matcher[] {
  return matchers.map(({ type, name, value }) => ({ type, name, value }));
}
