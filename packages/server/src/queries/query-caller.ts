import type { Client } from "../http/client.ts";
import type { ReadRequest } from "../http/read-request.ts";
import type { QuerySource } from "./query-scheduler.ts";

/** A page says here what it asks for: `dashboard` or `explore`. */
const SOURCE_HEADER = "x-pharos-query-source";
/** Grafana says so for each panel of a dashboard, and not where somebody explores. */
const GRAFANA_DASHBOARD_HEADER = "x-dashboard-uid";
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
  request: ReadRequest,
  { address }: Client,
  userHeader: string | undefined,
): QueryCaller {
  const name = userHeader === undefined ? "" : request.header(userHeader.toLowerCase()).trim();
  const isDashboard =
    request.header(SOURCE_HEADER).toLowerCase() === "dashboard" ||
    request.header(GRAFANA_DASHBOARD_HEADER) !== "";
  return {
    user: name === "" ? address : name.slice(0, USER_LENGTH_MAX),
    source: isDashboard ? "dashboard" : "ad-hoc",
  };
}
