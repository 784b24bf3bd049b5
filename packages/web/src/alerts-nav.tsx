import "./alerts-nav.css";
import { Link, useLocation } from "@tanstack/react-router";
import { ALERT_VIEWS, isWithin } from "./alert-views.ts";
import { useKeptParams } from "./url-state.ts";

/** Leads from one view of alerting to the others. */
export function AlertsNav() {
  const kept = useKeptParams();
  const pathname = useLocation({ select: (location) => location.pathname });
  return (
    <nav className="subnav" aria-label="Views of alerting">
      {ALERT_VIEWS.map(({ to, name }) => (
        <Link
          key={to}
          to={to}
          search={kept}
          className="subnav__link"
          aria-current={isWithin(pathname, to) ? "page" : undefined}
        >
          {name}
        </Link>
      ))}
    </nav>
  );
}
