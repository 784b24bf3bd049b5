import { useComputedColorScheme } from "@mantine/core";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { useApi } from "./api-context.ts";
import { listShifts, type Shift, type ShiftList } from "./oncall-state.ts";
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
  const rows = useMemo(() => rowsOf(schedule, data, fromMs, toMs), [schedule, data, fromMs, toMs]);
  const colors = useMemo(() => {
    const bars = rows.flatMap((row) => row.bars);
    const contacts = [...new Set(bars.map(({ item }) => item.onDuty?.contact ?? ""))];
    const styles = styleSeries(contacts.map((contact) => [["contact", contact]]));
    return new Map(
      contacts.map((contact, index) => [
        contact,
        colorOf(styles[index] ?? { slot: 0, dash: [] }, scheme),
      ]),
    );
  }, [rows, scheme]);
  const nowPercent = ((nowMs - fromMs) / (toMs - fromMs)) * 100;
  return (
    // It is wider than a phone: whoever has no finger on it scrolls it with the arrow keys.
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable without a mouse.
    <section className="scroll-x" tabIndex={0} aria-label={`Calendar of ${schedule}`}>
      {error !== null && <QueryError error={error} expr="" />}
      <div className="calendar">
        <div className="calendar__days" aria-hidden="true">
          {days.map((day) => (
            <span key={day.startsAtMs} data-weekend={day.isWeekend || undefined}>
              {day.text}
            </span>
          ))}
        </div>
        <div className="calendar__rows">
          {rows.map((row) => (
            <div key={row.key}>
              {row.layer !== undefined && (
                <span className="calendar__layer dim" aria-hidden="true">
                  layer {row.layer}
                </span>
              )}
              <ol className="calendar__bars" aria-label={row.label}>
                {row.bars.map((bar) => (
                  <Bar
                    key={bar.item.startsAtMs}
                    bar={bar}
                    colors={colors}
                    zone={zone}
                    isLayer={row.layer !== undefined}
                  />
                ))}
              </ol>
            </div>
          ))}
        </div>
        <span className="calendar__now" style={{ left: `${nowPercent}%` }} title="now" />
      </div>
    </section>
  );
}

interface CalendarRow {
  readonly key: string;
  readonly label: string;
  /** Undefined for what counts in the end. */
  readonly layer: string | undefined;
  readonly bars: readonly TimeBar<Shift>[];
}

/** What counts, and below it the layers that it comes from, where it is not one layer alone. */
function rowsOf(
  schedule: string,
  list: ShiftList | undefined,
  fromMs: number,
  toMs: number,
): CalendarRow[] {
  const { shifts = [], layers = [] } = list ?? {};
  const isPlain = layers.length <= 1 && !shifts.some(({ onDuty }) => onDuty?.isOverride === true);
  return [
    {
      ...{ key: "", label: `Who is on call in ${schedule}`, layer: undefined },
      bars: timeBars(shifts, fromMs, toMs),
    },
    ...(isPlain ? [] : layers.toReversed()).map(({ name, shifts: ofLayer }) => ({
      ...{ key: `layer ${name}`, label: `Layer ${name} of ${schedule}`, layer: name },
      // Where a layer has nobody another one counts: that is no gap.
      bars: timeBars(
        ofLayer.filter(({ onDuty }) => onDuty !== undefined),
        fromMs,
        toMs,
      ),
    })),
  ];
}

function Bar(props: {
  bar: TimeBar<Shift>;
  colors: ReadonlyMap<string, string>;
  zone: TimeZone;
  isLayer: boolean;
}) {
  const { bar, colors, isLayer, zone } = props;
  const { item: shift, leftPercent, widthPercent } = bar;
  const who = shift.onDuty?.contact ?? "nobody";
  const color = colors.get(shift.onDuty?.contact ?? "") ?? "";
  const text = `${who}${shift.onDuty?.isOverride === true ? " (stands in)" : ""}`;
  const times = `${formatShortDateTime(shift.startsAtMs, zone)} to ${formatShortDateTime(shift.endsAtMs, zone)}`;
  return (
    <li
      className="calendar__bar"
      data-layer={isLayer || undefined}
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
