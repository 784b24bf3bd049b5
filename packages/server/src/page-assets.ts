import { readdirSync, readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";

const PAGE_FOLDER = resolve(import.meta.dirname, "../../web/dist");

/** The built page, by path from its root; empty if it was not built. */
export function readPageAssets(): ReadonlyMap<string, Uint8Array> {
  const assets = new Map<string, Uint8Array>();
  let entries: ReturnType<typeof list>;
  try {
    entries = list(PAGE_FOLDER);
  } catch {
    return assets; // Not built: the API works all the same.
  }
  for (const path of entries) assets.set(relative(PAGE_FOLDER, path), readFileSync(path));
  return assets;
}

function list(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
