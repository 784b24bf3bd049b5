import "./incidents.css";
import "./routing.css";
import { useQuery } from "@tanstack/react-query";
import { AlertsNav } from "./alerts-nav.tsx";
import { useApi } from "./api-context.ts";
import { useCommand } from "./commands.tsx";
import { DeliveryLog } from "./delivery-log.tsx";
import { PagePreviewCard, usePagePreview } from "./page-preview-card.tsx";
import { QueryError } from "./query-error.tsx";
import { ReceiverCards } from "./receiver-cards.tsx";
import { RouteTree } from "./route-tree.tsx";
import { loadRouting } from "./routing-state.ts";
import type { SearchParams } from "./search-params.ts";
import { useTimeZone, useUrlState } from "./url-state.ts";

const REFRESH_MS = 5000;

/** What the page shows; all of it is in the URL. */
export interface RoutingView {
  /** Of the alert that is asked about, as typed. */
  readonly labels: string;
  /** Of the log; "" for all. */
  readonly receiver: string;
  readonly outcome: string;
  readonly cursor: string | undefined;
}

function readView(params: SearchParams): RoutingView {
  return {
    labels: params["labels"] ?? "",
    receiver: params["receiver"] ?? "",
    outcome: params["outcome"] ?? "",
    cursor: params["cursor"] || undefined,
  };
}

function writeView({ cursor, labels, outcome, receiver }: RoutingView): SearchParams {
  return {
    ...(labels === "" ? {} : { labels }),
    ...(receiver === "" ? {} : { receiver }),
    ...(outcome === "" ? {} : { outcome }),
    ...(cursor === undefined ? {} : { cursor }),
  };
}

/** Who is told of what, whether that works, and what was told. */
export function RoutingPage() {
  const api = useApi();
  const [zone] = useTimeZone();
  const [view, setView] = useUrlState(readView, writeView);
  const { data, error, refetch } = useQuery({
    queryKey: ["routing"],
    queryFn: ({ signal }) => loadRouting(api.transport, signal),
    refetchInterval: REFRESH_MS,
  });
  useCommand("refresh", () => void refetch());
  const [now] = usePagePreview(view.labels).data ?? [];
  const taken = new Set((now?.routes ?? []).map(({ key, receiver }) => `${key}\n${receiver}`));

  return (
    <>
      <AlertsNav />
      <main className="page">
        <div className="page__bar">
          <h1>Routing</h1>
        </div>
        {error !== null && <QueryError error={error} expr="" />}
        {data === undefined ? (
          error === null && <div className="empty">Waiting for the routes …</div>
        ) : (
          <div className="routing">
            <div className="routing__column">
              <PagePreviewCard
                text={view.labels}
                zone={zone}
                onChange={(text) => setView({ ...view, labels: text }, { replace: true })}
              />
              <RouteTree route={data.route} active={data.activeIntervals} taken={taken} />
            </div>
            <div className="routing__column">
              <ReceiverCards
                receivers={data.receivers}
                onShowLog={(receiver) => setView({ ...view, receiver, cursor: undefined })}
              />
            </div>
          </div>
        )}
        <DeliveryLog
          view={view}
          receivers={data?.receivers.map(({ name }) => name) ?? []}
          zone={zone}
          onChange={(change) => setView({ ...view, cursor: undefined, ...change })}
        />
      </main>
    </>
  );
}
