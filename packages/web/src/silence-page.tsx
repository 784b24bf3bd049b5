import "./incidents.css";
import "./silences.css";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useState } from "react";
import { AlertsNav } from "./alerts-nav.tsx";
import { useApi } from "./api-context.ts";
import { QueryError } from "./query-error.tsx";
import { readSilencePrefill } from "./silence-draft.ts";
import { SilenceForm } from "./silence-form.tsx";
import { loadSilence } from "./silence-requests.ts";
import { useParams as useSearchParams } from "./url-state.ts";

/** A form for a new silence (`/silences/new`, prefilled by the URL), or for one that is there. */
export function SilencePage() {
  const { id } = useParams({ from: "/silences/$id" });
  return (
    <>
      <AlertsNav />
      <main className="page">
        {id === "new" ? <NewSilence /> : <ExistingSilence key={id} id={id} />}
      </main>
    </>
  );
}

function NewSilence() {
  const params = useSearchParams();
  // What the form was opened with; what is typed since is not taken back by a change of the URL.
  const [prefill] = useState(() => readSilencePrefill(params));
  return <SilenceForm prefill={prefill} silence={undefined} />;
}

function ExistingSilence({ id }: { id: string }) {
  const api = useApi();
  const { data, error } = useQuery({
    queryKey: ["silence", id],
    queryFn: ({ signal }) => loadSilence(api.transport, id, signal),
    // A form whose fields change while somebody types helps nobody.
    staleTime: Number.POSITIVE_INFINITY,
  });
  if (error !== null) return <QueryError error={error} expr="" />;
  if (data === undefined) return <div className="empty">Waiting for the silence …</div>;
  const { comment, matchers } = data;
  return <SilenceForm prefill={{ comment, matchers, durationMs: undefined }} silence={data} />;
}
