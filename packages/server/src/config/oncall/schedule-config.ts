import {
  isTimeZone,
  parseTimeInterval,
  type Schedule,
  type ScheduleLayer,
  type ScheduleOverride,
  TIME_ZONE_HINT,
} from "@pharos/alert";
import { quote } from "@pharos/base";
import type { z } from "zod";
import type { Path, YamlSource } from "../yaml-source.ts";
import type { layerSchema, scheduleSchema } from "./oncall-schema.ts";

const HOUR_MS = 3_600_000;
const WEEK_HOURS = 7 * 24;
/** A turn lasts no longer than a year. */
const TURN_HOURS_MAX = 366 * 24;

/** One entry of `schedules`. */
export function scheduleConfig(
  keys: z.output<typeof scheduleSchema>,
  path: Path,
  source: YamlSource,
): Schedule {
  const isZone = isTimeZone(keys.time_zone);
  if (!isZone)
    source.report(
      [...path, "time_zone"],
      `${quote(keys.time_zone)} is not known; ${TIME_ZONE_HINT}`,
    );
  const timeZone = isZone ? keys.time_zone : "UTC";
  const names = new Set<string>();
  const layers = keys.layers.map((layer, index) => {
    const at = [...path, "layers", index];
    const name = layer.name ?? `layer ${index + 1}`;
    if (names.has(name)) source.report([...at, "name"], `${quote(name)} is there already`);
    names.add(name);
    return layerConfig(layer, name, timeZone, at, source);
  });
  const overrides = keys.overrides.map((override, index): ScheduleOverride => {
    const startsAtMs = toMs(override.from, timeZone);
    const endsAtMs = toMs(override.to, timeZone);
    if (endsAtMs <= startsAtMs)
      source.report([...path, "overrides", index, "to"], "must be after from");
    return { id: `file-${index + 1}`, contact: override.contact, startsAtMs, endsAtMs };
  });
  return { name: keys.name, timeZone, layers, overrides };
}

function layerConfig(
  keys: z.output<typeof layerSchema>,
  name: string,
  timeZone: string,
  path: Path,
  source: YamlSource,
): ScheduleLayer {
  const { participants, starts, ends, every, handover_days: days, restrictions } = keys;
  if (every !== undefined && days !== undefined)
    source.report([...path, "handover_days"], "only one of every and handover_days");
  const hours = every === undefined ? WEEK_HOURS : every / HOUR_MS;
  if (!Number.isInteger(hours) || hours > TURN_HOURS_MAX)
    source.report([...path, "every"], "a turn lasts whole hours, at most a year: 12h, 1d, 1w");
  if (ends !== undefined && Temporal.PlainDateTime.compare(starts, ends) >= 0)
    source.report([...path, "ends"], "must be after starts");
  return {
    name,
    participants,
    startsAt: starts,
    ...(ends === undefined ? {} : { endsAt: ends }),
    handover:
      days === undefined
        ? { kind: "every", hours: Math.max(1, Math.floor(hours)) }
        : { kind: "weekdays", weekdays: [...new Set(days)].sort((a, b) => a - b) },
    ...(restrictions === undefined
      ? {}
      : {
          restrictions: restrictions.map((written, index) =>
            parseTimeInterval(
              { location: timeZone, ...written },
              (below, message) =>
                source.report([...path, "restrictions", index, ...below], message),
              timeZone,
            ),
          ),
        }),
  };
}

/** A time that the clocks skip is as much later as they were moved. */
function toMs(wall: string, timeZone: string): number {
  return Temporal.PlainDateTime.from(wall).toZonedDateTime(timeZone).epochMilliseconds;
}
