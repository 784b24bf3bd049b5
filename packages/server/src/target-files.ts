import { type FSWatcher, watch } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { nodeDisk } from "@pharos/adapters/node";
import type { ScrapeJob, TargetFiles } from "@pharos/collect";

/** The files of this machine, for discovery: paths are absolute, or relative to the working directory. */
export function targetFiles(): TargetFiles {
  const disk = nodeDisk("/");
  return {
    list: (directory) => disk.list(resolve(directory)),
    read: (path) => disk.read(resolve(path)),
  };
}

/** Hears at once of changes in the folders where jobs look for target files; their refresh interval is the fallback. */
export class TargetFileWatcher {
  readonly #onChange: (path: string) => void;
  #watchers: FSWatcher[] = [];

  constructor(onChange: (path: string) => void) {
    this.#onChange = onChange;
  }

  /** Watches the folders of these jobs, and no others any more. */
  apply(jobs: readonly ScrapeJob[]): void {
    this.close();
    const patterns = jobs.flatMap(({ fileSdConfigs }) =>
      fileSdConfigs.flatMap(({ files }) => files),
    );
    for (const folder of new Set(patterns.map((pattern) => dirname(pattern)))) {
      try {
        const watcher = watch(folder, { persistent: false }, (_, name) => {
          if (name !== null) this.#onChange(join(folder, name));
        });
        watcher.on("error", () => watcher.close());
        this.#watchers.push(watcher);
      } catch {
        // A folder that is not there yet, or a system without notices: the refresh interval finds its files.
      }
    }
  }

  close(): void {
    for (const watcher of this.#watchers.splice(0)) watcher.close();
  }
}
