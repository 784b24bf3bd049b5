import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { listAlertRules } from "./alert-rules.ts";
import { useApi } from "./api-context.ts";
import { useKeptParams } from "./url-state.ts";

/** Rules that were switched off: the list of what is evaluated does not have them. */
export function SwitchedOffRules() {
  const api = useApi();
  const kept = useKeptParams();
  const { data } = useQuery({
    queryKey: ["alert-rules", "api"],
    queryFn: ({ signal }) => listAlertRules(api.transport, { source: "api" }, signal),
    refetchInterval: 30_000,
  });
  const off = (data ?? []).filter(({ enabled }) => !enabled);
  if (off.length === 0) return null;
  return (
    <section className="card" aria-label="Switched off">
      <div className="card__head">
        <h2>Switched off</h2>
        <span className="dim">rules of the API that are not evaluated</span>
      </div>
      <ul className="rules-off">
        {off.map((rule) => (
          <li key={rule.id}>
            <Link to="/alerts/$id" params={{ id: rule.id }} search={kept}>
              {rule.name}
            </Link>
            <code className="dim">{rule.expr}</code>
          </li>
        ))}
      </ul>
    </section>
  );
}
