/** The views of alerting, in the order in which somebody who was woken up needs them. */
export const ALERT_VIEWS = [
  { to: "/incidents", name: "Incidents" },
  { to: "/silences", name: "Silences" },
  { to: "/alerts", name: "Rules" },
  { to: "/routing", name: "Routing" },
  { to: "/on-call", name: "On-call" },
] as const;

/** Whether a path is that of a view, or of something in it. */
export function isWithin(pathname: string, to: string): boolean {
  return pathname === to || (to !== "/" && pathname.startsWith(`${to}/`));
}
