import { crc32 } from "node:zlib";
import { type Labels, type Matcher, matchesValue } from "@pharos/base";
import type { BlockMeta } from "../block/block-meta.ts";
import { COLUMN_SET_KINDS, type ColumnSetKind } from "../block/column-set.ts";
import { LabelBloom } from "./label-bloom.ts";

export const ARCHIVE_VERSION = 1;

/** Up to so many values of a label are listed; of more there is a filter. */
const LISTED_VALUES_MAX = 32;

/** One file of an archived block. */
export interface ArchivedFile {
  readonly key: string;
  readonly size: number;
  /** Of all its bytes. */
  readonly crc32: number;
  /** Where its pages end and what describes them begins. */
  readonly pagesEnd: number;
  readonly rows: number;
}

/** What values a label has in an archived block: all of them, or a filter that knows most that it has not. */
export interface LabelSummary {
  readonly name: string;
  readonly valueCount: number;
  /** Sorted; absent if there are many. */
  readonly values?: readonly string[];
  /** Base64, see `LabelBloom`. Where there are many. */
  readonly filter?: string;
}

/** An archived block in the catalogue: enough to know whether it may have what is asked, and how to read it. */
export interface ArchiveEntry
  extends Pick<
    BlockMeta,
    | "tier"
    | "rangeStartMs"
    | "rangeEndMs"
    | "sequence"
    | "rank"
    | "minTimeMs"
    | "maxTimeMs"
    | "series"
  > {
  /** Of the entry's own format. */
  readonly version: number;
  /** The index of its series. */
  readonly index: ArchivedFile;
  readonly files: Readonly<Partial<Record<ColumnSetKind, ArchivedFile>>>;
  readonly labels: readonly LabelSummary[];
}

type Identity = Pick<ArchiveEntry, "tier" | "rangeStartMs" | "rangeEndMs" | "sequence">;

/** `raw/1700006400000-1700092800000-3`: the same for a block here and in the archive. */
export function entryName({ tier, rangeStartMs, rangeEndMs, sequence }: Identity): string {
  return `${tier}/${rangeStartMs}-${rangeEndMs}-${sequence}`;
}

export const CATALOGUE_PREFIX = "catalogue/";
export const BLOCKS_PREFIX = "blocks/";

export function entryKey(identity: Identity): string {
  return `${CATALOGUE_PREFIX}${entryName(identity)}.json`;
}

/** `blocks/tier=raw/date=2023-11-15/1700006400000-…`: as databases know it that read folders as columns. */
export function blockPrefix(identity: Identity): string {
  const { tier, rangeStartMs, rangeEndMs, sequence } = identity;
  const date = new Date(rangeStartMs).toISOString().slice(0, 10);
  return `${BLOCKS_PREFIX}tier=${tier}/date=${date}/${rangeStartMs}-${rangeEndMs}-${sequence}/`;
}

export function summarizeLabel(name: string, values: ReadonlySet<string>): LabelSummary {
  const valueCount = values.size;
  if (valueCount <= LISTED_VALUES_MAX) return { name, valueCount, values: [...values].sort() };
  return { name, valueCount, filter: LabelBloom.of(values).toText() };
}

/** False where an archived block surely has no series that matches. */
export function mayMatch({ labels }: ArchiveEntry, matchers: readonly Matcher[]): boolean {
  return matchers.every((matcher) => {
    if (matchesValue(matcher, "")) return true; // A series without the label would match.
    const summary = labels.find(({ name }) => name === matcher.name);
    if (summary === undefined) return false;
    if (summary.values !== undefined)
      return summary.values.some((value) => matchesValue(matcher, value));
    if (matcher.type !== "=" || summary.filter === undefined) return true;
    return LabelBloom.fromText(summary.filter).mayHave(matcher.value);
  });
}

/** `{ "entry": …, "crc32": … }`, the checksum over the text of the inner object. */
export function encodeEntry(entry: ArchiveEntry): Uint8Array {
  const text = JSON.stringify(entry);
  return new TextEncoder().encode(`{"entry":${text},"crc32":${crc32(text)}}\n`);
}

/** Answers what is wrong with the bytes as text. */
export function decodeEntry(bytes: Uint8Array): ArchiveEntry | string {
  let parsed: { entry?: unknown; crc32?: unknown } | null;
  try {
    parsed = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return "not JSON";
  }
  const entry = parsed?.entry;
  if (typeof entry !== "object" || entry === null) return "no entry in it";
  if (crc32(JSON.stringify(entry)) !== parsed?.crc32) return "the checksum does not match";
  // What is below the checksum is what was written: only another version can be different.
  const { version } = entry as { version?: unknown };
  if (version !== ARCHIVE_VERSION) return `format version ${version}, not known`;
  return entry as ArchiveEntry;
}

export function archivedFiles(entry: ArchiveEntry): ArchivedFile[] {
  const files = COLUMN_SET_KINDS.map((kind) => entry.files[kind]);
  return [...files, entry.index].filter((file) => file !== undefined);
}

/** The values of every label of some series, for the summaries. */
export class LabelValues {
  readonly #values = new Map<string, Set<string>>();

  constructor(names: readonly string[]) {
    for (const name of names) this.#values.set(name, new Set());
  }

  add(labels: Labels): void {
    for (const [name, value] of labels) this.#values.get(name)?.add(value);
  }

  summaries(): LabelSummary[] {
    return [...this.#values]
      .filter(([, { size }]) => size > 0)
      .map(([name, values]) => summarizeLabel(name, values));
  }
}
