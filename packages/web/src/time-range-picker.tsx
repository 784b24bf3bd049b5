import "./time-range-picker.css";
import { ActionIcon, Button, Popover, TextInput } from "@mantine/core";
import { formatDuration } from "@pharos/base";
import { type FormEvent, useState } from "react";
import { CalendarIcon, ChevronIcon, LeftIcon, ZoomOutIcon } from "./icons.tsx";
import { formatZone } from "./time-format.ts";
import {
  formatRange,
  formatTimeBoundIn,
  lastRange,
  PRESETS_MS,
  parseTimeBound,
  rangeProblem,
  shiftRange,
  TIME_BOUND_HINT,
  type TimeRange,
  zoomOut,
} from "./time-range.ts";
import type { TimeZone } from "./time-zone.ts";

interface TimeRangePickerProps {
  readonly range: TimeRange;
  readonly zone: TimeZone;
  nowMs(): number;
  onChange(range: TimeRange): void;
}

/** The range of the page: presets, both ends as text, and steps into the past and back. */
export function TimeRangePicker(props: TimeRangePickerProps) {
  const { onChange, range, zone } = props;
  const [opened, setOpened] = useState(false);
  return (
    <fieldset
      className="range"
      aria-label="Time range"
      style={{ border: 0, margin: 0, padding: 0 }}
    >
      <ActionIcon.Group>
        <ActionIcon
          variant="default"
          size={30}
          aria-label="Earlier"
          title="Half a range earlier"
          onClick={() => onChange(shiftRange(range, -1, props.nowMs()))}
        >
          <LeftIcon />
        </ActionIcon>
        <Popover opened={opened} onChange={setOpened} position="bottom-end" trapFocus shadow="md">
          <Popover.Target>
            <Button
              variant="default"
              size="sm"
              h={30}
              px={10}
              fw={500}
              radius={0}
              onClick={() => setOpened(!opened)}
            >
              <span className="range__now">
                <CalendarIcon />
                {formatRange(range, zone)}
              </span>
            </Button>
          </Popover.Target>
          <Popover.Dropdown>
            <RangeForm
              {...props}
              onChange={(next) => {
                setOpened(false);
                onChange(next);
              }}
            />
          </Popover.Dropdown>
        </Popover>
        <ActionIcon
          variant="default"
          size={30}
          aria-label="Later"
          title="Half a range later"
          onClick={() => onChange(shiftRange(range, 1, props.nowMs()))}
        >
          <ChevronIcon />
        </ActionIcon>
        <ActionIcon
          variant="default"
          size={30}
          aria-label="Zoom out"
          title="Zoom out (z, or double-click on a chart)"
          onClick={() => onChange(zoomOut(range, props.nowMs()))}
        >
          <ZoomOutIcon />
        </ActionIcon>
      </ActionIcon.Group>
    </fieldset>
  );
}

function RangeForm(props: TimeRangePickerProps) {
  const { onChange, range, zone } = props;
  const [from, setFrom] = useState(() => formatTimeBoundIn(range.from, zone));
  const [to, setTo] = useState(() => formatTimeBoundIn(range.to, zone));
  const [tried, setTried] = useState(false);

  const fromBound = parseTimeBound(from, zone);
  const toBound = parseTimeBound(to, zone);
  const hint = `Not a time. Use ${TIME_BOUND_HINT}`;
  const problem =
    fromBound === undefined || toBound === undefined
      ? undefined
      : rangeProblem({ from: fromBound, to: toBound }, props.nowMs());

  function submit(event: FormEvent) {
    event.preventDefault();
    setTried(true);
    if (fromBound === undefined || toBound === undefined || problem !== undefined) return;
    onChange({ from: fromBound, to: toBound });
  }

  return (
    <div className="range__pop">
      <form className="range__form" onSubmit={submit}>
        <TextInput
          size="xs"
          data-autofocus
          label={`From (${formatZone(zone)})`}
          value={from}
          onChange={(event) => setFrom(event.currentTarget.value)}
          error={tried && (fromBound === undefined ? hint : problem)}
        />
        <TextInput
          size="xs"
          label={`To (${formatZone(zone)})`}
          value={to}
          onChange={(event) => setTo(event.currentTarget.value)}
          error={tried && toBound === undefined ? hint : undefined}
        />
        <span className="dim">{TIME_BOUND_HINT}</span>
        <Button type="submit" size="xs">
          Apply
        </Button>
      </form>
      <div className="range__presets">
        {PRESETS_MS.map((ms) => {
          const current =
            range.from.kind === "relative" &&
            range.to.kind === "relative" &&
            range.to.agoMs === 0 &&
            range.from.agoMs === ms;
          return (
            <button
              key={ms}
              type="button"
              className="range__preset"
              aria-current={current}
              onClick={() => onChange(lastRange(ms))}
            >
              Last {formatDuration(ms)}
            </button>
          );
        })}
      </div>
    </div>
  );
}
