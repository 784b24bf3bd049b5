import { crc32 } from "node:zlib";
import { OperatingError } from "@pharos/base";
import type { Disk } from "@pharos/ports";

const VERSION = 1;

/** A block that is written and waits for the import to end. */
export interface StagedBlock {
  /** Of its folder. */
  readonly name: string;
  readonly series: number;
  readonly samples: number;
}

/** A part of what is imported that is done as a whole: one of Prometheus's blocks, a day, a file. */
export interface ImportUnit {
  readonly finished: boolean;
  /** Whether its blocks are the store's by now. */
  readonly published: boolean;
  /** Samples that came from the source, those skipped apart. */
  readonly read: number;
  /** Of those, how many had the series and the time of another one, which stands. */
  readonly duplicates: number;
  /** How many different series there are, once it is finished. */
  readonly series: number;
  /** What cannot be taken over, and how many samples that is. */
  readonly skipped: Readonly<Record<string, number>>;
  readonly blocks: readonly StagedBlock[];
  /** Stretches of time that are done, by their start; of an ordered source. */
  readonly rangesDone: readonly number[];
  /** Blocks whose samples are still to be put together; of an unordered source. */
  readonly spills: readonly StagedBlock[];
  /** Where an unordered source goes on. */
  readonly resumeAt: string | null;
  /** What the source is made of, for a later import to know it again. */
  readonly sources: readonly string[];
}

export const NEW_UNIT: ImportUnit = {
  finished: false,
  published: false,
  read: 0,
  duplicates: 0,
  series: 0,
  skipped: {},
  blocks: [],
  rangesDone: [],
  spills: [],
  resumeAt: null,
  sources: [],
};

/** How far an import is, as its file says. */
export interface ImportState {
  readonly version: number;
  /** What is imported, in words: an import goes on only with the same. */
  readonly source: string;
  readonly startedMs: number;
  /** Whether all is written, and blocks are on their way to the store's. */
  readonly publishing: boolean;
  /** For the next block's name. */
  readonly nextSequence: number;
  readonly units: Readonly<Record<string, ImportUnit>>;
}

export function newState(source: string, startedMs: number): ImportState {
  return { version: VERSION, source, startedMs, publishing: false, nextSequence: 1, units: {} };
}

/** Reads the state of an import; undefined if it never began. @throws OperatingError `disk.corrupt`, `disk.failed`. */
export function readState(disk: Disk, path: string): ImportState | undefined {
  if (!disk.exists(path)) return undefined;
  const text = new TextDecoder().decode(disk.read(path));
  const [, inner = "", checksum] = /^\{"import":(.*),"crc32":(\d+)\}\n$/s.exec(text) ?? [];
  if (inner === "" || crc32(inner) !== Number(checksum))
    throw new OperatingError(
      "disk.corrupt",
      `${path} is damaged: remove its folder to begin the import anew`,
    );
  const state = JSON.parse(inner) as ImportState;
  if (state.version !== VERSION)
    throw new OperatingError(
      "disk.corrupt",
      `${path} is of version ${state.version}, not known: remove its folder to begin the import anew`,
    );
  return state;
}

/** `{ "import": …, "crc32": … }`, the checksum over the text of the inner object; it survives a power loss. */
export async function writeState(disk: Disk, directory: string, state: ImportState): Promise<void> {
  const text = JSON.stringify(state);
  const path = `${directory}/state.json`;
  disk.remove(`${path}.tmp`);
  const writer = disk.openAppend(`${path}.tmp`);
  try {
    writer.append([new TextEncoder().encode(`{"import":${text},"crc32":${crc32(text)}}\n`)]);
    await writer.sync();
  } finally {
    writer.close();
  }
  disk.rename(`${path}.tmp`, path);
  await disk.syncDirectory(directory);
}
