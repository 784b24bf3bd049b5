import { TextInput } from "@mantine/core";
import { Choice } from "./choice.tsx";
import { DURATIONS, REPEATS, resolveSchedule, type SilenceSchedule } from "./silence-schedule.ts";
import { formatShortDateTime, formatZone } from "./time-format.ts";
import type { TimeZone } from "./time-zone.ts";

const UNTIL = { value: "", name: "Until …" } as const;

/** The fields for when a silence holds. */
export function SilenceScheduleFields(props: {
  schedule: SilenceSchedule;
  nowMs: number;
  zone: TimeZone;
  onChange: (schedule: SilenceSchedule) => void;
}) {
  const { nowMs, onChange, schedule, zone } = props;
  const times = resolveSchedule(schedule, nowMs, zone);
  const endText =
    schedule.duration === "" || "problem" in times
      ? schedule.end
      : formatShortDateTime(times.windowEndMs, zone);
  const recurs = schedule.repeat !== "";
  return (
    <>
      <div>
        <div className="form__label">For how long</div>
        <Choice
          label="For how long"
          options={[...DURATIONS, UNTIL]}
          value={schedule.duration}
          onChange={(duration) => onChange({ ...schedule, duration, end: endText })}
        />
      </div>
      <div className="form__times">
        <TextInput
          label={`From (${formatZone(zone)})`}
          value={schedule.start}
          onChange={(event) => onChange({ ...schedule, start: event.currentTarget.value })}
        />
        <TextInput
          label={`Until (${formatZone(zone)})`}
          value={endText}
          onChange={(event) =>
            onChange({ ...schedule, duration: "", end: event.currentTarget.value })
          }
        />
      </div>
      <div>
        <div className="form__label">Again</div>
        <Choice
          label="Again"
          options={REPEATS}
          value={schedule.repeat}
          onChange={(repeat) => onChange({ ...schedule, repeat })}
        />
      </div>
      {schedule.repeat === "custom" && (
        <TextInput
          label="Recurrence rule (RFC 5545)"
          value={schedule.rule}
          onChange={(event) => onChange({ ...schedule, rule: event.currentTarget.value })}
        />
      )}
      {recurs && (
        <TextInput
          label={`For the last time until (${formatZone(zone)})`}
          description={`Each time at the same time of the day in ${formatZone(zone)}.`}
          value={schedule.lastEnd}
          onChange={(event) => onChange({ ...schedule, lastEnd: event.currentTarget.value })}
        />
      )}
    </>
  );
}
