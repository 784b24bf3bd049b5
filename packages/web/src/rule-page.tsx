import "./incidents.css";
import "./rule-page.css";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { type AlertRule, loadAlertRule } from "./alert-rules.ts";
import { AlertsNav } from "./alerts-nav.tsx";
import { useApi } from "./api-context.ts";
import { QueryError } from "./query-error.tsx";
import { RuleEditor } from "./rule-editor.tsx";

/** A rule of the API to be written (`/alerts/new`) or changed; one of a file to be looked at. */
export function RulePage() {
  const { id } = useParams({ from: "/alerts/$id" });
  return (
    <>
      <AlertsNav />
      <main className="page">
        {id === "new" ? <RuleEditor rule={undefined} /> : <ExistingRule key={id} id={id} />}
      </main>
    </>
  );
}

function ExistingRule({ id }: { id: string }) {
  const api = useApi();
  const { data, error } = useQuery({
    queryKey: ["alert-rule", id],
    queryFn: ({ signal }) => loadAlertRule(api.transport, id, signal),
    // What somebody changes meanwhile is refused when it is saved, not typed over.
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  });
  if (error !== null) return <QueryError error={error} expr="" />;
  if (data === undefined) return <div className="empty">Waiting for the rule …</div>;
  return data.source === "api" ? <RuleEditor rule={data} /> : <FileRule rule={data} />;
}

function FileRule({ rule }: { rule: AlertRule }) {
  return (
    <section className="card rule-editor" aria-label={rule.name}>
      <h1>{rule.name}</h1>
      <p className="form__says">
        This rule is in the group {rule.group} of a file: change it there, and reload.
      </p>
      <pre className="rule-editor__expr">{rule.expr}</pre>
    </section>
  );
}
