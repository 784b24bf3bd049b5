import { useComputedColorScheme } from "@mantine/core";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { useApi } from "./api-context.ts";
import { listShifts, type Shift } from "./oncall-state.ts";
import { QueryError } from "./query-error.tsx";
import { colorOf, styleSeries } from "./series-color.ts";
import { calendarDays } from "./shift-calendar.ts";
import { type TimeBar, timeBars } from "./time-bars.ts";
import { formatShortDateTime } from "./time-format.ts";
import type { TimeZone } from "./time-zone.ts";

const REFRESH_MS = 60_000;
/** Names in narrower bars would only be dots. */
const NAMED_PERCENT_MIN = 4;

/** Who is on call on which day, for two weeks. */
export function ShiftCalendar(props: { schedule: string; nowMs: number; zone: TimeZone }) {
  const { nowMs, schedule, zone } = props;
  const api = useApi();
  const scheme = useComputedColorScheme("light", { getInitialValueInEffect: false });
  const days = useMemo(() => calendarDays(nowMs, zone), [nowMs, zone]);
  const fromMs = days[0]?.startsAtMs ?? nowMs;
  const toMs = days.at(-1)?.endsAtMs ?? nowMs;
  const { data, error } = useQuery({
    queryKey: ["shifts", schedule, fromMs, toMs],
    queryFn: ({ signal }) => listShifts(api.transport, schedule, fromMs, toMs, signal),
    refetchInterval: REFRESH_MS,
    placeholderData: keepPreviousData,
  });
  const bars = useMemo(() => timeBars(data ?? [], fromMs, toMs), [data, fromMs, toMs]);
  const colors = useMemo(() => {
    const contacts = [...new Set(bars.map(({ item }) => item.onDuty?.contact ?? ""))];
    const styles = styleSeries(contacts.map((contact) => [["contact", contact]]));
    return new Map(
      contacts.map((contact, index) => [
        contact,
        colorOf(styles[index] ?? { slot: 0, dash: [] }, scheme),
      ]),
    );
  }, [bars, scheme]);
  const nowPercent = ((nowMs - fromMs) / (toMs - fromMs)) * 100;
  return (
    <div className="scroll-x">
      {error !== null && <QueryError error={error} expr="" />}
      <div className="calendar">
        <div className="calendar__days" aria-hidden="true">
          {days.map((day) => (
            <span key={day.startsAtMs} data-weekend={day.isWeekend || undefined}>
              {day.text}
            </span>
          ))}
        </div>
        <ol className="calendar__bars" aria-label={`Who is on call in ${schedule}`}>
          {bars.map((bar) => (
            <Bar key={bar.item.startsAtMs} bar={bar} colors={colors} zone={zone} />
          ))}
        </ol>
        <span className="calendar__now" style={{ left: `${nowPercent}%` }} title="now" />
      </div>
    </div>
  );
}

function Bar(props: { bar: TimeBar<Shift>; colors: ReadonlyMap<string, string>; zone: TimeZone }) {
  const { bar, colors, zone } = props;
  const { item: shift, leftPercent, widthPercent } = bar;
  const who = shift.onDuty?.contact ?? "nobody";
  const color = colors.get(shift.onDuty?.contact ?? "") ?? "";
  const text = `${who}${shift.onDuty?.isOverride === true ? " (stands in)" : ""}`;
  const times = `${formatShortDateTime(shift.startsAtMs, zone)} to ${formatShortDateTime(shift.endsAtMs, zone)}`;
  return (
    <li
      className="calendar__bar"
      data-nobody={shift.onDuty === undefined || undefined}
      style={{ left: `${leftPercent}%`, width: `${widthPercent}%`, borderLeftColor: color }}
      title={`${text}, ${times}`}
    >
      <span className={widthPercent < NAMED_PERCENT_MIN ? "visually-hidden" : undefined}>
        {text}
      </span>
      <span className="visually-hidden">{times}</span>
    </li>
  );
}
