import { labelsFrom } from "@pharos/base";
import type { FileDiscoveryConfig, TargetGroup } from "@pharos/collect";
import type { z } from "zod";
import type { DISCOVERY_KEYS } from "./discovery-schema.ts";

type DiscoveryKeys = {
  readonly [Key in "static_configs" | "file_sd_configs"]: z.output<(typeof DISCOVERY_KEYS)[Key]>;
};

/** How targets are found, of a scrape job or of a set of Alertmanagers; `resolve` gives the path of a file. */
export function discoveryConfigs(
  keys: DiscoveryKeys,
  resolve: (path: string) => string,
): {
  readonly staticConfigs: readonly TargetGroup[];
  readonly fileSdConfigs: readonly FileDiscoveryConfig[];
} {
  return {
    staticConfigs: keys.static_configs.map(({ targets, labels }, index) => ({
      targets: targets.map((address) => labelsFrom([["__address__", address]])),
      labels: labelsFrom(Object.entries(labels)),
      source: String(index),
    })),
    fileSdConfigs: keys.file_sd_configs.map(({ files, refresh_interval }) => ({
      files: files.map(resolve),
      refreshIntervalMs: refresh_interval,
    })),
  };
}
