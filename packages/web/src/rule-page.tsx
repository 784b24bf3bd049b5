import "./incidents.css";
import "./rule-page.css";
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { type AlertRule, loadAlertRules } from "./alert-rules.ts";
import { AlertsNav } from "./alerts-nav.tsx";
import { useApi } from "./api-context.ts";
import { ApiError } from "./api-error.ts";
import { exploreLink } from "./explore-search.ts";
import { Note } from "./note.tsx";
import { QueryError } from "./query-error.tsx";
import { RuleEditor } from "./rule-editor.tsx";
import { ruleText } from "./rule-versions.ts";
import { RuleVersionsCard } from "./rule-versions-card.tsx";
import { useKeptParams } from "./url-state.ts";

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
    queryFn: ({ signal }) => loadAlertRules(api.transport, id, signal),
    // What somebody changes meanwhile is refused when it is saved, not typed over.
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  });
  // A rule that was deleted has its versions still, and can be had back.
  if (error instanceof ApiError && error.kind === "not_found") return <MissingRule id={id} />;
  if (error !== null) return <QueryError error={error} expr="" />;
  if (data === undefined) return <div className="empty">Waiting for the rule …</div>;
  const [rule, ...others] = data;
  if (rule === undefined) return <MissingRule id={id} />;
  if (rule.source === "file") return <ShownRules rules={[rule]} />;
  const isGroup = others.length > 0 || rule.written === "";
  return (
    <>
      {isGroup ? <ShownRules rules={data} /> : <RuleEditor key={rule.version} rule={rule} />}
      <RuleVersionsCard id={rule.id} current={rule.version} />
    </>
  );
}

function MissingRule({ id }: { id: string }) {
  return (
    <>
      <div className="card empty">There is no rule {id} (any more).</div>
      <RuleVersionsCard id={id} current={undefined} />
    </>
  );
}

/** Rules that are not changed here: those of a file, and groups that another program keeps. */
function ShownRules({ rules }: { rules: readonly AlertRule[] }) {
  const kept = useKeptParams();
  const [first] = rules;
  if (first === undefined) return null;
  const isOfFile = first.source === "file";
  return (
    <>
      <div className="page__bar">
        <h1>{isOfFile ? first.name : first.group}</h1>
        <span className="chip chip--grey">{isOfFile ? "from a file" : "group of the API"}</span>
      </div>
      <Note kind="info">
        {isOfFile ? (
          <>
            This rule is in the group <b>{first.group}</b> of <code>{first.file}</code>. Change it
            there and reload; it cannot be edited here.
          </>
        ) : (
          <>
            The group <b>{first.group}</b> was sent as a whole to <code>{first.file}</code>. Change
            it with what sent it; its versions can be restored here.
          </>
        )}
      </Note>
      {rules.map((rule) => (
        <section key={rule.name} className="card rule-editor" aria-label={rule.name}>
          <pre className="rule-editor__expr">{ruleText(rule)}</pre>
          <Link to="/" search={{ ...exploreLink(rule.expr), ...kept }}>
            Explore its expression
          </Link>
        </section>
      ))}
    </>
  );
}
