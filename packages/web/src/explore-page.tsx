import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { useApi } from "./api-context.ts";
import { useCommand } from "./commands.tsx";
import {
  NEW_PANEL,
  PANELS_MAX,
  type PanelState,
  readExploreState,
  writeExploreState,
} from "./explore-search.ts";
import { overviewRange } from "./host-overview.ts";
import { PlusIcon } from "./icons.tsx";
import { MachineOverview } from "./machine-overview.tsx";
import { QueryPanel } from "./query-panel.tsx";
import { RefreshControl, ZoneControl } from "./refresh-control.tsx";
import {
  DEFAULT_RANGE,
  type Interval,
  resolveRange,
  type TimeRange,
  zoomOut,
  zoomTo,
} from "./time-range.ts";
import { TimeRangePicker } from "./time-range-picker.tsx";
import { useTimeZone, useUrlState } from "./url-state.ts";
import { useRefreshClock } from "./use-refresh-clock.ts";

/** The overview moves by itself: it is what a screen on the wall shows. */
const OVERVIEW_REFRESH_MS = 5000;

/** How often the overview asks whether its range should grow. */
const OVERVIEW_AGE_MS = 15_000;

/** Queries, or this machine at a glance where there are none yet. */
export function ExplorePage() {
  const api = useApi();
  const [state, setState] = useUrlState(readExploreState, writeExploreState);
  const [zone, setUtc] = useTimeZone();
  const isOverview = state.panels.length === 0;
  const refreshMs = state.refreshMs ?? (isOverview ? OVERVIEW_REFRESH_MS : 0);
  const clock = useRefreshClock(refreshMs);
  const defaultRange = useDefaultRange(isOverview && state.range === undefined);
  const range = state.range ?? defaultRange;
  const interval = useMemo(
    () => (range === undefined ? undefined : resolveRange(range, clock.nowMs)),
    [range, clock.nowMs],
  );

  const setRange = (next: TimeRange) => setState({ ...state, range: next });
  const onZoom = (part: Interval) => setRange(zoomTo(part));
  const onZoomOut = () => setRange(zoomOut(range ?? DEFAULT_RANGE, api.nowMs()));
  useCommand("refresh", clock.refresh);
  useCommand("zoomOut", onZoomOut);

  const panels = isOverview ? [NEW_PANEL] : state.panels;
  const setPanels = (next: readonly PanelState[]) =>
    setState({ ...state, panels: next, range: range ?? DEFAULT_RANGE });

  return (
    <main className="page">
      <div className="page__bar">
        <h1>Explore</h1>
        <div className="page__spring" />
        <TimeRangePicker
          range={range ?? DEFAULT_RANGE}
          zone={zone}
          nowMs={api.nowMs}
          onChange={setRange}
        />
        <RefreshControl
          everyMs={refreshMs}
          onRefresh={clock.refresh}
          onChange={(everyMs) => setState({ ...state, refreshMs: everyMs })}
        />
        <ZoneControl zone={zone} onChange={setUtc} />
      </div>
      {interval !== undefined &&
        panels.map((panel, index) => (
          <QueryPanel
            // biome-ignore lint/suspicious/noArrayIndexKey: a panel is its place in the URL.
            key={index}
            panel={panel}
            number={index + 1}
            interval={interval}
            zone={zone}
            takesFocus={index === 0}
            onChange={(changed) =>
              setPanels(panels.map((old, at) => (at === index ? changed : old)))
            }
            onRefresh={clock.refresh}
            onRemove={
              isOverview ? undefined : () => setPanels(panels.filter((_, at) => at !== index))
            }
            onZoom={onZoom}
            onZoomOut={onZoomOut}
          />
        ))}
      {!isOverview && panels.length < PANELS_MAX && (
        <div>
          <Button
            variant="default"
            size="xs"
            leftSection={<PlusIcon />}
            onClick={() => setPanels([...panels, NEW_PANEL])}
          >
            Add query
          </Button>
        </div>
      )}
      {isOverview && range !== undefined && interval !== undefined && (
        <MachineOverview
          range={range}
          interval={interval}
          zone={zone}
          onZoom={onZoom}
          onZoomOut={onZoomOut}
        />
      )}
    </main>
  );
}

/** The overview's range, once the server has said how old its samples are; else the usual one. */
function useDefaultRange(wanted: boolean): TimeRange | undefined {
  const api = useApi();
  const status = useQuery({
    queryKey: ["status", "tsdb"],
    queryFn: ({ signal }) => api.tsdbStatus(signal),
    enabled: wanted,
    refetchInterval: OVERVIEW_AGE_MS,
  });
  const oldestMs = status.data?.headMinTimeMs;
  return useMemo(() => {
    if (!wanted) return DEFAULT_RANGE;
    return status.isPending ? undefined : overviewRange(oldestMs, api.nowMs());
  }, [wanted, status.isPending, oldestMs, api]);
}
