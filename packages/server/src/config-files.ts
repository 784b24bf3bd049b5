import { globSync, readFileSync } from "node:fs";
import { errorText, OperatingError } from "@pharos/base";
import type { ConfigEnvironment } from "./config/load-config.ts";

/** Configuration files of this machine. */
export function nodeConfigEnvironment(): ConfigEnvironment {
  return {
    env: process.env,
    readFile(path) {
      try {
        return readFileSync(path, "utf8");
      } catch (error) {
        const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
        throw missing
          ? new OperatingError("not_found", `${path}: no such file`)
          : new OperatingError("disk.failed", `${path}: ${errorText(error)}`);
      }
    },
    glob: (pattern) => (/[*?[]/.test(pattern) ? globSync(pattern).sort() : [pattern]),
  };
}
