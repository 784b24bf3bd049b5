import { crc32 } from "node:zlib";
import { createMatcher, type Matcher, type MatchType, OperatingError } from "@pharos/base";
import type { Disk } from "@pharos/ports";

/** The file in a folder of blocks that says what was deleted, and one with the same bytes, read where it is damaged. */
export const DELETIONS_FILE = "deletions.json";
export const DELETIONS_COPY_FILE = "deletions.copy.json";

/** So many deletions may wait for their blocks to be rewritten; each costs every read a little. */
export const DELETIONS_MAX = 1000;

const VERSION = 1;

/** That the samples of some series in a stretch of time are no more. */
export interface Deletion {
  readonly matchers: readonly Matcher[];
  /** Both included. Whole numbers. */
  readonly minMs: number;
  readonly maxMs: number;
  /** Blocks with this sequence or a higher one came later: it says nothing about them. */
  readonly beforeSequence: number;
}

/** `{ "deletions": …, "crc32": … }`, the checksum over the text of the inner object. */
export function encodeDeletions(list: readonly Deletion[]): Uint8Array {
  const deletions = list.map(({ matchers, minMs, maxMs, beforeSequence }) => ({
    matchers: matchers.map(({ type, name, value }) => ({ type, name, value })),
    minMs,
    maxMs,
    beforeSequence,
  }));
  const text = JSON.stringify({ version: VERSION, deletions });
  return new TextEncoder().encode(`{"deletions":${text},"crc32":${crc32(text)}}\n`);
}

/** Answers what is wrong with the bytes as text. */
export function decodeDeletions(bytes: Uint8Array): Deletion[] | string {
  const text = new TextDecoder().decode(bytes);
  const match = /^\{"deletions":(.*),"crc32":(\d+)\}\n$/s.exec(text);
  if (match === null) return "not as it was written";
  const [, inner, checksum] = match as unknown as readonly [string, string, string];
  if (crc32(inner) !== Number(checksum)) return "the checksum does not match";
  const { version, deletions } = JSON.parse(inner) as {
    readonly version: unknown;
    readonly deletions: readonly (Omit<Deletion, "matchers"> & {
      readonly matchers: readonly {
        readonly type: MatchType;
        readonly name: string;
        readonly value: string;
      }[];
    })[];
  };
  if (version !== VERSION) return `format version ${String(version)}, not known`;
  return deletions.map(({ matchers, minMs, maxMs, beforeSequence }) => ({
    matchers: matchers.map(({ type, name, value }) => createMatcher(type, name, value)),
    minMs,
    maxMs,
    beforeSequence,
  }));
}

export function equalDeletions(a: readonly Deletion[], b: readonly Deletion[]): boolean {
  if (a === b || (a.length === 0 && b.length === 0)) return true;
  return Buffer.compare(encodeDeletions(a), encodeDeletions(b)) === 0;
}

/** Without what cannot be sent to another thread. */
export function plainDeletions(list: readonly Deletion[]): readonly Deletion[] {
  return list.map((deletion) => ({
    ...deletion,
    matchers: deletion.matchers.map(({ type, name, value }) => ({ type, name, value })),
  }));
}

/**
 * The deletions of a folder of blocks; none if there is no file.
 *
 * @param damaged told, in words, of a damaged file whose copy is not.
 * @throws OperatingError `disk.corrupt` where both are: without them, what was deleted would be there again.
 */
export function readDeletions(
  disk: Disk,
  directory: string,
  damaged: (problem: string) => void = () => {},
): Deletion[] {
  const path = `${directory}/${DELETIONS_FILE}`;
  const copyPath = `${directory}/${DELETIONS_COPY_FILE}`;
  const list = readList(disk, path);
  const copy = readList(disk, copyPath);
  if (typeof copy === "string") damaged(`${copyPath}: ${copy}`);
  if (typeof list === "object" || (list === undefined && copy === undefined)) return list ?? [];
  const wrong = `${path}: ${list ?? "the file is missing"}`;
  if (typeof copy === "object") {
    damaged(wrong);
    return copy;
  }
  throw new OperatingError(
    "disk.corrupt",
    `${wrong}; its copy: ${copy ?? "the file is missing"}. Without both files the folder opens, ` +
      "and has again what was deleted since its blocks were last rewritten",
  );
}

/** What a file says; what is wrong with it, as text; undefined if there is none. */
function readList(disk: Disk, path: string): Deletion[] | string | undefined {
  return disk.exists(path) ? decodeDeletions(disk.read(path)) : undefined;
}

/** Puts a list in place of the one before. When this resolves it survives a power loss; when it throws, either may. */
export async function writeDeletions(
  disk: Disk,
  directory: string,
  list: readonly Deletion[],
): Promise<void> {
  const bytes = encodeDeletions(list);
  for (const name of [DELETIONS_FILE, DELETIONS_COPY_FILE]) {
    const path = `${directory}/${name}`;
    disk.remove(`${path}.tmp`);
    const writer = disk.openAppend(`${path}.tmp`);
    try {
      writer.append([bytes]);
      await writer.sync();
    } finally {
      writer.close();
    }
    disk.rename(`${path}.tmp`, path);
    // One after the other: after a power loss the copy may be the older one, and never the other way round.
    await disk.syncDirectory(directory);
  }
}
