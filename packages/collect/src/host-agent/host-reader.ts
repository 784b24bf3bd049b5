/** What `statfs` says of a file system. Counts of blocks are in units of `blockSize` bytes. */
export interface FileSystemSpace {
  readonly blockSize: number;
  readonly blocks: number;
  readonly blocksFree: number;
  /** Free for users other than root. */
  readonly blocksAvailable: number;
  readonly files: number;
  readonly filesFree: number;
}

/** A Linux host as the agent sees it. */
export interface HostReader {
  /** The text of a file of /proc or /sys; undefined where there is none or it may not be read. */
  readonly readFile: (path: string) => string | undefined;
  /** Undefined where the file system cannot be asked. */
  readonly fileSystemSpace: (mountPoint: string) => FileSystemSpace | undefined;
  /** The hardware name, as `uname -m` prints it: x86_64. */
  readonly machine: string;
  /** Wall-clock time, Unix epoch. */
  readonly nowMs: number;
}

/** The lines of a file without the empty ones; none where there is no file. */
export function linesOf(reader: HostReader, path: string): readonly string[] {
  return (reader.readFile(path) ?? "").split("\n").filter((line) => line.trim() !== "");
}

/** The words of a line. */
export function wordsOf(line: string): readonly string[] {
  return line.trim().split(/\s+/);
}

/** The whole of a file as one number; undefined where there is none. */
export function numberIn(reader: HostReader, path: string): number | undefined {
  const text = reader.readFile(path)?.trim();
  if (text === undefined || text === "") return undefined;
  const value = Number(text);
  return Number.isFinite(value) ? value : undefined;
}
