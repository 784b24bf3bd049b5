import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";
import type { SearchParams } from "./search-params.ts";
import { browserTimeZone, type TimeZone, UTC } from "./time-zone.ts";

/** What every page's URL may have: it stays when the page or its filters change. */
const KEPT = "tz";

function keptOf(params: SearchParams): SearchParams {
  return params[KEPT] === undefined ? {} : { [KEPT]: params[KEPT] };
}

/** The parameters of the URL as the page stands. */
export function useParams(): SearchParams {
  return useSearch({ strict: false }) as SearchParams;
}

/** The parameters that a link to another page takes along. */
export function useKeptParams(): SearchParams {
  return keptOf(useParams());
}

/**
 * A page's state, kept in its URL and nowhere else. A change makes a step in the history unless `replace` is set, as
 * for every key of a search text.
 */
export function useUrlState<State>(
  read: (params: SearchParams) => State,
  write: (state: State) => SearchParams,
): [State, (next: State, options?: { replace?: boolean }) => void] {
  const params = useParams();
  const navigate = useNavigate();
  const state = useMemo(() => read(params), [read, params]);
  const setState = useCallback(
    (next: State, options?: { replace?: boolean }) => {
      void navigate({
        to: ".",
        search: { ...write(next), ...keptOf(params) },
        replace: options?.replace ?? false,
      });
    },
    [navigate, write, params],
  );
  return [state, setState];
}

/** The zone in which the page shows times: the browser's, or UTC where the URL says so. */
export function useTimeZone(): [TimeZone, (utc: boolean) => void] {
  const params = useParams();
  const navigate = useNavigate();
  const zone = params[KEPT] === "utc" ? UTC : browserTimeZone();
  const setUtc = useCallback(
    (utc: boolean) => {
      const { [KEPT]: _, ...rest } = params;
      void navigate({ to: ".", search: utc ? { ...rest, [KEPT]: "utc" } : rest, replace: true });
    },
    [navigate, params],
  );
  return [zone, setUtc];
}
