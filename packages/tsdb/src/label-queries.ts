import {
  compareLabels,
  compareUtf8,
  type Labels,
  labelsKey,
  type Matcher,
  NO_LABELS,
  OperatingError,
} from "@pharos/base";
import type { TimeRange } from "@pharos/ports";
import type { Block, OnDamage } from "./block/block.ts";
import type { ColumnDecoder } from "./block/column-decoder.ts";
import type { Head } from "./head.ts";
import { type LabelPostings, selectSeriesInSlices } from "./label-index.ts";
import { type LabelList, LabelListBuilder } from "./label-list.ts";
import type { Pause } from "./slices.ts";

export type MatcherLists = readonly (readonly Matcher[])[];

/** A question about the series that have samples in a range and match any of the lists. */
export type LabelQuery =
  /** Their label sets. */
  | { readonly kind: "series"; readonly matcherLists: MatcherLists }
  /** Their label names; those of all series if there are no lists. */
  | { readonly kind: "names"; readonly matcherLists: MatcherLists }
  /** The values of one label; those of all series if there are no lists. */
  | { readonly kind: "values"; readonly name: string; readonly matcherLists: MatcherLists };

/** The head, or a block: series by number. */
interface SeriesSource {
  readonly index: LabelPostings;
  labelsOf(series: number): Labels;
  /** Whether the series has a sample in the range asked for. */
  hasSamples(series: number): boolean;
}

const INDEX_END = 0xffff_ffff;
/** How often the head's answer begins again before it is made in one go. */
const ATTEMPTS_MAX = 3;

/** Whether there is a time, and it is not after `maxMs`, which may be Infinity. */
function isWithin(nextTimeMs: number, maxMs: number): boolean {
  return nextTimeMs < Number.POSITIVE_INFINITY && nextTimeMs <= maxMs;
}

function headSource(head: Head, { minMs, maxMs }: TimeRange): SeriesSource {
  const { chunks } = head;
  return {
    index: head.index,
    labelsOf: (ref) => head.labelsOf(ref),
    hasSamples: (ref) =>
      // A series that ended since it was found had all of its samples in blocks.
      chunks.has(ref) &&
      (isWithin(chunks.nextTimeMs(ref, minMs, 0, INDEX_END), maxMs) ||
        head.late.samplesOf(ref).some((late) => late.copy(minMs, maxMs).length > 0) ||
        !head.histograms.within(ref, minMs, maxMs).next().done),
  };
}

function blockSource(
  block: Block,
  decoder: ColumnDecoder,
  { minMs, maxMs }: TimeRange,
  damaged: OnDamage,
): SeriesSource {
  return {
    index: block.index,
    labelsOf: (series) => unlessDamaged(() => block.labelsOf(series), NO_LABELS, damaged),
    hasSamples: (series) =>
      unlessDamaged(() => block.hasSamples(series, minMs, maxMs, decoder, damaged), false, damaged),
  };
}

function unlessDamaged<T>(work: () => T, otherwise: T, damaged: OnDamage): T {
  try {
    return work();
  } catch (error) {
    damaged(damageOf(error));
    return otherwise;
  }
}

/** The error where it says that something on disk is damaged; any other is thrown on. */
function damageOf(error: unknown): OperatingError {
  if (error instanceof OperatingError && error.code === "disk.corrupt") return error;
  throw error;
}

/**
 * The head's answer to "series": canonical label bytes. Others get their turn in between; where references come to mean
 * other series meanwhile, it begins again.
 */
export async function headSeries(
  head: Head,
  range: TimeRange,
  matcherLists: MatcherLists,
  pause: Pause,
): Promise<LabelList> {
  return undisturbed(head, pause, async (turn) => {
    const source = headSource(head, range);
    const found = new Set<number>();
    const list = new LabelListBuilder(64);
    await eachMatching(source, matcherLists, turn, (ref) => {
      if (found.has(ref)) return;
      found.add(ref);
      list.add(head.labelBytesOf(ref));
    });
    return list.list();
  });
}

/** The head's answer to "names" and "values". */
export async function headTexts(
  head: Head,
  range: TimeRange,
  query: Exclude<LabelQuery, { kind: "series" }>,
  pause: Pause,
): Promise<readonly string[]> {
  return undisturbed(head, pause, async (turn) => [
    ...(await textsOf(headSource(head, range), query, turn)),
  ]);
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

/** A block's answer, without what is damaged in it, which is reported. @throws OperatingError `disk.failed`. */
export async function blockLabels(
  block: Block,
  decoder: ColumnDecoder,
  range: TimeRange,
  query: LabelQuery,
  pause: Pause,
  damaged: OnDamage,
): Promise<{ readonly labelSets: readonly Labels[]; readonly texts: Iterable<string> }> {
  const source = blockSource(block, decoder, range, damaged);
  const labelSets: Labels[] = [];
  let texts: Iterable<string> = [];
  try {
    if (query.kind !== "series") texts = await textsOf(source, query, pause);
    else
      await eachMatching(source, query.matcherLists, pause, (series) => {
        const labels = source.labelsOf(series);
        if (labels.length > 0) labelSets.push(labels);
      });
  } catch (error) {
    damaged(damageOf(error));
  }
  return { labelSets, texts };
}

async function textsOf(
  source: SeriesSource,
  query: Exclude<LabelQuery, { kind: "series" }>,
  pause: Pause,
): Promise<ReadonlySet<string>> {
  const { matcherLists } = query;
  const texts = new Set<string>();
  if (matcherLists.length > 0) {
    await eachMatching(source, matcherLists, pause, (series) => {
      for (const [name, value] of source.labelsOf(series))
        if (query.kind === "names") texts.add(name);
        else if (name === query.name) texts.add(value);
    });
  } else if (query.kind === "names") {
    for (const name of source.index.names()) {
      for (const value of source.index.valuesOf(name)) {
        await pause();
        if (!hasValue(source, name, value)) continue;
        texts.add(name);
        break;
      }
    }
  } else
    for (const value of source.index.valuesOf(query.name)) {
      if (hasValue(source, query.name, value)) texts.add(value);
      await pause();
    }
  return texts;
}

/** Visits the series that match any of the lists and have samples; one that matches several, several times. */
async function eachMatching(
  source: SeriesSource,
  lists: MatcherLists,
  pause: Pause,
  visit: (series: number) => void,
): Promise<void> {
  for (const matchers of lists)
    for (const series of await selectSeriesInSlices(source.index, matchers, pause)) {
      // Before the series is looked at, so that it means the same until the visit is over.
      await pause();
      if (source.hasSamples(series)) visit(series);
    }
}

function hasValue(source: SeriesSource, name: string, value: string): boolean {
  return source.index.postingsOf(name, value).some((series) => source.hasSamples(series));
}

/** Sorted, each once. */
export function sortedLabels(labelSets: Iterable<Labels>): Labels[] {
  const byKey = new Map<string, Labels>();
  for (const labels of labelSets) byKey.set(labelsKey(labels), labels);
  return [...byKey.values()].sort(compareLabels);
}

/** Sorted, each once. */
export function sortedTexts(texts: Iterable<string>): string[] {
  return [...new Set(texts)].sort(compareUtf8);
}
