import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useApi } from "./api-context.ts";
import { LabelChips } from "./label-chips.tsx";
import { QueryError } from "./query-error.tsx";
import { formatMatchers } from "./silence-draft.ts";
import { previewSilence } from "./silence-requests.ts";
import type { SilenceMatcher } from "./silence-state.ts";

const REFRESH_MS = 5000;
/** What fires now and would be hidden, as one types. */
export function HiddenNow({ matchers }: { matchers: readonly SilenceMatcher[] }) {
  const api = useApi();
  const { data, error, isFetching } = useQuery({
    queryKey: ["hidden", formatMatchers(matchers)],
    queryFn: ({ signal }) => previewSilence(api.transport, matchers, signal),
    enabled: matchers.length > 0,
    refetchInterval: REFRESH_MS,
    placeholderData: keepPreviousData,
  });
  const shown = matchers.length === 0 ? undefined : data;
  return (
    <section className="card" aria-label="Hidden now" aria-busy={isFetching}>
      <div className="card__head">
        <h2>Hidden now</h2>
        <span className="dim" aria-live="polite">
          {shown !== undefined && `${shown.count} of ${shown.totalCount} alerts`}
        </span>
      </div>
      {error !== null && <QueryError error={error} expr="" />}
      {shown === undefined || shown.count === 0 ? (
        <div className="empty">
          {matchers.length === 0
            ? "Say which alerts, and those that fire now are listed here."
            : "Nothing that fires now: this silence is for what comes."}
        </div>
      ) : (
        <ul className="plain-list hidden-now">
          {shown.alerts.map((alert) => (
            <li key={alert.fingerprint}>
              <LabelChips labels={alert.labels} />
              {alert.silencedBy.length > 0 && <span className="dim">silenced already</span>}
            </li>
          ))}
        </ul>
      )}
      {shown !== undefined && shown.count > shown.alerts.length && (
        <p className="empty">{shown.count - shown.alerts.length} more.</p>
      )}
    </section>
  );
}
