import { readFileSync, statfsSync } from "node:fs";
import { machine } from "node:os";
import type { HostReader } from "@pharos/collect";

/** This machine, as the built-in host agent reads it. What cannot be read is simply not reported. */
export function hostReader(nowMs: number): HostReader {
  return {
    machine: machine(),
    nowMs,
    readFile(path) {
      try {
        return readFileSync(path, "utf8");
      } catch {
        return undefined; // Not on this kind of machine, or not for this user.
      }
    },
    fileSystemSpace(mountPoint) {
      try {
        const { bsize, blocks, bfree, bavail, files, ffree } = statfsSync(mountPoint);
        return {
          blockSize: bsize,
          blocks,
          blocksFree: bfree,
          blocksAvailable: bavail,
          files,
          filesFree: ffree,
        };
      } catch {
        return undefined;
      }
    },
  };
}
