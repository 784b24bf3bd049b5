import { compareUtf8, type Labels, type Matcher, OperatingError } from "@pharos/base";
import type { TimeRange } from "@pharos/ports";
import type { Block, OnDamage } from "./block/block.ts";
import type { ColumnDecoder } from "./block/column-decoder.ts";
import type { BlockSelections } from "./block-selections.ts";
import type { Head } from "./head.ts";
import { type LabelPostings, selectSeriesInSlices, type ValuePostings } from "./label-index.ts";
import type { Pause } from "./slices.ts";

export type MatcherLists = readonly (readonly Matcher[])[];

/** A question about the series that have samples in a range and match any of the lists. */
export type LabelQuery = SeriesQuery | TextsQuery;

export interface SeriesQuery {
  /** Their label sets. */
  readonly kind: "series";
  readonly matcherLists: MatcherLists;
}

export type TextsQuery =
  /** Their label names; those of all series if there are no lists. */
  | { readonly kind: "names"; readonly matcherLists: MatcherLists }
  /** The values of one label; those of all series if there are no lists. */
  | { readonly kind: "values"; readonly name: string; readonly matcherLists: MatcherLists };

const ATTEMPTS_MAX = 3;

/**
 * Those of the series that have samples or histograms in a range, in order; none that has ended.
 *
 * @throws OperatingError `memory.full`.
 */
export function presentInHead(
  { chunks, late, histograms }: Head,
  { minMs, maxMs }: TimeRange,
  refs: Uint32Array,
): Uint32Array {
  const present = chunks.within(refs, minMs, maxMs);
  if (present.length === refs.length || (late.count === 0 && histograms.count === 0))
    return present;
  const known = new Set(present);
  return refs.filter(
    (ref) =>
      known.has(ref) ||
      // A series that ended since it was found had all of its samples in blocks.
      (chunks.has(ref) &&
        (late.samplesOf(ref).some((list) => list.copy(minMs, maxMs).length > 0) ||
          !histograms.within(ref, minMs, maxMs).next().done)),
  );
}

/**
 * The head's answer to "names" and "values". Others get their turn in between; where references come to mean other series
 * meanwhile, it begins again.
 */
export async function headTexts(
  head: Head,
  range: TimeRange,
  query: TextsQuery,
  pause: Pause,
): Promise<readonly string[]> {
  return undisturbed(head, pause, async (turn) => {
    const { matcherLists } = query;
    const present = (refs: Uint32Array): Uint32Array => presentInHead(head, range, refs);
    const texts = new Set<string>();
    if (matcherLists.length === 0) await addAllTexts(texts, head.index, query, present, turn);
    for (const matchers of matcherLists)
      for (const ref of present(await selectSeriesInSlices(head.index, matchers, turn))) {
        // Before the series is looked at, so that it means the same until that is over.
        await turn();
        if (head.chunks.has(ref)) addTexts(texts, query, head.labelsOf(ref));
      }
    return [...texts];
  });
}

async function undisturbed<T>(
  head: Head,
  pause: Pause,
  work: (pause: Pause) => Promise<T>,
): Promise<T> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const { referenceEpoch } = head;
    const disturbed = new Error("references have come to mean other series");
    const turn: Pause = async (steps) => {
      await pause(steps);
      if (head.referenceEpoch !== referenceEpoch) throw disturbed;
    };
    try {
      return await work(turn);
    } catch (error) {
      if (error !== disturbed) throw error;
    }
  }
  // In one go, which nothing can disturb.
  return work(() => Promise.resolve());
}

/** Adds a block's answer to "names" and "values" to that of others. What is damaged in it is left out and reported. */
export async function addBlockTexts(
  texts: Set<string>,
  block: Block,
  selections: BlockSelections,
  decoder: ColumnDecoder,
  range: TimeRange,
  query: TextsQuery,
  pause: Pause,
  damaged: OnDamage,
): Promise<void> {
  const isPresent = (series: number): boolean =>
    presentInBlock(block, series, range, decoder, damaged);
  if (query.matcherLists.length === 0) {
    const present = (series: Uint32Array): Uint32Array => series.filter(isPresent);
    try {
      await addAllTexts(texts, block.index, query, present, pause);
    } catch (error) {
      damaged(damageOf(error));
    }
  }
  for (const matchers of query.matcherLists) {
    const { series, labels } = await selections.select(block, matchers, damaged, pause);
    for (const [at, number] of series.entries()) {
      if (isPresent(number)) addTexts(texts, query, labels[at] as Labels);
      await pause();
    }
  }
}

/** Whether a series of a block has samples or histograms in a range; not where that cannot be read, which is reported. */
export function presentInBlock(
  block: Block,
  series: number,
  { minMs, maxMs }: TimeRange,
  decoder: ColumnDecoder,
  damaged: OnDamage,
): boolean {
  try {
    return block.hasSamples(series, minMs, maxMs, decoder, damaged);
  } catch (error) {
    damaged(damageOf(error));
    return false;
  }
}

/** The error where it says that something on disk is damaged; any other is thrown on. */
function damageOf(error: unknown): OperatingError {
  if (error instanceof OperatingError && error.code === "disk.corrupt") return error;
  throw error;
}

function addTexts(texts: Set<string>, query: TextsQuery, labels: Labels): void {
  for (const [name, value] of labels)
    if (query.kind === "names") texts.add(name);
    else if (name === query.name) texts.add(value);
}

/** Values that are looked at together, one series of each at once. */
const VALUES_TOGETHER = 256;

/** Adds the names that series have, or the values of a name, where all series are asked for. */
async function addAllTexts(
  texts: Set<string>,
  index: LabelPostings,
  query: TextsQuery,
  present: (series: Uint32Array) => Uint32Array,
  pause: Pause,
): Promise<void> {
  if (query.kind === "values") return addPresentValues(texts, index, query.name, present, pause);
  for (const name of index.names()) {
    if (texts.has(name)) continue;
    for (const { anySeries, series } of index.valuePostings(name, anyValue)) {
      // Of most values any series will do.
      const isPresent =
        present(Uint32Array.of(anySeries)).length > 0 || present(series()).length > 0;
      await pause();
      if (!isPresent) continue;
      texts.add(name);
      break;
    }
  }
}

function anyValue(): boolean {
  return true;
}

async function addPresentValues(
  texts: Set<string>,
  index: LabelPostings,
  name: string,
  present: (series: Uint32Array) => Uint32Array,
  pause: Pause,
): Promise<void> {
  let together: ValuePostings[] = [];
  const look = (): void => {
    const any = new Set(present(Uint32Array.from(together, ({ anySeries }) => anySeries)));
    for (const { value, anySeries, series } of together)
      if (any.has(anySeries) || present(series()).length > 0) texts.add(value);
    together = [];
  };
  // What others have is not looked for again.
  for (const entry of index.valuePostings(name, (value) => !texts.has(value))) {
    together.push(entry);
    if (together.length < VALUES_TOGETHER) continue;
    look();
    // Between two looks: what is looked at was read in this turn.
    await pause(VALUES_TOGETHER);
  }
  look();
}

/** Sorted, each once. */
export function sortedTexts(texts: Iterable<string>): string[] {
  return [...new Set(texts)].sort(compareUtf8);
}
