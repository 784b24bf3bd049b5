import type { Client } from "../http/client.ts";
import type { QuerySource } from "./query-scheduler.ts";

/** A page says here what it asks for: `dashboard` or `explore`. */
const SOURCE_HEADER = "X-Pharos-Query-Source";
/** Grafana says so for each panel of a dashboard, and not where somebody explores. */
const GRAFANA_DASHBOARD_HEADER = "X-Dashboard-Uid";
/** Names of users are cut here. */
const USER_LENGTH_MAX = 256;

/** Who asks, and what for. */
export interface QueryCaller {
  readonly user: string;
  readonly source: QuerySource;
}

/**
 * A user is whoever a proxy in front names in `userHeader`, or else an address. The header is only looked at where it is
 * configured: anybody could send it.
 */
export function queryCaller(
  headers: Headers,
  { address }: Client,
  userHeader: string | undefined,
): QueryCaller {
  const name = userHeader === undefined ? "" : (headers.get(userHeader) ?? "").trim();
  const isDashboard =
    headers.get(SOURCE_HEADER)?.toLowerCase() === "dashboard" ||
    (headers.get(GRAFANA_DASHBOARD_HEADER) ?? "") !== "";
  return {
    user: name === "" ? address : name.slice(0, USER_LENGTH_MAX),
    source: isDashboard ? "dashboard" : "ad-hoc",
  };
}
