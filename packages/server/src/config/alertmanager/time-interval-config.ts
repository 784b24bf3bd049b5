import { parseTimeInterval, type TimeInterval } from "@pharos/alert";
import { quote } from "@pharos/base";
import { isScalar, isSeq } from "yaml";
import { z } from "zod";
import { readYaml, type Unsupported } from "../read-yaml.ts";
import type { YamlSource } from "../yaml-source.ts";

const writtenRanges = z.array(z.string()).optional();

/** One stretch of time, as Alertmanager writes it. */
export const writtenInterval = z.strictObject({
  times: z
    .array(z.strictObject({ start_time: z.string().optional(), end_time: z.string().optional() }))
    .optional(),
  weekdays: writtenRanges,
  days_of_month: writtenRanges,
  months: writtenRanges,
  years: writtenRanges,
  location: z.string().optional(),
});

/** One entry of `time_intervals`, and of `mute_time_intervals`, which is older. */
export const namedIntervalSchema = z.strictObject({
  name: z.string().optional(),
  time_intervals: z.array(writtenInterval).default([]),
});

/** Both sections: what the names in routes mean. `localTimeZone` is what the location `Local` stands for. */
export function readTimeIntervals(
  source: YamlSource,
  unsupported: Unsupported[],
  localTimeZone: string,
): ReadonlyMap<string, readonly TimeInterval[]> {
  const intervals = new Map<string, readonly TimeInterval[]>();
  for (const [section, kind] of [
    ["mute_time_intervals", "mute time interval"],
    ["time_intervals", "time interval"],
  ] as const) {
    const node = source.nodeAt([section]);
    if (!isSeq(node)) {
      readYaml(source, z.array(z.unknown()).optional(), [section], unsupported);
      continue;
    }
    for (const index of node.items.keys()) {
      const path = [section, index];
      const keys = readYaml(source, namedIntervalSchema, path, unsupported);
      const name = nameAt(path, source);
      if (name === "") source.report([...path, "name"], `missing name in ${kind}`);
      else if (intervals.has(name))
        source.report([...path, "name"], `${kind} ${quote(name)} is not unique`);
      const read = keys?.time_intervals.map((written, at) =>
        parseTimeInterval(
          written,
          (below, message) => source.report([...path, "time_intervals", at, ...below], message),
          localTimeZone,
        ),
      );
      // Routes may refer to one that has a mistake in it: that is told once, here.
      intervals.set(name, read ?? []);
    }
  }
  return intervals;
}

function nameAt(path: readonly (string | number)[], source: YamlSource): string {
  const node = source.nodeAt([...path, "name"]);
  return isScalar(node) && node.value !== null ? String(node.value) : "";
}
