import { formatLabels, formatValue, type Labels, type Matcher, matchesLabels } from "@pharos/base";
import { decodeLabels, type Kernels } from "@pharos/kernels";
import type { Disk } from "@pharos/ports";
import type { Block } from "./block.ts";
import type { BlockCache } from "./block-cache.ts";
import { Blocks } from "./blocks.ts";
import { ColumnDecoder } from "./column-decoder.ts";
import type { BytesColumn, ColumnSet } from "./column-set.ts";
import { mergedSeries } from "./merge-blocks.ts";

export interface DumpOptions {
  /** `blocks`, or `rollups/<tier>`. */
  readonly directory: string;
  readonly matchers: readonly Matcher[];
  /** Both included. */
  readonly minMs: number;
  readonly maxMs: number;
  /** Told of what is damaged, and left out. */
  readonly onDamage: (problem: string) => void;
}

const STALE_LOW = 0x0000_0002;
const STALE_HIGH = 0x7ff0_0000;

export interface DumpedSet {
  readonly labels: Labels;
  readonly set: ColumnSet;
}

/**
 * What blocks hold: series by labels, samples by time. The folder is not changed; what is handed out is valid until the
 * next.
 *
 * @throws OperatingError `disk.failed`, `memory.full`.
 */
export function* dumpedSets(
  disk: Disk,
  kernels: Kernels,
  cache: BlockCache,
  { directory, matchers, minMs, maxMs, onDamage }: DumpOptions,
): Generator<DumpedSet, void, undefined> {
  const decoder = new ColumnDecoder(kernels);
  const blocks = Blocks.look(disk, directory, cache);
  for (const problem of blocks.problems) onDamage(problem);
  try {
    const list: readonly Block[] = blocks.overlapping(minMs, maxMs);
    const report = ({ message }: Error): void => onDamage(message);
    for (const { labelBytes, sets } of mergedSeries(list, decoder, minMs, maxMs, report)) {
      const labels = decodeLabels(labelBytes);
      if (!matchesLabels(matchers, labels)) continue;
      for (const set of sets) yield { labels, set };
    }
  } finally {
    decoder.release();
    blocks.close();
  }
}

/**
 * What blocks hold, as lines: `{labels} value timestamp`, the timestamp in ms. A value that is a staleness marker is
 * `stale`. Other kinds of columns have their name before their values, and byte strings in hexadecimal digits.
 *
 * @throws OperatingError `disk.failed`, `memory.full`.
 */
export function* dumpBlocks(
  disk: Disk,
  kernels: Kernels,
  cache: BlockCache,
  options: DumpOptions,
): Generator<string, void, undefined> {
  for (const { labels, set } of dumpedSets(disk, kernels, cache, options)) {
    const name = formatLabels(labels);
    for (let i = 0; i < set.timestampsMs.length; i++)
      yield `${name} ${sampleText(set, i)} ${set.timestampsMs[i]}`;
  }
}

/** The sample at a place of a set; of a rollup's row, count, sum and so on. */
export function sampleText({ kind, floats, bytes }: ColumnSet, at: number): string {
  const texts = floats.map((words) => floatText(words, at));
  for (const column of bytes) texts.push(bytesText(column, at));
  return kind === "samples" ? texts.join(" ") : `${kind} ${texts.join(" ")}`;
}

function floatText(words: Uint32Array, at: number): string {
  const [low, high] = [words[at * 2] as number, words[at * 2 + 1] as number];
  if (low === STALE_LOW && high === STALE_HIGH) return "stale";
  return formatValue(new Float64Array(Uint32Array.of(low, high).buffer)[0] as number);
}

function bytesText({ ends, bytes }: BytesColumn, at: number): string {
  const from = at === 0 ? 0 : (ends[at - 1] as number);
  return `0x${Buffer.from(bytes.subarray(from, ends[at])).toString("hex")}`;
}
