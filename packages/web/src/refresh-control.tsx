import { ActionIcon } from "@mantine/core";
import { formatDuration } from "@pharos/base";
import { REFRESH_MS } from "./explore-search.ts";
import { RefreshIcon } from "./icons.tsx";
import { formatZone } from "./time-format.ts";
import { browserTimeZone, type TimeZone, UTC } from "./time-zone.ts";

/** Refresh now, and how often by itself. */
export function RefreshControl(props: {
  everyMs: number;
  onRefresh: () => void;
  onChange: (everyMs: number) => void;
}) {
  return (
    <div className="refresh">
      <ActionIcon
        variant="default"
        size={30}
        onClick={props.onRefresh}
        aria-label="Refresh"
        title="Refresh now (r)"
        style={{ borderRadius: "4px 0 0 4px", borderRight: 0 }}
      >
        <RefreshIcon />
      </ActionIcon>
      <select
        aria-label="Refresh every"
        value={props.everyMs}
        onChange={(event) => props.onChange(Number(event.currentTarget.value))}
        style={{ borderRadius: "0 4px 4px 0" }}
      >
        {REFRESH_MS.map((ms) => (
          <option key={ms} value={ms}>
            {ms === 0 ? "Off" : formatDuration(ms)}
          </option>
        ))}
      </select>
    </div>
  );
}

/** The zone of every time on the page. */
export function ZoneControl(props: { zone: TimeZone; onChange: (utc: boolean) => void }) {
  return (
    <select
      className="zone"
      aria-label="Time zone"
      value={props.zone === UTC ? "utc" : "local"}
      onChange={(event) => props.onChange(event.currentTarget.value === "utc")}
    >
      <option value="local">Local ({formatZone(browserTimeZone())})</option>
      <option value="utc">UTC</option>
    </select>
  );
}
