import { compareLabels, compareUtf8, type Labels, labelsKey, type Matcher } from "@pharos/base";
import type { TimeRange } from "@pharos/ports";
import type { ChunkDecoder } from "./block.ts";
import type { Blocks } from "./blocks.ts";
import { ColumnBuffer } from "./column-buffer.ts";
import type { Head } from "./head.ts";
import { type LabelPostings, selectSeries } from "./label-index.ts";

type MatcherLists = readonly (readonly Matcher[])[];

/** The head, or a block: series by number. */
interface SeriesSource {
  readonly index: LabelPostings;
  labelsOf(series: number): Labels;
  /** Whether the series has a sample in the range asked for. */
  hasSamples(series: number): boolean;
}

const INDEX_END = 0xffff_ffff;

/** Whether there is a time, and it is not after `maxMs`, which may be Infinity. */
function isWithin(nextTimeMs: number, maxMs: number): boolean {
  return nextTimeMs < Number.POSITIVE_INFINITY && nextTimeMs <= maxMs;
}

/** What may have samples in the range. */
export function seriesSources(
  head: Head,
  blocks: Blocks,
  decoder: ChunkDecoder,
  { minMs, maxMs }: TimeRange,
): SeriesSource[] {
  const { chunks } = head;
  const sources: SeriesSource[] = [
    {
      index: head.index,
      labelsOf: (ref) => head.labelsOf(ref),
      hasSamples: (ref) =>
        isWithin(chunks.nextTimeMs(ref, minMs, 0, INDEX_END), maxMs) ||
        head.lateSamples(ref).some((late) => late.copy(minMs, maxMs).length > 0),
    },
  ];
  const buffer = new ColumnBuffer();
  for (const block of blocks.overlapping(minMs, maxMs)) {
    const index = blocks.indexOf(block);
    sources.push({
      index,
      labelsOf: (series) => index.labelsOf(series),
      hasSamples(series) {
        const list = index.chunksOf(series, minMs, maxMs);
        // A chunk begins and ends with a sample; only one that reaches beyond both ends must be looked into.
        if (list.some((chunk) => chunk.minMs >= minMs || chunk.maxMs <= maxMs)) return true;
        buffer.clear();
        block.readSeries(index, series, minMs, maxMs, decoder, buffer);
        return buffer.length > 0;
      },
    });
  }
  return sources;
}

/** The label sets with samples in the range that match any of the lists; sorted, each once. */
export function listSeries(sources: readonly SeriesSource[], lists: MatcherLists): Labels[] {
  const found = new Map<string, Labels>();
  for (const { source, series } of matching(sources, lists)) {
    const labels = source.labelsOf(series);
    found.set(labelsKey(labels), labels);
  }
  return [...found.values()].sort(compareLabels);
}

/** Label names, sorted; of all series if there are no lists. */
export function listLabelNames(sources: readonly SeriesSource[], lists: MatcherLists): string[] {
  const names = new Set<string>();
  if (lists.length > 0) {
    for (const { source, series } of matching(sources, lists))
      for (const [name] of source.labelsOf(series)) names.add(name);
  } else
    for (const source of sources)
      for (const name of source.index.names())
        if (!names.has(name) && anyValue(source, name)) names.add(name);
  return [...names].sort(compareUtf8);
}

/** The values of a label, sorted; of all series if there are no lists. */
export function listLabelValues(
  sources: readonly SeriesSource[],
  name: string,
  lists: MatcherLists,
): string[] {
  const values = new Set<string>();
  if (lists.length > 0) {
    for (const { source, series } of matching(sources, lists))
      for (const label of source.labelsOf(series)) if (label[0] === name) values.add(label[1]);
  } else
    for (const source of sources)
      for (const value of source.index.valuesOf(name))
        if (!values.has(value) && hasValue(source, name, value)) values.add(value);
  return [...values].sort(compareUtf8);
}

function* matching(
  sources: readonly SeriesSource[],
  lists: MatcherLists,
): Generator<{ source: SeriesSource; series: number }> {
  for (const source of sources)
    for (const matchers of lists)
      for (const series of selectSeries(source.index, matchers))
        if (source.hasSamples(series)) yield { source, series };
}

function anyValue(source: SeriesSource, name: string): boolean {
  for (const value of source.index.valuesOf(name)) if (hasValue(source, name, value)) return true;
  return false;
}

function hasValue(source: SeriesSource, name: string, value: string): boolean {
  return source.index.postingsOf(name, value).some((series) => source.hasSamples(series));
}
