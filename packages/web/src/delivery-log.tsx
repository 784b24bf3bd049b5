import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useApi } from "./api-context.ts";
import { CheckIcon, ErrorIcon, RefreshIcon } from "./icons.tsx";
import { QueryError } from "./query-error.tsx";
import type { RoutingView } from "./routing-page.tsx";
import { type LoggedDelivery, listDeliveries } from "./routing-state.ts";
import { formatAge, formatDateTime } from "./time-format.ts";
import type { TimeZone } from "./time-zone.ts";

const REFRESH_MS = 5000;
const PAGE_SIZE = "25";

const OUTCOMES = {
  delivered: { tone: "green", Icon: CheckIcon },
  retrying: { tone: "amber", Icon: RefreshIcon },
  failed: { tone: "red", Icon: ErrorIcon },
} as const;

/** Every attempt to notify, the newest first. */
export function DeliveryLog(props: {
  view: RoutingView;
  receivers: readonly string[];
  zone: TimeZone;
  onChange: (change: Partial<RoutingView>) => void;
}) {
  const { onChange, view, zone } = props;
  const api = useApi();
  const query = {
    limit: PAGE_SIZE,
    ...(view.receiver === "" ? {} : { receiver: view.receiver }),
    ...(view.outcome === "" ? {} : { outcome: view.outcome }),
    ...(view.cursor === undefined ? {} : { cursor: view.cursor }),
  };
  const { data, error } = useQuery({
    queryKey: ["deliveries", query],
    queryFn: ({ signal }) => listDeliveries(api.transport, query, signal),
    refetchInterval: REFRESH_MS,
    placeholderData: keepPreviousData,
  });
  return (
    <section className="card" aria-label="Deliveries">
      <div className="card__head deliveries__head">
        <h2>Deliveries</h2>
        <select
          className="select"
          aria-label="Receiver"
          value={view.receiver}
          onChange={(event) => onChange({ receiver: event.currentTarget.value })}
        >
          <option value="">All receivers</option>
          {[...new Set([...props.receivers, view.receiver])]
            .filter((name) => name !== "")
            .map((name) => (
              <option key={name}>{name}</option>
            ))}
        </select>
        <select
          className="select"
          aria-label="Outcome"
          value={view.outcome}
          onChange={(event) => onChange({ outcome: event.currentTarget.value })}
        >
          <option value="">All outcomes</option>
          {Object.keys(OUTCOMES).map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </div>
      {error !== null && <QueryError error={error} expr="" />}
      {data?.deliveries.length === 0 && <div className="empty">Nothing was sent.</div>}
      {data !== undefined && data.deliveries.length > 0 && (
        <table className="grid-table grid-table--folds deliveries">
          <thead>
            <tr>
              <th scope="col">Time</th>
              <th scope="col">Outcome</th>
              <th scope="col">Integration</th>
              <th scope="col">What</th>
              <th scope="col" className="num">
                Took
              </th>
            </tr>
          </thead>
          <tbody>
            {data.deliveries.map((delivery) => (
              <DeliveryRow key={delivery.id} delivery={delivery} zone={zone} />
            ))}
          </tbody>
        </table>
      )}
      {(data?.cursor !== undefined || view.cursor !== undefined) && (
        <div className="pager deliveries__pager">
          {view.cursor !== undefined && (
            <button type="button" className="filter" onClick={() => onChange({})}>
              Newest
            </button>
          )}
          {data?.cursor !== undefined && (
            <button
              type="button"
              className="filter"
              onClick={() => onChange({ cursor: data.cursor })}
            >
              Older
            </button>
          )}
        </div>
      )}
    </section>
  );
}

function DeliveryRow({ delivery, zone }: { delivery: LoggedDelivery; zone: TimeZone }) {
  const { attempt, error, firingCount, groupKey, integration, outcome, reason, resolvedCount } =
    delivery;
  const { tone, Icon } = OUTCOMES[outcome];
  const counts = [
    firingCount > 0 ? `${firingCount} firing` : "",
    resolvedCount > 0 ? `${resolvedCount} resolved` : "",
    reason,
    attempt > 1 ? `attempt ${attempt}` : "",
  ].filter((text) => text !== "");
  return (
    <tr>
      <td className="incident__since">{formatDateTime(delivery.atMs, zone)}</td>
      <td>
        <span className={`chip chip--${tone}`}>
          <Icon size={12} />
          {outcome}
        </span>
      </td>
      <td className="mono">{integration}</td>
      <td>
        {counts.join(" · ")}
        {error !== "" && <div className="bad deliveries__error">{error}</div>}
        <div className="dim mono deliveries__group">{groupKey}</div>
      </td>
      <td className="num">{formatAge(delivery.tookMs)}</td>
    </tr>
  );
}
