import { type Incident, type IncidentTransition, isLive } from "@pharos/alert";
import { OperatingError } from "@pharos/base";

/** Live incidents that are known in memory; there are no more groups than this either. */
export const INCIDENTS_LIVE_MAX = 20_000;

/** Told after every change, also by other servers: then without transitions. */
export type IncidentListener = (
  incident: Incident,
  transitions: readonly IncidentTransition[],
) => void;

/** The incidents in which something can still change, by the id of their group: one of each group at most. */
export class LiveIncidents {
  readonly #byGroup = new Map<string, Incident>();
  readonly #listeners = new Set<IncidentListener>();
  readonly #onProblem: (error: OperatingError, doing: string) => void;
  /** Groups whose incidents changed here since a reload began to read. */
  readonly #changedGroups = new Set<string>();

  constructor(onProblem: (error: OperatingError, doing: string) => void) {
    this.#onProblem = onProblem;
  }

  get(groupId: string): Incident | undefined {
    return this.#byGroup.get(groupId);
  }

  all(): readonly Incident[] {
    return [...this.#byGroup.values()];
  }

  listen(listener: IncidentListener): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Takes what an incident has become. */
  change(incident: Incident, transitions: readonly IncidentTransition[]): void {
    const { id, group, openedAtMs, transitionCount } = incident;
    this.#changedGroups.add(group.id);
    const known = this.#byGroup.get(group.id);
    // Two transactions may be told of in another order than they were committed in.
    const older =
      known !== undefined &&
      (known.openedAtMs > openedAtMs ||
        (known.id === id && known.transitionCount > transitionCount));
    if (!older) this.#remember(incident);
    if (transitions.length > 0) this.#tell(incident, transitions);
  }

  /** Another one has taken its place, or it is gone. */
  forget(incident: Incident): void {
    if (this.#byGroup.get(incident.group.id) === incident) this.#byGroup.delete(incident.group.id);
  }

  /** To be called before all live incidents are read anew, which `replace` takes. */
  beginReload(): void {
    this.#changedGroups.clear();
  }

  replace(incidents: readonly Incident[]): void {
    const found = new Set(incidents.map(({ group }) => group.id));
    for (const id of this.#byGroup.keys())
      if (!found.has(id) && !this.#changedGroups.has(id)) this.#byGroup.delete(id);
    for (const incident of incidents) {
      if (this.#changedGroups.has(incident.group.id)) continue;
      const known = this.#byGroup.get(incident.group.id);
      this.#remember(incident);
      if (known?.id !== incident.id || known.transitionCount !== incident.transitionCount)
        this.#tell(incident, []);
    }
  }

  #remember(incident: Incident): void {
    const { id } = incident.group;
    if (!isLive(incident)) this.#byGroup.delete(id);
    else if (this.#byGroup.has(id) || this.#byGroup.size < INCIDENTS_LIVE_MAX)
      this.#byGroup.set(id, incident);
    else
      this.#onProblem(
        new OperatingError("queue.full", `there are ${INCIDENTS_LIVE_MAX} incidents already`),
        "opening an incident",
      );
  }

  #tell(incident: Incident, transitions: readonly IncidentTransition[]): void {
    for (const listener of this.#listeners) listener(incident, transitions);
  }
}
