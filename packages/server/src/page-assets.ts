import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";

const PAGE_FOLDER = resolve(import.meta.dirname, "../../web/dist");

/** The built page, by path from its root; empty if it was not built, since the API works all the same. */
export function readPageAssets(): ReadonlyMap<string, Uint8Array> {
  const paths = existsSync(PAGE_FOLDER) ? filesBelow(PAGE_FOLDER) : [];
  return new Map(paths.map((path) => [relative(PAGE_FOLDER, path), readFileSync(path)]));
}

function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
