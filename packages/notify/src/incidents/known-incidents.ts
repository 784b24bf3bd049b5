import type { Incident, IncidentAlert } from "@pharos/alert";
import { INCIDENTS_LIVE_MAX } from "./live-incidents.ts";

interface Written {
  /** As it was decided. */
  readonly incident: Incident;
  /** As it would be read. */
  readonly stored: Incident;
  isKept: boolean;
}

/**
 * The open incidents of groups as this process has stored them. Where no other process writes any, they need not be
 * read again, which costs more than all else that a change of an incident does. What a transaction has written and
 * nobody knows yet to be kept, or that was written over meanwhile, is not known here.
 */
export class KnownIncidents {
  readonly #byGroup = new Map<string, Written>();

  /** The newest of a group as it is stored; undefined where that must be read. */
  get(groupId: string): Incident | undefined {
    const written = this.#byGroup.get(groupId);
    return written?.isKept === true ? written.stored : undefined;
  }

  /** A transaction has written the newest of its group; whether that is kept is not known yet. */
  written(incident: Incident): void {
    const { id } = incident.group;
    // What is over may be taken away behind our back when it is old.
    if (incident.status === "resolved") this.#byGroup.delete(id);
    else if (this.#byGroup.has(id) || this.#byGroup.size < INCIDENTS_LIVE_MAX)
      this.#byGroup.set(id, { incident, stored: asStored(incident), isKept: false });
  }

  /** The transaction that has written it is kept. */
  kept(incident: Incident): void {
    const written = this.#byGroup.get(incident.group.id);
    if (written?.incident === incident) written.isKept = true;
  }
}

/** When alerts that fire end is not stored: senders put it off every minute. */
function asStored(incident: Incident): Incident {
  const alerts = new Map<string, IncidentAlert>();
  for (const [id, alert] of incident.alerts)
    alerts.set(id, alert.firing && alert.endsAtMs !== null ? { ...alert, endsAtMs: null } : alert);
  return { ...incident, alerts };
}
