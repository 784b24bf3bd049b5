import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useApi } from "./api-context.ts";
import { LabelChips } from "./label-chips.tsx";
import { QueryError } from "./query-error.tsx";
import { formatMatchers } from "./silence-draft.ts";
import { previewSilence, type RecurringTimes } from "./silence-requests.ts";
import type { SilenceMatcher, SilencePreview } from "./silence-state.ts";
import { formatShortDateTime, formatWeekday, formatZone } from "./time-format.ts";
import type { TimeZone } from "./time-zone.ts";

const REFRESH_MS = 5000;

/** What fires now and would be hidden, and when it would be, as one types. */
export function SilencePreviewCards(props: {
  matchers: readonly SilenceMatcher[];
  times: RecurringTimes | undefined;
  zone: TimeZone;
}) {
  const { matchers, times, zone } = props;
  const api = useApi();
  const query = useQuery({
    queryKey: ["hidden", formatMatchers(matchers), times],
    queryFn: ({ signal }) => previewSilence(api.transport, matchers, times, signal),
    enabled: matchers.length > 0,
    refetchInterval: REFRESH_MS,
    placeholderData: keepPreviousData,
  });
  const { data, error } = query;
  return (
    <div className="silence__previews">
      {error !== null && <QueryError error={error} expr="" />}
      {times !== undefined && data !== undefined && error === null && (
        <Windows windows={data.windows} zone={zone} />
      )}
      <HiddenNow matchers={matchers} data={data} busy={query.isFetching} />
    </div>
  );
}

/** When it hides, from now on. */
function Windows({ windows, zone }: Pick<SilencePreview, "windows"> & { zone: TimeZone }) {
  return (
    <section className="card" aria-label="When it hides">
      <div className="card__head">
        <h2>When it hides</h2>
        <span className="dim">next, in {formatZone(zone)}</span>
      </div>
      <ol className="plain-list hidden-now">
        {windows.map(({ endsAtMs, startsAtMs }) => (
          <li key={startsAtMs}>
            {formatWeekday(startsAtMs, zone)} {formatShortDateTime(startsAtMs, zone)}{" "}
            <span className="dim">to</span> {formatShortDateTime(endsAtMs, zone)}
          </li>
        ))}
      </ol>
      {windows.length === 0 && <div className="empty">Say which alerts, and it is known.</div>}
    </section>
  );
}

function HiddenNow(props: {
  matchers: readonly SilenceMatcher[];
  data: SilencePreview | undefined;
  busy: boolean;
}) {
  const { busy, data, matchers } = props;
  const shown = matchers.length === 0 ? undefined : data;
  return (
    <section className="card" aria-label="Hidden now" aria-busy={busy}>
      <div className="card__head">
        <h2>Hidden now</h2>
        <span className="dim" aria-live="polite">
          {shown !== undefined && `${shown.count} of ${shown.totalCount} alerts`}
        </span>
      </div>
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
