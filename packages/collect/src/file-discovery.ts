import { createHash } from "node:crypto";
import { OperatingError } from "@pharos/base";
import type { Disk } from "@pharos/ports";
import type { FileDiscoveryConfig, TargetGroup } from "./scrape-job.ts";
import { parseTargetFile } from "./target-file.ts";

/** What discovery needs of a file system; `Disk` has it. Paths are the configuration's. */
export type TargetFiles = Pick<Disk, "list" | "read">;

const FILE_PATTERN = /^[^*]*(?:\*[^/]*)?\.(?:json|yml|yaml)$/i;

/** Why a path of `file_sd_configs` is not allowed, or undefined. */
export function fileDiscoveryPathProblem(path: string): string | undefined {
  return FILE_PATTERN.test(path) && (path.match(/\*/g) ?? []).length <= 1
    ? undefined
    : `path name ${JSON.stringify(path)} is not valid for file discovery: it must end in .json, .yml or .yaml, and only its last part may hold one "*"`;
}

/**
 * Targets listed in files. A file that cannot be read keeps the groups it had before and shows up in `errors`; a file
 * that is gone loses them.
 */
export class FileDiscovery {
  readonly #config: FileDiscoveryConfig;
  readonly #files: TargetFiles;
  /** Of each file as it was read last, good or bad. */
  readonly #hashes = new Map<string, string>();
  readonly #groups = new Map<string, readonly TargetGroup[]>();
  readonly #errors = new Map<string, string>();

  constructor(config: FileDiscoveryConfig, files: TargetFiles) {
    this.#config = config;
    this.#files = files;
  }

  get refreshIntervalMs(): number {
    return this.#config.refreshIntervalMs;
  }

  /** Whether it looks for the same files at the same interval. */
  hasConfig({ files, refreshIntervalMs }: FileDiscoveryConfig): boolean {
    return (
      refreshIntervalMs === this.#config.refreshIntervalMs &&
      files.length === this.#config.files.length &&
      files.every((file, at) => file === this.#config.files[at])
    );
  }

  /** Reads all files again. Answers whether the groups have changed. */
  refresh(): boolean {
    const paths = new Set(
      this.#config.files.flatMap((pattern) => expandPattern(this.#files, pattern)),
    );
    let changed = false;
    for (const path of [...this.#hashes.keys(), ...this.#errors.keys()])
      if (!paths.has(path) && this.#forget(path)) changed = true;
    for (const path of paths) if (this.#readFile(path)) changed = true;
    return changed;
  }

  /** Answers whether the file's groups have changed. */
  #readFile(path: string): boolean {
    try {
      const bytes = this.#files.read(path);
      const hash = createHash("sha256").update(bytes).digest("hex");
      if (hash === this.#hashes.get(path)) return false;
      this.#hashes.set(path, hash);
      this.#groups.set(path, parseTargetFile(path, bytes));
      this.#errors.delete(path);
      return true;
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      const changed = error.code === "not_found" && this.#forget(path);
      this.#errors.set(path, error.message);
      return changed;
    }
  }

  /** Answers whether the file had groups. */
  #forget(path: string): boolean {
    this.#hashes.delete(path);
    this.#errors.delete(path);
    return this.#groups.delete(path);
  }

  /** Whether a change of this file concerns this discovery. */
  watches(path: string): boolean {
    return this.#config.files.some((pattern) => matchesPattern(pattern, path));
  }

  get groups(): readonly TargetGroup[] {
    return [...this.#groups.keys()].sort().flatMap((path) => this.#groups.get(path) ?? []);
  }

  /** Path to what is wrong with the file. */
  get errors(): ReadonlyMap<string, string> {
    return this.#errors;
  }
}

function expandPattern(files: TargetFiles, pattern: string): readonly string[] {
  if (!pattern.includes("*")) return [pattern];
  const directory = pattern.slice(0, Math.max(0, pattern.lastIndexOf("/")));
  const prefix = pattern.slice(0, pattern.lastIndexOf("/") + 1);
  return files
    .list(directory === "" && prefix === "/" ? "/" : directory)
    .map((name) => prefix + name)
    .filter((path) => matchesPattern(pattern, path));
}

/** One `*` stands for any text without a slash. */
function matchesPattern(pattern: string, path: string): boolean {
  const star = pattern.indexOf("*");
  if (star < 0) return path === pattern;
  const before = pattern.slice(0, star);
  const after = pattern.slice(star + 1);
  if (path.length < before.length + after.length) return false;
  if (!path.startsWith(before) || !path.endsWith(after)) return false;
  return !path.slice(before.length, path.length - after.length).includes("/");
}
