import { formatDuration, parseDuration } from "@pharos/base";
import type { SearchParams } from "./search-params.ts";
import {
  DEFAULT_RANGE,
  formatTimeBound,
  NOW,
  parseTimeBound,
  RANGE_MS_MAX,
  type TimeRange,
} from "./time-range.ts";
import { UTC } from "./time-zone.ts";

export const TABS = ["graph", "table", "explain"] as const;
export type Tab = (typeof TABS)[number];

/** A query as the URL has it. */
export interface PanelState {
  readonly expr: string;
  readonly tab: Tab;
  readonly stacked: boolean;
  /** Undefined: as the length of the range asks for. */
  readonly stepMs: number | undefined;
}

/** Pauses between automatic refreshes; 0 is off. */
export const REFRESH_MS = [0, 5000, 15_000, 60_000] as const;

/** All that the Explore page shows, and all that is in its URL. */
export interface ExploreState {
  /** None: the overview of this machine. */
  readonly panels: readonly PanelState[];
  /** Undefined: the page chooses. */
  readonly range: TimeRange | undefined;
  /** Undefined: the page chooses. */
  readonly refreshMs: number | undefined;
}

/** More would not be read, and each is a query for every refresh. */
export const PANELS_MAX = 20;

export const NEW_PANEL: PanelState = { expr: "", tab: "graph", stacked: false, stepMs: undefined };

/** Reads the page's own parameters, and those that Prometheus puts into its links (`g0.range_input`, `g0.tab=1`). */
export function readExploreState(params: SearchParams): ExploreState {
  const panels: PanelState[] = [];
  for (let index = 0; index < PANELS_MAX; index++) {
    const key = (name: string) => params[`g${index}.${name}`];
    const expr = key("expr");
    if (expr === undefined) break;
    const stepMs = parseDuration(key("step") ?? "");
    panels.push({
      expr,
      tab: key("tab") === "1" ? "table" : (TABS.find((tab) => tab === key("tab")) ?? "graph"),
      stacked: key("stacked") === "1",
      stepMs: stepMs !== undefined && stepMs > 0 ? stepMs : undefined,
    });
  }
  const refreshMs = params["refresh"] === "off" ? 0 : parseDuration(params["refresh"] ?? "");
  return {
    panels,
    range: readRange(params),
    refreshMs: REFRESH_MS.find((ms) => ms === refreshMs),
  };
}

function readRange(params: SearchParams): TimeRange | undefined {
  if (params["from"] !== undefined) {
    const from = parseTimeBound(params["from"], UTC);
    const to = parseTimeBound(params["to"] ?? "now", UTC);
    return from === undefined || to === undefined ? undefined : { from, to };
  }
  const lengthMs = parseDuration(params["g0.range_input"] ?? "");
  if (lengthMs === undefined || lengthMs === 0 || lengthMs > RANGE_MS_MAX) return undefined;
  const end = parseTimeBound(params["g0.end_input"] ?? "now", UTC) ?? NOW;
  return end.kind === "absolute"
    ? { from: { kind: "absolute", timestampMs: end.timestampMs - lengthMs }, to: end }
    : { from: { kind: "relative", agoMs: end.agoMs + lengthMs }, to: end };
}

/** Writes what `readExploreState` reads; what is the default is left out. */
export function writeExploreState(state: ExploreState): SearchParams {
  const params: Record<string, string> = {};
  for (const [index, panel] of state.panels.entries()) {
    params[`g${index}.expr`] = panel.expr;
    if (panel.tab !== NEW_PANEL.tab) params[`g${index}.tab`] = panel.tab;
    if (panel.stacked) params[`g${index}.stacked`] = "1";
    if (panel.stepMs !== undefined) params[`g${index}.step`] = formatDuration(panel.stepMs);
  }
  if (state.range !== undefined) {
    params["from"] = formatTimeBound(state.range.from);
    params["to"] = formatTimeBound(state.range.to);
  }
  if (state.refreshMs !== undefined)
    params["refresh"] = state.refreshMs === 0 ? "off" : formatDuration(state.refreshMs);
  return params;
}

/** The parameters of a page that shows one expression. */
export function exploreLink(expr: string, tab: Tab = "graph"): SearchParams {
  return writeExploreState({
    panels: [{ ...NEW_PANEL, expr, tab }],
    range: DEFAULT_RANGE,
    refreshMs: undefined,
  });
}
