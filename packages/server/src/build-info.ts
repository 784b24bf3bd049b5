import { readFileSync } from "node:fs";

const manifest = JSON.parse(
  readFileSync(new URL("../../../package.json", import.meta.url), "utf8"),
) as { version: string };

/** What `/api/v1/status/buildinfo` and `pharos --version` answer. */
export const BUILD_INFO = {
  version: manifest.version,
  revision: "",
  branch: "",
  buildUser: "",
  buildDate: "",
  runtimeVersion: `node ${process.versions.node}`,
} as const;
