import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useApi } from "./api-context.ts";
import { LabelChips } from "./label-chips.tsx";
import { QueryError } from "./query-error.tsx";
import { formatMatchers } from "./silence-draft.ts";
import { alertsHiddenBy } from "./silence-requests.ts";
import type { SilenceMatcher } from "./silence-state.ts";

const REFRESH_MS = 5000;
/** Rows that are of use to eyes; the number of the others is said. */
const ROWS_MAX = 100;

/** What fires now and would be hidden, as one types. */
export function HiddenNow({ matchers }: { matchers: readonly SilenceMatcher[] }) {
  const api = useApi();
  const { data, error, isFetching } = useQuery({
    queryKey: ["hidden", formatMatchers(matchers)],
    queryFn: ({ signal }) => alertsHiddenBy(api.transport, matchers, signal),
    enabled: matchers.length > 0,
    refetchInterval: REFRESH_MS,
    placeholderData: keepPreviousData,
  });
  const shown = matchers.length === 0 ? [] : (data ?? []);
  return (
    <section className="card" aria-label="Hidden now" aria-busy={isFetching}>
      <div className="card__head">
        <h2>Hidden now</h2>
        <span className="dim" aria-live="polite">
          {matchers.length > 0 && data !== undefined && countText(shown.length)}
        </span>
      </div>
      {error !== null && <QueryError error={error} expr="" />}
      {shown.length === 0 ? (
        <div className="empty">
          {matchers.length === 0
            ? "Say which alerts, and those that fire now are listed here."
            : "Nothing that fires now: this silence is for what comes."}
        </div>
      ) : (
        <ul className="hidden-now">
          {shown.slice(0, ROWS_MAX).map((alert) => (
            <li key={alert.fingerprint}>
              <LabelChips labels={alert.labels} />
              {alert.summary !== "" && <span className="incident__summary">{alert.summary}</span>}
            </li>
          ))}
        </ul>
      )}
      {shown.length > ROWS_MAX && <p className="empty">{shown.length - ROWS_MAX} more.</p>}
    </section>
  );
}

function countText(count: number): string {
  return count === 1 ? "1 alert" : `${count} alerts`;
}
